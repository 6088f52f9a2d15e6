"""How many threads a step may use, where several steps share the processors of a machine."""

from collections.abc import Mapping

from windsock.contracts.errors import InputError

THREADS = "WINDSOCK_THREADS"


def threads(environment: Mapping[str, str]) -> int | None:
    """The number that `WINDSOCK_THREADS` gives; None where it is not set: then a step takes all processors.

    Threads that wait for processors of others cost more than they bring: with three steps at once on two processors
    DuckDB needs 1.6 times the processor time that one thread each needs.

    Raises:
        InputError: it is no whole number from 1 on.
    """
    said = environment.get(THREADS, "")
    if not said:
        return None
    if not (said.isascii() and said.isdigit() and len(said) <= 4 and int(said)):
        raise InputError(THREADS, said, "a whole number from 1 to 9999")
    return int(said)
