"""Traffic between two releases behind four methods, and the fence that stops what comes too late."""

import contextlib
import fcntl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from windsock.contracts.errors import InputError
from windsock.contracts.files import read_json, write_json
from windsock.contracts.rollout_settings import FULL


class OvertakenError(Exception):
    """A newer decision has been brought to the traffic already; this one is of yesterday and changes nothing."""


@dataclass(frozen=True)
class Wanted:
    """What the traffic is to be: shares in percent by release, and who gets copies; `number` is the entry that says so.

    Raises:
        InputError: the shares do not sum to 100.
    """

    number: int
    weights: Mapping[str, int]
    copies_to: str = ""

    def __post_init__(self) -> None:
        if sum(self.weights.values()) != FULL or min(self.weights.values()) < 0:
            raise InputError("weights", dict(self.weights), f"shares that sum to {FULL}")


class Traffic(Protocol):
    """A place whose traffic can be led. Every method may be called any number of times, and killed anywhere.

    `splits` says whether it can give two releases a share each, `copies` whether it can send one a copy of requests.
    """

    splits: bool
    copies: bool

    def set_weights(self, wanted: Wanted) -> None:
        """Leads the traffic as wanted.

        Raises:
            OvertakenError: a wish with a higher number was brought here before.
        """

    def get_weights(self) -> dict[str, int]:
        """The shares as they are now, of the releases that have any."""

    def ready(self, wanted: Wanted) -> str:
        """What is missing until the traffic is as wanted, in words; empty when nothing is.

        A wish whose number was never brought here is missing, even if the shares happen to be the same: until its
        number has passed the fence, an older process could still change them.
        """

    def finalize(self, wanted: Wanted) -> None:
        """Ends a rollout: the one release that `wanted` names keeps all, the other's servers may go.

        Raises:
            OvertakenError: as `set_weights`.
        """


class Fence:
    """Lets only ever newer numbers through, one at a time. The lock goes with the process that holds it."""

    def __init__(self, directory: Path) -> None:
        self._number, self._lock = directory / "brought.json", directory / "brought.lock"

    @property
    def number(self) -> int:
        """The highest number that has passed."""
        return int(read_json(self._number, "fence")["number"]) if self._number.exists() else 0

    @contextlib.contextmanager
    def passed(self, number: int) -> Iterator[int]:
        """Holds the fence for the length of the block, and gives the lock's descriptor: whoever inherits it holds too.

        Raises:
            OvertakenError: a higher number has passed.
        """
        self._lock.parent.mkdir(parents=True, exist_ok=True)
        with self._lock.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            passed = self.number
            if number < passed:
                raise OvertakenError(f"entry {passed} has been brought to the traffic, {number} comes too late")
            if number > passed:
                write_json(self._number, {"number": number})
            yield lock.fileno()


class Unsplit:
    """A place with no traffic to split: the release that serves is written down, and that is all."""

    splits = False
    copies = False

    def __init__(self, directory: Path) -> None:
        self._file = directory / "serves.json"
        self._fence = Fence(directory)

    def set_weights(self, wanted: Wanted) -> None:
        """Writes down who has all.

        Raises:
            InputError: the shares would have to be split.
            OvertakenError: a newer wish was brought before.
        """
        if FULL not in wanted.weights.values():
            raise InputError("weights", dict(wanted.weights), "one release with all: there is no traffic to split here")
        self.finalize(wanted)

    def get_weights(self) -> dict[str, int]:
        """The release that serves, with all."""
        return dict(read_json(self._file, "who serves")) if self._file.exists() else {}

    def ready(self, wanted: Wanted) -> str:
        """Whether it is written down."""
        served = {release: share for release, share in wanted.weights.items() if share}
        known = self._fence.number >= wanted.number and self.get_weights() == served
        return "" if known else "not written down yet"

    def finalize(self, wanted: Wanted) -> None:
        """As `set_weights`."""
        with self._fence.passed(wanted.number):
            write_json(self._file, {release: share for release, share in wanted.weights.items() if share})
