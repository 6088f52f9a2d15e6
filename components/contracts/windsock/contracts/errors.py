"""The two ways a step ends on purpose, and the exit codes that tell them apart from a crash."""

EXIT_CRASHED = 1
EXIT_BAD_INPUT = 2
EXIT_REFUSED = 3
SHOWN_LIMIT = 200


class InputError(ValueError):
    """Something a person gave is wrong; the message is one line that the person can act on.

    Example: `volume.tolerance: got -1, expected a number from 0 to 1`.
    """

    def __init__(self, field: str, value: object, expected: str) -> None:
        self.field = field
        self.value = value
        self.expected = expected
        super().__init__(" ".join(f"{_short(field)}: got {_short(_shown(value))}, expected {expected}".split()))


def _shown(value: object) -> str:
    """The value as Python writes it; one nested too deep for that is named by its type."""
    try:
        return repr(value)
    except RecursionError:
        return f"a {type(value).__name__} nested too deep to show"


def _short(text: str) -> str:
    return text if len(text) <= SHOWN_LIMIT else text[: SHOWN_LIMIT - 3] + "..."


class Refused(Exception):  # noqa: N818  a refusal is an answer and no error
    """A gate said no and the run must stop. This is an answer, not a failure of the program."""
