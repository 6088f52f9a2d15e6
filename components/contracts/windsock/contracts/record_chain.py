"""The hash chain of one writer's records, and the audit that finds what was lost, changed or doubled.

Each record's digest covers its writer, its place, its content and the digest before it. The chain has no key: it shows
every change that does not rewrite all that follows, and, held against a head that was noted elsewhere, those too.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from windsock.contracts.errors import InputError


class Sealed(NamedTuple):
    """One record in its chain: `sequence` counts from 1, `previous` and `digest` are SHA-256 as 32 bytes."""

    writer: str
    sequence: int
    previous: bytes
    digest: bytes
    body: bytes

    @property
    def intact(self) -> bool:
        """Whether the digest is that of these very bytes."""
        return self.digest == link_digest(self.writer, self.sequence, self.previous, self.body)


@dataclass(frozen=True, slots=True)
class Head:
    """The last record of a chain. Whoever notes it can later tell whether the chain's end was cut off or rewritten."""

    sequence: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with the records `first` to `last` of a writer.

    `gap`: missing. `edited`: the content is not the one that was sealed. `broken`: the next record was sealed after
    another one than this. `conflict`: a second, different record at a place that has one.
    """

    writer: str
    first: int
    last: int
    kind: str


@dataclass
class Audit:
    """What a chain was found to be: records accepted, exact copies dropped, and faults; `head` is the last accepted."""

    writer: str
    accepted: int = 0
    duplicates: int = 0
    first: int | None = None
    head: Head | None = None
    faults: list[Fault] = field(default_factory=list)

    def blame(self, first: int, last: int, kind: str) -> None:
        """Notes a fault."""
        self.faults.append(Fault(self.writer, first, last, kind))


def genesis(writer: str) -> Head:
    """What a writer's first record is chained to: it names the writer, so no chain can be passed off as another's."""
    return Head(0, hashlib.sha256(f"windsock record chain\n{writer}".encode()).digest())


def link_digest(writer: str, sequence: int, previous: bytes, body: bytes) -> bytes:
    """The digest of a record at its place."""
    return hashlib.sha256(b"%b%b\n%d\n%b" % (previous, writer.encode(), sequence, body)).digest()


def seal(writer: str, head: Head, body: bytes) -> Sealed:
    """The record that follows `head`."""
    sequence = head.sequence + 1
    return Sealed(writer, sequence, head.digest, link_digest(writer, sequence, head.digest, body), body)


def accepted(
    links: Iterable[Sealed], audit: Audit, since: Head | None = None, until: Head | None = None
) -> Iterator[Sealed]:
    """The records of one writer that are whole and in their place, each once; all else goes into the audit.

    `links` come in the order of their sequence, copies side by side. The chain must begin after `since`, or anywhere if
    it is None; it must reach `until`, if given, and be the same there. A record is accepted once its successor has
    vouched for it: no edited one gets through, the last one aside, which only `until` can vouch for.
    """
    before = since
    waiting: _Place | None = None
    for sequence, copies in groupby(links, key=attrgetter("sequence")):
        here = _Place.of(copies, audit)
        if before is not None and sequence <= before.sequence and waiting is None:
            continue
        last = waiting.sequence if waiting else before.sequence if before else sequence - 1
        if sequence > last + 1:
            audit.blame(last + 1, sequence - 1, "gap")
            yield from _vouched(waiting, None, audit, until)
        elif waiting:
            yield from _vouched(waiting, {link.previous for link in here.intact} or None, audit, until)
        elif before is not None and all(link.previous != before.digest for link in here.links):
            audit.blame(sequence, sequence, "broken")
        waiting = here
    yield from _vouched(waiting, None, audit, until)
    end = waiting.sequence if waiting else before.sequence if before else 0
    if until is not None and end < until.sequence:
        audit.blame(end + 1, until.sequence, "gap")


def accepted_alone(links: Sequence[Sealed], audit: Audit) -> Iterable[Sealed]:
    """The same for a batch that is checked by itself: as a rule it is whole, which is quicker to see."""
    if not _are_whole(links, audit.writer):
        return accepted(links, audit)
    audit.accepted += len(links)
    audit.first = links[0].sequence if audit.first is None else audit.first
    audit.head = Head(links[-1].sequence, links[-1].digest)
    return links


def _are_whole(links: Sequence[Sealed], writer: str) -> bool:
    """Whether each is of this writer and what was sealed, and follows the one before it; none are not."""
    before: Sealed | None = None
    for link in links:
        if link.writer != writer or not link.intact:
            return False
        if before is not None and (link.sequence != before.sequence + 1 or link.previous != before.digest):
            return False
        before = link
    return before is not None


@dataclass(frozen=True, slots=True)
class _Place:
    """The different records at one place of a chain, at least one; `intact` are those that are what was sealed."""

    links: list[Sealed]
    intact: list[Sealed]

    @classmethod
    def of(cls, copies: Iterable[Sealed], audit: Audit) -> "_Place":
        links = _distinct(copies, audit)
        return cls(links, [link for link in links if link.intact])

    @property
    def sequence(self) -> int:
        return self.links[0].sequence


def _distinct(copies: Iterable[Sealed], audit: Audit) -> list[Sealed]:
    """The different records at one place; equal ones are copies."""
    distinct: list[Sealed] = []
    for link in copies:
        if link.writer != audit.writer:
            raise InputError("record writer", link.writer, f"{audit.writer}, whose chain this is")
        if link in distinct:
            audit.duplicates += 1
        else:
            distinct.append(link)
    return distinct


def _vouched(here: _Place | None, successors: set[bytes] | None, audit: Audit, until: Head | None) -> Iterator[Sealed]:
    """The one record at a place that is intact and that its successor was sealed after; the others are faults."""
    if here is None:
        return
    sequence, intact = here.sequence, here.intact
    if len(intact) < len(here.links):
        audit.blame(sequence, sequence, "edited")
    if until is not None and sequence == until.sequence:
        successors = {until.digest}
    fitting = intact if successors is None else [link for link in intact if link.digest in successors]
    if intact and not fitting:
        audit.blame(sequence, sequence, "broken")
    elif len(intact) > 1:
        audit.blame(sequence, sequence, "conflict")
    if len(fitting) == 1:
        audit.accepted += 1
        audit.first = sequence if audit.first is None else audit.first
        audit.head = Head(sequence, fitting[0].digest)
        yield fitting[0]
