"""Ships what is committed, in the background: at least once, under a name that a repetition overwrites."""

import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

from windsock.contracts.journal.sinks import Sink, SinkError, batch_name
from windsock.contracts.journal.slots import idle_writers
from windsock.contracts.journal.store import Batch, Store
from windsock.contracts.log import log
from windsock.contracts.record_chain import Sealed
from windsock.contracts.record_settings import RecordSettings

Result = TypeVar("Result")
# Small, so that an answer that waits for its commit never waits long for the shipper.
CHUNK_ROWS = 200
BATCH_BYTES = 32 * 1024 * 1024
BACKOFF_S = 60.0
CLOSE_WITHIN_S = 10.0
# Above this, shipped records make room whatever `keep_shipped_s` says.
CROWDED = 0.5


class Encoding(NamedTuple):
    """How a batch becomes an object: `encode` gives its bytes, and the first and last day (UTC) of its predictions."""

    suffix: str
    encode: Callable[[Sequence[Sealed]], tuple[bytes, str, str]]


class Chain(Protocol):
    """A store that is reached through the thread that owns it."""

    def run(self, function: Callable[[Store], Result]) -> Result:
        """Runs a short job on the store."""


class IdleChain:
    """A store that nobody else has open."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def run(self, function: Callable[[Store], Result]) -> Result:
        """Runs a job on the store at once."""
        result = function(self._store)
        self._store.checkpoint()
        return result


def ship_batch(chain: Chain, sink: Sink, encoding: Encoding, batch_rows: int) -> int:
    """Ships the next batch and says how many records it was; 0 when there is none.

    The batch is fixed in the journal before it is sent, read back from the sink, compared, and only then confirmed.

    Raises:
        SinkError: the sink is down, or does not give back what it was given.
        StoreError: the journal is.
    """
    batch = chain.run(Store.planned)
    if batch is None:
        links = _read(chain, chain.run(lambda store: store.shipped_through) + 1, None, batch_rows)
        if not links:
            return 0
        batch = Batch(links[0].sequence, links[-1].sequence)
        chain.run(lambda store: store.plan(batch))
    else:
        links = _read(chain, batch.first, batch.last, batch_rows)
    whole = [link for link in links if link.intact]
    damaged = [link for link in links if not link.intact]
    if damaged:
        log("record_damaged", writer=damaged[0].writer, sequences=[link.sequence for link in damaged])
    name = _put(sink, encoding, whole, batch) if whole else ""
    chain.run(lambda store: store.confirm(batch, datetime.now(UTC), damaged))
    digest = whole[-1].digest.hex() if whole else ""
    log("record_shipped", object=name, rows=len(whole), head=batch.last, digest=digest)
    return len(links)


def _read(chain: Chain, first: int, last: int | None, batch_rows: int) -> list[Sealed]:
    """The records of a batch: all of a planned one, else as many as a batch may have."""
    links: list[Sealed] = []
    size = 0
    while last is not None or (len(links) < batch_rows and size < BATCH_BYTES):
        start = links[-1].sequence + 1 if links else first
        limit = CHUNK_ROWS if last is not None else min(CHUNK_ROWS, batch_rows - len(links))
        chunk = chain.run(partial(_read_chunk, start, last, limit))
        links += chunk
        size += sum(len(link.body) for link in chunk)
        if len(chunk) < limit:
            break
    return links


def _read_chunk(first: int, last: int | None, limit: int, store: Store) -> list[Sealed]:
    return store.read(first, store.head.sequence if last is None else last, limit)


def _put(sink: Sink, encoding: Encoding, links: Sequence[Sealed], batch: Batch) -> str:
    content, from_day, to_day = encoding.encode(links)
    name = batch_name(links[0].writer, batch.first, batch.last, from_day, to_day, encoding.suffix)
    sink.put(name, content)
    if sink.get(name) != content:
        raise SinkError(f"{name}: the sink gave back other bytes than it was given")
    return name


def prune(chain: Chain, keep_s: float) -> None:
    """Removes what was shipped long enough ago, a little at a time."""
    keep_s = 0.0 if chain.run(lambda store: store.filled) > CROWDED else keep_s
    before = datetime.now(UTC) - timedelta(seconds=keep_s)
    while chain.run(lambda store: store.prune(before, CHUNK_ROWS)):
        pass


def ship_all(chain: Chain, sink: Sink, encoding: Encoding, settings: RecordSettings) -> int:
    """Ships what was committed by now, and says how many records it was.

    What comes meanwhile waits for the next time, or batches would get ever smaller.

    Raises:
        SinkError: the sink is down, or does not give back what it was given.
        StoreError: the journal is.
    """
    head = chain.run(lambda store: store.head.sequence)
    shipped = 0
    while chain.run(lambda store: store.shipped_through) < head:
        rows = ship_batch(chain, sink, encoding, settings.batch_rows)
        shipped += rows
        if not rows:
            break
    prune(chain, settings.keep_shipped_s)
    return shipped


def ship_idle(root: Path, sink: Sink, encoding: Encoding, settings: RecordSettings) -> int:
    """Ships the journals below `root` that no process writes to, and says how many records it was.

    Raises:
        SinkError: as in `ship_all`.
    """
    return sum(ship_all(IdleChain(store), sink, encoding, settings) for store in idle_writers(root))


class Shipper:
    """The thread that ships one journal, and those beside it that no process writes to."""

    def __init__(self, chain: Chain, root: Path, sink: Sink, encoding: Encoding, settings: RecordSettings) -> None:
        self._chain, self._root, self._sink, self._encoding, self._settings = chain, root, sink, encoding, settings
        self._stop = threading.Event()
        self._one_at_a_time = threading.Lock()
        self._all_shipped_at = time.monotonic()
        self.shipped_rows = 0
        self.trouble = ""
        self._thread = threading.Thread(target=self._run, name="record-shipper", daemon=True)
        self._thread.start()

    @property
    def behind_s(self) -> float:
        """How long ago everything that had been recorded by then was in the sink."""
        return time.monotonic() - self._all_shipped_at

    def close(self) -> None:
        """Ships once more, if the sink was up, and stops; it waits for a sink that hangs no longer than ten seconds."""
        self._stop.set()
        self._thread.join(CLOSE_WITHIN_S)

    def ship(self) -> bool:
        """Ships all there is now, and says whether it got through."""
        with self._one_at_a_time:
            return self._ship()

    def _ship(self) -> bool:
        try:
            started_at = time.monotonic()
            self.shipped_rows += ship_all(self._chain, self._sink, self._encoding, self._settings)
            self._all_shipped_at = started_at
            self.shipped_rows += ship_idle(self._root, self._sink, self._encoding, self._settings)
        except Exception as error:
            # The shipper outlives whatever goes wrong: what it could not ship is in the journal, and is tried again.
            if not self.trouble:
                log("record_not_shipped", sink=self._sink.describe(), reason=f"{type(error).__name__}: {error}")
            self.trouble = str(error) or type(error).__name__
            return False
        if self.trouble:
            log("record_shipping_recovered", sink=self._sink.describe())
        self.trouble = ""
        return True

    def _run(self) -> None:
        pause_s = self._settings.ship_every_s
        while not self._stop.wait(pause_s):
            # A sink that is down is asked less and less often, and never less than once a minute.
            arrived = self.ship()
            pause_s = self._settings.ship_every_s if arrived else min(max(pause_s, 1.0) * 2, BACKOFF_S)
        if not self.trouble:
            self.ship()
