"""A limit that refuses, and where it comes from: one that nobody can explain is not one to stop a run with."""

from dataclasses import dataclass

from windsock.contracts.errors import InputError


@dataclass(frozen=True)
class Bound:
    """A limit that a gate holds a figure against, where the limit comes from, and who answers for it.

    Without an `owner` it is the owner of the use case.
    """

    limit: float
    origin: str
    owner: str = ""

    def __post_init__(self) -> None:
        if not self.origin.strip():
            raise InputError("origin of a limit", self.origin, "a sentence that says where the limit comes from")

    def check(self, name: str, low: float, high: float) -> None:
        """Refuses a limit that could never refuse, or never pass, a figure that lies between `low` and `high`."""
        if not low <= self.limit <= high:
            raise InputError(f"{name}.limit", self.limit, f"a number from {low} to {high}")
