"""The two ways a step ends on purpose, and the exit codes that tell them apart from a crash."""

EXIT_CRASHED = 1
EXIT_BAD_INPUT = 2
EXIT_REFUSED = 3


class InputError(ValueError):
    """Something a person gave is wrong; the message is one line that the person can act on.

    Example: `volume.tolerance: got -1, expected a number from 0 to 1`.
    """

    def __init__(self, field: str, value: object, expected: str) -> None:
        self.field = field
        self.value = value
        self.expected = expected
        shown = repr(value)
        if len(shown) > 200:
            shown = shown[:197] + "..."
        super().__init__(" ".join(f"{field}: got {shown}, expected {expected}".split()))


class Refused(Exception):
    """A gate said no and the run must stop. This is an answer, not a failure of the program."""
