"""The only door to Parquet: reads prediction records of a sink, batches of JSON lines and of Parquet alike."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Protocol

import orjson
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
from windsock.contracts.errors import InputError
from windsock.contracts.journal.lines import decode_lines
from windsock.contracts.journal.sinks import NAME, directory_sink
from windsock.contracts.record import Prediction
from windsock.contracts.record_chain import Sealed
from windsock.release.objects import SCHEME, Objects

LINK = ["writer", "sequence", "previous", "digest", "body"]


def _decode_parquet(content: bytes) -> list[Sealed]:
    try:
        # Not by `read_table`: threads of its scanner may abort the process as it ends (apache/arrow 34314).
        table = pq.ParquetFile(pa.BufferReader(content), pre_buffer=False).read(columns=LINK, use_threads=False)
        return [Sealed(*row) for row in zip(*(table[name].to_pylist() for name in LINK))]
    except (pa.ArrowException, OSError, KeyError) as error:
        raise InputError("records", f"{len(content)} bytes", f"a Parquet file of records ({error})") from error


class Shelf(Protocol):
    """Where batches are: names, and what has a name."""

    def names(self) -> list[str]:
        """The batches' names."""

    def get(self, name: str) -> bytes:
        """A batch."""


DECODERS = {"parquet": _decode_parquet, "jsonl": decode_lines}


# A batch's sink, by its address, and its name there.
Batch = tuple[str, str]


def _open(address: str) -> Shelf:
    return Objects(address, "records") if address.startswith(SCHEME) else directory_sink(address)


def _ends_before(name: str, since: datetime | None) -> bool:
    found = NAME.fullmatch(name)
    return since is not None and found is not None and found["to_day"] < since.astimezone(UTC).date().isoformat()


class Records:
    """The records of some sinks, each batch read once: a second call gives what has come since.

    `newest` is the time of the newest record of each writer: writers ship at moments of their own. `fresh` are the
    batches that the last call read.

    A record whose bytes are not those that were sealed is left out and counted in `edited`: it is no evidence.
    """

    def __init__(self, addresses: tuple[str, ...]) -> None:
        self._sinks = {address: _open(address) for address in addresses}
        self._read: set[Batch] = set()
        self._seen: set[str] = set()
        self.edited = 0
        self.newest: dict[str, datetime] = {}
        self.fresh: list[Batch] = []

    def resume(self, batches: Iterable[Batch], newest: Mapping[str, datetime]) -> None:
        """Goes on where an earlier reader was: these batches were read, and these are their writers' newest records."""
        self._read.update(batches)
        for writer, at in newest.items():
            self.newest[writer] = max(at, self.newest.get(writer, at))

    def new(self, since: datetime | None = None) -> Iterator[Prediction]:
        """Records of batches that were not read yet, each prediction once; of batches that end on a day before `since`
        none: their names say so.

        Raises:
            InputError: a batch is broken.
        """
        self.fresh = []
        for address, sink in self._sinks.items():
            for name in sink.names():
                decode = DECODERS.get(name.rpartition(".")[2])
                if decode is None or (address, name) in self._read or _ends_before(name, since):
                    continue
                for link in decode(sink.get(name)):
                    if not link.intact:
                        self.edited += 1
                        continue
                    prediction = Prediction.decode(link.body, orjson.loads)
                    if prediction.prediction_id not in self._seen:
                        self._seen.add(prediction.prediction_id)
                        known = self.newest.get(link.writer, prediction.predicted_at)
                        self.newest[link.writer] = max(known, prediction.predicted_at)
                        yield prediction
                self._read.add((address, name))
                self.fresh.append((address, name))
