"""What a rollout's judge has read: each batch of records is read once, by whatever process looks first.

A turn may be a process of its own. Without a memory it would read all records since the rollout began, every time; with
a directory to remember in it reads what has come since the turn before. The memory holds nothing that records do not
say: where it is missing or broken, they are read again.
"""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
from windsock.contracts.clock import format_time, parse_time
from windsock.contracts.errors import InputError
from windsock.contracts.files import create_bytes
from windsock.contracts.log import log
from windsock.release.evidence import Answer, Answers
from windsock.release.records import Batch, Records

FORMAT = 1
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
LIMIT_BYTES = 1024 * 1024 * 1024
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
    """Parts of one rollout in a directory, numbered in the order in which they were read."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def parts(self, began_at: datetime) -> Iterator[Part]:
        """What earlier looks at the rollout that began then have read, up to the first part that cannot be read."""
        for number, path in enumerate(sorted(self._place(began_at).glob("[0-9]*.json")), start=1):
            try:
                if path.name != _name(number) or path.stat().st_size > LIMIT_BYTES:
                    raise InputError("memory of a rollout", str(path), f"part {number}, of 1 GiB at most")
                yield Part.decode(path.read_bytes())
            except (InputError, OSError) as error:
                log("memory_forgotten", path=str(path), reason=str(error))
                for broken in sorted(self._place(began_at).glob("[0-9]*.json"))[number - 1 :]:
                    broken.unlink(missing_ok=True)
                return

    def keep(self, began_at: datetime, part: Part) -> None:
        """Adds a part. Another process that reads at the same time may be first: then what it wrote counts."""
        place = self._place(began_at)
        for other in self._directory.glob("*") if not place.exists() else ():
            shutil.rmtree(other, ignore_errors=True)  # A rollout that is over is not looked at again.
        create_bytes(place / _name(len(list(place.glob("[0-9]*.json"))) + 1), part.encode())

    def _place(self, began_at: datetime) -> Path:
        return self._directory / f"{began_at.astimezone(UTC):%Y%m%dT%H%M%S%f}"


def _name(number: int) -> str:
    return f"{number:06}.json"


class Reader:
    """The answers of a rollout as they come in."""

    def __init__(self, records: tuple[str, ...], memory: Memory | None = None) -> None:
        self.answers = Answers()
        self._records, self._memory = Records(records), memory
        self._recalled = memory is None

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
        fresh = tuple(map(Answer.of, self._records.new(began_at)))
        self.answers.take(fresh)
        if self._memory is not None and self._records.fresh:
            self._memory.keep(began_at, Part(tuple(self._records.fresh), dict(self._records.newest), fresh))
