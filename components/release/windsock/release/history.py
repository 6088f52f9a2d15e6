"""The history of releases: numbered entries that are only ever added, each with the evidence that its decision saw.

The state of a rollout is nothing but what its entries say, so whoever reads them knows all there is to know. An entry
is added on condition that no other has its number: of two that decide at once, one wins, and the other reads again.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol, Self

from windsock.contracts.clock import format_time, parse_time
from windsock.contracts.errors import InputError
from windsock.contracts.files import create_bytes
from windsock.contracts.rollout_settings import FULL


class Kind(StrEnum):
    """What an entry says has been decided or seen."""

    STARTED = "started"
    MEASURED = "measured"
    CONFIRMED = "confirmed"
    MOVED = "moved"
    HELD = "held"
    VOIDED = "voided"
    ROLLED_BACK = "rolled_back"
    SETTLED = "settled"


@dataclass(frozen=True)
class Entry:
    """One decision: when, what, between which releases, the candidate's weight from then on, and why.

    `details` hold what it was decided on: verdicts with their findings, counts, or the serving release's usual figures.
    """

    number: int
    at: datetime
    kind: Kind
    serving: str
    candidate: str
    weight: int
    reason: str
    details: Mapping[str, Any] = field(default_factory=dict)

    def encode(self) -> bytes:
        """The entry as JSON, the same bytes for the same entry."""
        fields = {
            "number": self.number,
            "at": format_time(self.at),
            "kind": self.kind.value,
            "serving": self.serving,
            "candidate": self.candidate,
            "weight": self.weight,
            "reason": self.reason,
            "details": dict(self.details),
        }
        return (json.dumps(fields, indent=2, sort_keys=True, allow_nan=False) + "\n").encode()

    @classmethod
    def from_json(cls, value: Any, what: str) -> Self:
        """Reads what `encode` wrote.

        Raises:
            InputError: it is no entry.
        """
        try:
            return cls(**{**value, "at": parse_time(value["at"], what), "kind": Kind(value["kind"])})
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(what, value, f"an entry of a history ({error})") from error


# Entries that settle who gets how much of the traffic; the others note what was seen.
DECIDES = frozenset({Kind.STARTED, Kind.MOVED, Kind.VOIDED, Kind.ROLLED_BACK, Kind.SETTLED})


class Store(Protocol):
    """Where entries are kept: two calls, the second one conditional."""

    def read(self) -> list[Entry]:
        """All entries, by number from 1 on."""

    def append(self, entry: Entry) -> bool:
        """Adds an entry, unless its number is taken: then nothing happens and the answer is False."""


class Numbered(Protocol):
    """A place of named bytes where a name is given once."""

    def names(self) -> list[str]:
        """The names of what is whole there."""

    def get(self, name: str) -> bytes:
        """What has a name."""

    def create(self, name: str, content: bytes) -> bool:
        """Stores, unless the name is taken; says whether it did."""


class Directory:
    """Numbered files: one gets its name once it is whole and on disk, and the file system gives no name twice."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def names(self) -> list[str]:
        """The files' names; what is being written has another one."""
        return [path.name for path in self.path.glob("[0-9]*.json")]

    def get(self, name: str) -> bytes:
        """A file's bytes."""
        return (self.path / name).read_bytes()

    def create(self, name: str, content: bytes) -> bool:
        """Writes a file, unless there is one of that name."""
        return create_bytes(self.path / name, content)


class History:
    """A store of entries under their numbers, in a place where a name is given once."""

    def __init__(self, place: Numbered) -> None:
        self._place = place

    def read(self) -> list[Entry]:
        """All entries.

        Raises:
            InputError: one is missing or broken.
        """
        entries = [self._entry(name) for name in sorted(self._place.names()) if name.endswith(".json")]
        for number, entry in enumerate(entries, start=1):
            if entry.number != number:
                raise InputError("history", f"entry {entry.number}", f"entry {number}: one is missing")
        return entries

    def append(self, entry: Entry) -> bool:
        """Adds an entry, unless there is one of that number."""
        return self._place.create(f"{entry.number:06}.json", entry.encode())

    def _entry(self, name: str) -> Entry:
        try:
            return Entry.from_json(json.loads(self._place.get(name)), f"history {name}")
        except (ValueError, RecursionError) as error:
            raise InputError(f"history {name}", str(error), "JSON of an entry") from error


class Phase(StrEnum):
    """Where a release is: `rolling` has a part or only copies, `probation` has all and waits for labels."""

    IDLE = "idle"
    ROLLING = "rolling"
    PROBATION = "probation"


@dataclass(frozen=True)
class Span:
    """A time with one weight, from when the traffic was seen to follow it; `ended_at` is None while it lasts."""

    weight: int
    began_at: datetime
    ended_at: datetime | None = None


@dataclass(frozen=True)
class State:
    """What the entries say: who serves, who is tried, with which weight, and since when.

    `decided` is the number of the entry that settled the weights; `previous` served before; `spans` are those of the
    rollout at hand; `failed` are the candidates that were refused.
    """

    number: int = 0
    decided: int = 0
    phase: Phase = Phase.IDLE
    serving: str = ""
    candidate: str = ""
    previous: str = ""
    weight: int = 0
    began_at: datetime | None = None
    moved_at: datetime | None = None
    confirmed: bool = False
    held: bool = False
    baseline: Mapping[str, Any] | None = None
    spans: tuple[Span, ...] = ()
    failed: frozenset[str] = frozenset()

    @property
    def weights(self) -> dict[str, int]:
        """The share of the traffic of each release, in percent; their sum is 100."""
        if self.phase is Phase.IDLE or not self.candidate:
            return {self.serving: FULL} if self.serving else {}
        return {self.serving: FULL - self.weight, self.candidate: self.weight}


def fold(entries: Iterable[Entry]) -> State:
    """The state that entries lead to."""
    state = State()
    for entry in entries:
        state = replace(_STEPS[entry.kind](state, entry), number=entry.number)
        if entry.kind in DECIDES:
            state = replace(state, decided=entry.number)
    return state


def _phase(entry: Entry) -> Phase:
    return Phase.PROBATION if entry.weight == FULL else Phase.ROLLING


def _started(state: State, entry: Entry) -> State:
    return replace(
        state,
        phase=_phase(entry),
        serving=entry.serving,
        candidate=entry.candidate,
        weight=entry.weight,
        began_at=entry.at,
        moved_at=entry.at,
        confirmed=False,
        held=False,
        baseline=None,
        spans=(),
    )


def _measured(state: State, entry: Entry) -> State:
    """What the serving release usually does: it is judged against from here on."""
    return replace(state, baseline=entry.details["baseline"])


def _confirmed(state: State, entry: Entry) -> State:
    return replace(state, confirmed=True, spans=(*state.spans, Span(entry.weight, entry.at)))


def _closed(state: State, entry: Entry) -> tuple[Span, ...]:
    """The spans, the last one ended."""
    if not state.spans or state.spans[-1].ended_at is not None:
        return state.spans
    return (*state.spans[:-1], replace(state.spans[-1], ended_at=entry.at))


def _moved(state: State, entry: Entry) -> State:
    return replace(
        state,
        phase=_phase(entry),
        weight=entry.weight,
        moved_at=entry.at,
        confirmed=False,
        held=False,
        spans=_closed(state, entry),
    )


def _held(state: State, entry: Entry) -> State:
    del entry
    return replace(state, held=True)


def _ended(state: State, entry: Entry, failed: frozenset[str]) -> State:
    """Back to one release with all the traffic; who served before it is kept in mind."""
    previous = state.serving if entry.serving != state.serving else state.previous
    return replace(
        state,
        phase=Phase.IDLE,
        serving=entry.serving,
        candidate="",
        previous=previous,
        weight=0,
        confirmed=False,
        held=False,
        spans=_closed(state, entry),
        failed=failed,
    )


def _voided(state: State, entry: Entry) -> State:
    return _ended(state, entry, state.failed)


def _rolled_back(state: State, entry: Entry) -> State:
    return _ended(state, entry, state.failed | {entry.candidate})


def _settled(state: State, entry: Entry) -> State:
    return _ended(state, entry, state.failed - {entry.serving})


_STEPS = {
    Kind.STARTED: _started,
    Kind.MEASURED: _measured,
    Kind.CONFIRMED: _confirmed,
    Kind.MOVED: _moved,
    Kind.HELD: _held,
    Kind.VOIDED: _voided,
    Kind.ROLLED_BACK: _rolled_back,
    Kind.SETTLED: _settled,
}
