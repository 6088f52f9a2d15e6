"""The one object that a server holds: records before answers leave, ships behind their back."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from windsock.contracts.journal.journal import Journal
from windsock.contracts.journal.lines import SUFFIX, encode_lines
from windsock.contracts.journal.shipper import Encoding, Shipper
from windsock.contracts.journal.sinks import Sink, directory_sink
from windsock.contracts.journal.slots import take_writer
from windsock.contracts.record import Prediction, ToJson, standard_json
from windsock.contracts.record_settings import RecordSettings


@dataclass(frozen=True, slots=True)
class RecorderState:
    """How the record stands, for metrics and readiness.

    `can_record` is false when an append would fail, or soon will for want of space. `filled` is the share of the
    allocated space in use, `unshipped` counts records that the sink has not confirmed, and `behind_s` says how long ago
    it had everything. The troubles are empty while all is well.
    """

    can_record: bool
    writer: str
    head: int
    waiting: int
    unshipped: int
    shipped_rows: int
    behind_s: float
    filled: float
    record_trouble: str
    ship_trouble: str


class Recorder:
    """A journal and its shipper."""

    def __init__(self, journal: Journal, shipper: Shipper, to_json: ToJson) -> None:
        self._journal = journal
        self._shipper = shipper
        self._to_json = to_json

    @classmethod
    def open(cls, directory: Path, sink: str, settings: RecordSettings, name: str) -> Self:
        """A recorder that ships JSON lines to `file:///DIRECTORY`; it needs the standard library only.

        Raises:
            InputError: the directory cannot hold a journal, or the sink's address is no such one.
        """
        return cls.start(directory, directory_sink(sink), Encoding(SUFFIX, encode_lines), settings, name)

    @classmethod
    def start(
        cls,
        directory: Path,
        sink: Sink,
        encoding: Encoding,
        settings: RecordSettings,
        name: str,
        to_json: ToJson = standard_json,
    ) -> Self:
        """A recorder below `directory`, where any number of processes may have theirs; `name` begins the writer's name.

        Raises:
            InputError: the directory cannot hold a journal.
        """
        slot, store = take_writer(directory, name, settings)
        journal = Journal(slot, store, name, settings)
        return cls(journal, Shipper(journal, directory, sink, encoding, settings), to_json)

    async def append(self, predictions: Sequence[Prediction], within_s: float) -> None:
        """Returns once all records are on disk, in one commit.

        Raises:
            NotRecorded: with its reason, within `within_s` seconds in any case; the answer must not leave.
            InputError: a record that cannot be written: not plain, too large, too many at once.
        """
        await self._journal.append([prediction.encode(self._to_json) for prediction in predictions], within_s)

    def ship(self) -> bool:
        """Ships all that is committed, now, and says whether the sink took it."""
        return self._shipper.ship()

    def state(self) -> RecorderState:
        """How the record stands."""
        journal, shipper = self._journal, self._shipper
        unshipped = journal.head.sequence - journal.shipped_through
        return RecorderState(
            can_record=journal.can_record,
            writer=journal.writer,
            head=journal.head.sequence,
            waiting=journal.waiting,
            unshipped=unshipped,
            shipped_rows=shipper.shipped_rows,
            behind_s=shipper.behind_s if unshipped else 0.0,
            filled=journal.filled,
            record_trouble=journal.trouble,
            ship_trouble=shipper.trouble,
        )

    def close(self) -> None:
        """Commits what waits, ships once more if the sink is up, and stops. Nothing is lost if it is not called."""
        self._shipper.close()
        self._journal.close()
