"""What a rollout's judge has read: each batch of records is read once, by whatever process looks first.

A turn may be a process of its own. Without a memory it would read all records since the rollout began, every time; with
a place to remember in it reads what has come since. The memory holds nothing that records do not say: where it is
missing or broken, they are read again. Like the history it is the judge's own, and nobody else may write there.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta

import orjson
from windsock.contracts.clock import format_time, parse_time
from windsock.contracts.errors import InputError
from windsock.contracts.log import log
from windsock.contracts.record import EPOCH
from windsock.release.evidence import Answer, Answers
from windsock.release.history import Numbered
from windsock.release.records import Batch, Records

FORMAT = 1
MICROSECOND = timedelta(microseconds=1)
NUMBER_DIGITS = 6
# So many answers make a part: what a process leaves over, the next one reads again.
PART_ANSWERS = 1000
FIELDS = [field.name for field in fields(Answer)]
TIMES = [FIELDS.index(name) for name in ("at", "event_time")]


@dataclass(frozen=True)
class Part:
    """What one look read: whole batches, the answers in them, and the newest record of each writer."""

    batches: tuple[Batch, ...]
    newest: Mapping[str, datetime]
    answers: tuple[Answer, ...]

    def encode(self) -> bytes:
        """JSON; times of answers as whole microseconds since 1970, which read back quicker than text."""
        return orjson.dumps(
            {
                "format": FORMAT,
                "fields": FIELDS,
                "batches": self.batches,
                "newest": {writer: format_time(at) for writer, at in self.newest.items()},
                "answers": [[_plain(getattr(answer, name)) for name in FIELDS] for answer in self.answers],
            }
        )

    @classmethod
    def decode(cls, content: bytes) -> "Part":
        """Reads what `encode` wrote.

        Raises:
            InputError: it is something else.
        """
        try:
            said = orjson.loads(content)
            if (said["format"], said["fields"]) != (FORMAT, FIELDS):
                raise InputError("memory of a rollout", said["fields"], f"format {FORMAT} with {', '.join(FIELDS)}")
            rows = said["answers"]
            for row in rows:
                for place in TIMES:
                    row[place] = EPOCH + row[place] * MICROSECOND
            newest = {writer: parse_time(at, "newest") for writer, at in said["newest"].items()}
            batches = tuple((str(address), str(name)) for address, name in said["batches"])
            return cls(batches, newest, tuple(Answer(*row) for row in rows))
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
            raise InputError("memory of a rollout", content[:80], f"a part of one ({error})") from error


def _plain(value: object) -> object:
    return (value - EPOCH) // MICROSECOND if isinstance(value, datetime) else value


class Memory:
    """Parts in a place where a name is given once, numbered in the order in which they were read, by rollout."""

    def __init__(self, place: Numbered) -> None:
        self._place = place

    def parts(self, began_at: datetime) -> Iterator[Part]:
        """What was read of the rollout that began then. A part that cannot be read is left out: its batches are read
        again, and remembered under another number.
        """
        for name in self._names(began_at):
            try:
                yield Part.decode(self._place.get(name))
            except InputError as error:
                log("memory_forgotten", name=name, reason=str(error))

    def keep(self, began_at: datetime, part: Part) -> None:
        """Adds a part. Where another process takes the number first, what it read counts."""
        last = max((int(name[-NUMBER_DIGITS - 5 : -5]) for name in self._names(began_at)), default=0)
        self._place.create(f"{_rollout(began_at)}{last + 1:0{NUMBER_DIGITS}}.json", part.encode())

    def _names(self, began_at: datetime) -> list[str]:
        pattern = re.compile(rf"{_rollout(began_at)}[0-9]{{{NUMBER_DIGITS}}}\.json")
        return sorted(name for name in self._place.names() if pattern.fullmatch(name))


def _rollout(began_at: datetime) -> str:
    return f"{began_at.astimezone(UTC):%Y%m%dT%H%M%S%f}-"


class Reader:
    """The answers of a rollout as they come in. They are remembered once there are `at_least` new ones."""

    def __init__(self, records: tuple[str, ...], memory: Memory | None = None, at_least: int = PART_ANSWERS) -> None:
        self.answers = Answers()
        self._records, self._memory, self._at_least = Records(records), memory, at_least
        self._recalled = memory is None
        self._batches: list[Batch] = []
        self._fresh: list[Answer] = []

    @property
    def newest(self) -> Mapping[str, datetime]:
        """The time of the newest record of each writer."""
        return self._records.newest

    def read(self, began_at: datetime) -> None:
        """Takes in what has come since the last call, in this process or in one before it."""
        if self._memory is not None and not self._recalled:
            for part in self._memory.parts(began_at):
                self._records.resume(part.batches, part.newest)
                self.answers.take(part.answers)
        self._recalled = True
        fresh = list(map(Answer.of, self._records.new(began_at)))
        self.answers.take(fresh)
        if self._memory is not None:
            self._batches += self._records.fresh
            self._fresh += fresh
            if len(self._fresh) >= self._at_least:
                part = Part(tuple(self._batches), dict(self._records.newest), tuple(self._fresh))
                self._memory.keep(began_at, part)
                self._batches, self._fresh = [], []
