"""The ledger of monitoring: numbered entries that are only ever added, in a directory or in the object store.

An entry is added on condition that no other has its number: of two that write at once one wins, and the other takes
the next number. What is known is nothing but what the entries say.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from windsock.contracts.clock import format_time, parse_time
from windsock.contracts.errors import InputError
from windsock.contracts.files import create_bytes
from windsock.contracts.monitoring import Alert, Known, Raised, Request
from windsock.contracts.settings import parse

FOLDER = "monitoring/history"


class Kind(StrEnum):
    """What an entry says.

    `watched`: a monitoring run's alerts and request; `raised`: an alert of the watchdog's; `requested`: a person's
    request; `ended`: what became of a request; `delivered`: all alerts up to an entry reached Alertmanager.
    """

    WATCHED = "watched"
    RAISED = "raised"
    REQUESTED = "requested"
    ENDED = "ended"
    DELIVERED = "delivered"


class Shelf(Protocol):
    """What is needed of a store: a conditional write, a read, and names. The object store is one."""

    def create(self, name: str, content: bytes) -> bool:
        """Stores unless the name is taken; says whether it did."""

    def read(self, name: str) -> bytes | None:
        """An object's bytes, or None."""

    def names(self, prefix: str) -> Iterable[str]:
        """The names that begin so."""


class DirectoryShelf:
    """A shelf below a directory."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def create(self, name: str, content: bytes) -> bool:
        """Stores unless the name is taken."""
        return create_bytes(self.root / name, content)

    def read(self, name: str) -> bytes | None:
        """A file's bytes."""
        path = self.root / name
        return path.read_bytes() if path.is_file() else None

    def names(self, prefix: str) -> list[str]:
        """The files below a folder, without those that are being written."""
        folder = self.root / prefix
        return [f"{prefix}{path.name}" for path in sorted(folder.glob("[!.]*")) if path.is_file()]


@dataclass(frozen=True)
class Entry:
    """One entry: `at` is when it was written, `as_of` the time that it speaks of."""

    number: int
    at: str
    kind: str
    as_of: str
    details: dict[str, Any]

    def raised(self) -> Raised:
        """The alerts of an entry that watched or raised."""
        return parse(Raised, self.details["raised"], f"history {self.number}: raised")

    def request(self) -> Request | None:
        """The request of an entry, if it made one."""
        given = self.details.get("request")
        return parse(Request, given, f"history {self.number}: request") if given else None


class Ledger:
    """The entries on a shelf."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf

    def entries(self) -> list[Entry]:
        """All entries, by number from 1 on.

        Raises:
            InputError: one is missing or broken.
        """
        found = []
        for number, name in enumerate(sorted(self.shelf.names(f"{FOLDER}/")), start=1):
            try:
                entry = parse(Entry, json.loads(self.shelf.read(name) or b""), name)
            except ValueError as error:
                raise InputError(name, str(error), "an entry of the history of monitoring") from error
            if entry.number != number:
                raise InputError(FOLDER, entry.number, f"entry {number}: one is missing")
            found.append(entry)
        return found

    def append(self, kind: Kind, as_of: str, details: Mapping[str, Any]) -> Entry:
        """Adds an entry under the next free number."""
        number = len(list(self.shelf.names(f"{FOLDER}/"))) + 1
        while True:
            entry = Entry(number, format_time(datetime.now(UTC)), kind.value, as_of, dict(details))
            content = json.dumps(entry.__dict__, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False)
            if self.shelf.create(f"{FOLDER}/{number:06}.json", content.encode()):
                return entry
            number += 1


def watched(entries: Sequence[Entry]) -> Entry | None:
    """The entry of the run that has watched up to the latest time, or None before the first."""
    runs = [entry for entry in entries if entry.kind == Kind.WATCHED]
    return max(runs, key=lambda entry: (parse_time(entry.as_of, "as_of"), entry.number), default=None)


def known(entries: Sequence[Entry]) -> Known:
    """What a run is told of before: the alerts that its predecessor left open, and all requests with their outcome."""
    last = watched(entries)
    opened = tuple(alert for alert in last.raised().alerts if alert.firing) if last else ()
    requests: dict[str, Request] = {}
    for entry in entries:
        request = entry.request()
        if request is not None:
            requests.setdefault(request.request_id, request)
        if entry.kind == Kind.ENDED:
            name = str(entry.details.get("request_id"))
            if name not in requests:
                raise InputError(f"history {entry.number}: request_id", name, "a request of an earlier entry")
            ended = {part: str(entry.details.get(part, "")) for part in ("outcome", "result")}
            requests[name] = replace(requests[name], **ended)
    return Known(opened, tuple(requests.values()))


def standing(entries: Sequence[Entry]) -> dict[str, Alert]:
    """The last word on every alert there ever was, by fingerprint, in the order of the entries."""
    found: dict[str, Alert] = {}
    for entry in entries:
        if entry.kind in (Kind.WATCHED, Kind.RAISED) and not entry.details.get("back"):
            found |= {alert.fingerprint: alert for alert in entry.raised().alerts}
    return found


def undelivered(entries: Sequence[Entry]) -> list[Alert]:
    """All that fires, told again at every delivery, and what has ended since the last one."""
    through = max((entry.details["through"] for entry in entries if entry.kind == Kind.DELIVERED), default=0)
    recent = standing([entry for entry in entries if entry.number > through])
    return [alert for name, alert in standing(entries).items() if alert.firing or name in recent]
