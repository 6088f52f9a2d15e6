"""Group commit: one thread writes; every answer waits until the commit that holds its records is on disk."""

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from windsock.contracts.errors import InputError
from windsock.contracts.journal.slots import Slot
from windsock.contracts.journal.store import Store, StoreDamagedError, StoreError, StoreFullError
from windsock.contracts.log import log
from windsock.contracts.record_settings import RecordSettings

Result = TypeVar("Result")
PROBE_EVERY_S = 1.0
JOB_WITHIN_S = 60.0
CLOSE_WITHIN_S = 10.0
# From here on the journal asks not to be sent requests: what is left is for those that are on their way.
NEARLY_FULL = 0.95
GROUP_BYTES = 1024 * 1024


class NotRecorded(Exception):  # noqa: N818 - an answer to the caller, as `Refused` is.
    """The records are not on disk: the answer must not leave.

    `reason` is one of `queue_full` (too many answers wait), `journal_full` (the allocated space is used up),
    `too_late` (the disk did not answer in time), `broken` (the disk or the database fails) and `closed`. The records
    may yet turn up in the sink when it was too late; a record without an answer does no harm.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


@dataclass(slots=True, eq=False)
class _Waiting:
    bodies: Sequence[bytes]
    loop: asyncio.AbstractEventLoop
    future: "asyncio.Future[None]"


@dataclass(slots=True, eq=False)
class _Job:
    function: Callable[[Store], Any]
    future: "Future[Any]"


class Journal:
    """A store with the thread that owns it. `append` is for event loops, `run` for other threads."""

    def __init__(self, slot: Slot, store: Store, name: str, settings: RecordSettings) -> None:
        self._slot, self._name, self._settings = slot, name, settings
        self._store: Store | None = store
        self._queue: queue.SimpleQueue[_Waiting | _Job | None] = queue.SimpleQueue()
        self._held: list[_Waiting | _Job | None] = []
        self._closed = False
        self._retry_at = 0.0
        self.trouble = ""
        self.filled = store.filled
        self.writer = store.writer
        self.head = store.head
        self.shipped_through = store.shipped_through
        self._thread = threading.Thread(target=self._run, name="record-writer", daemon=True)
        self._thread.start()

    @property
    def can_record(self) -> bool:
        """Whether an append can be expected to succeed; it turns false while there is still some room."""
        return not self._closed and not self.trouble and self.filled < NEARLY_FULL

    @property
    def waiting(self) -> int:
        """How many appends wait for their commit."""
        return self._queue.qsize()

    async def append(self, bodies: Sequence[bytes], within_s: float) -> None:
        """Returns once all records are on disk.

        Raises:
            NotRecorded: with its reason, within `within_s` seconds in any case.
            InputError: more records than fit into one commit.
        """
        if len(bodies) > self._settings.group_rows:
            raise InputError("records of one append", len(bodies), f"at most {self._settings.group_rows}")
        if self._closed:
            raise NotRecorded("closed")
        if self._queue.qsize() >= self._settings.waiting_appends:
            raise NotRecorded("queue_full")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        timer = loop.call_later(within_s, _settle, [future], "too_late")
        self._queue.put(_Waiting(bodies, loop, future))
        try:
            await future
        finally:
            timer.cancel()

    def run(self, function: Callable[[Store], Result]) -> Result:
        """Runs a short job on the store in the writer's thread, between two commits, and returns what it returns.

        Raises:
            StoreError: the job failed, or the store is broken or closed.
        """
        future: Future[Result] = Future()
        if self._closed:
            raise StoreError("closed")
        self._queue.put(_Job(function, future))
        try:
            return future.result(JOB_WITHIN_S)
        except TimeoutError as error:
            raise StoreError("the disk does not answer") from error

    def close(self) -> None:
        """Commits what waits, and lets go of the place."""
        self._closed = True
        self._queue.put(None)
        self._thread.join(CLOSE_WITHIN_S)
        if self._thread.is_alive():
            log("record_close_failed", reason="the disk does not answer")  # The process's end frees the place.
        else:
            self._slot.release()

    def _run(self) -> None:
        try:
            self._write()
        finally:
            self._closed = True  # Whatever ended the thread: nobody is promised a record after it.

    def _write(self) -> None:
        while True:
            if self.trouble and time.monotonic() >= self._retry_at:
                self._recover()
            try:
                item = self._next()
            except queue.Empty:
                continue
            if item is None:
                return self._end()
            if isinstance(item, _Job):
                self._do(item)
            else:
                self._record(self._gather(item))

    def _next(self) -> _Waiting | _Job | None:
        """What was held back, else the next that comes; in trouble it waits no longer than to the next probe."""
        return self._held.pop() if self._held else self._queue.get(timeout=PROBE_EVERY_S if self.trouble else None)

    def _gather(self, first: _Waiting) -> list[_Waiting]:
        """All that waits by now, up to the size of a group; what does not belong to it is held for the next turn."""
        group, rows, size = [first], len(first.bodies), sum(map(len, first.bodies))
        while not self._held:
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                break
            if isinstance(item, _Waiting):
                rows, size = rows + len(item.bodies), size + sum(map(len, item.bodies))
                if rows <= self._settings.group_rows and size <= GROUP_BYTES:
                    group.append(item)
                    continue
            self._held.append(item)
        return group

    def _record(self, group: list[_Waiting]) -> None:
        """One commit; then everyone who waited is told, each event loop once."""
        alive = [waiting for waiting in group if not waiting.future.done()]
        reason = ""
        try:
            if alive:
                store = self._open_store()
                store.append([body for waiting in alive for body in waiting.bodies])
                self.head, self.trouble = store.head, ""
        except StoreFullError as failure:
            reason = "journal_full"
            self._failed(failure)
        except StoreError as failure:
            reason = "broken"
            self._failed(failure)
        for loop in {waiting.loop for waiting in alive}:
            futures = [waiting.future for waiting in alive if waiting.loop is loop]
            try:
                loop.call_soon_threadsafe(_settle, futures, reason)
            except RuntimeError:
                log("record_answer_abandoned", answers=len(futures))  # The loop was closed: nobody waits any more.
        self._look()

    def _do(self, job: _Job) -> None:
        try:
            result = job.function(self._open_store())
        except Exception as error:
            # Whatever a job raises belongs to the thread that asked for it; the writer goes on.
            job.future.set_exception(error)
            if isinstance(error, StoreDamagedError):
                self._failed(error)
        else:
            job.future.set_result(result)
        self._look()

    def _open_store(self) -> Store:
        if self._store is None:
            raise StoreError(self.trouble)
        return self._store

    def _look(self) -> None:
        """After the answers are on their way: empties the log if it is time, and notes how full the journal is."""
        store = self._store
        if store is None:
            return
        try:
            store.checkpoint()
            self.filled = store.filled
            if not store.path.exists():
                raise StoreError(f"{store.path} was removed")
        except StoreError as error:
            self._failed(error)
        self.head, self.shipped_through = store.head, store.shipped_through

    def _failed(self, error: StoreError) -> None:
        """A full journal is left open; any other failure closes the database, to be opened anew."""
        if not self.trouble:
            log("record_failed", directory=str(self._slot.directory), reason=str(error))
            self._retry_at = time.monotonic() + PROBE_EVERY_S
        self.trouble = str(error) or type(error).__name__
        if isinstance(error, StoreFullError) or self._store is None:
            return
        store, self._store = self._store, None
        try:
            store.close()
            if isinstance(error, StoreDamagedError):
                self._slot.set_aside(str(error))
        except (StoreError, OSError) as failure:
            log("record_close_failed", reason=str(failure))

    def _recover(self) -> None:
        """Tries what failed; called every second while there is trouble, whether or not anyone asks."""
        self._retry_at = time.monotonic() + PROBE_EVERY_S
        try:
            if self._store is None:
                self._store = self._slot.open(self._name, self._settings)
                self.writer = self._store.writer
            self._store.probe()
        except (StoreError, OSError) as error:
            self.trouble = str(error) or type(error).__name__
            return
        log("record_recovered", writer=self.writer)
        self.trouble = ""
        self._look()

    def _end(self) -> None:
        """Closes the store; whoever still comes is told by `closed` or by the clock."""
        while not self._queue.empty():
            item = self._queue.get_nowait()
            if isinstance(item, _Job):
                item.future.set_exception(StoreError("closed"))
            elif item is not None:
                item.loop.call_soon_threadsafe(_settle, [item.future], "closed")
        if self._store is not None:
            try:
                self._store.checkpoint(pages=0)
                self._store.close()
            except (StoreError, OSError) as error:
                log("record_close_failed", reason=str(error))


def _settle(futures: Sequence["asyncio.Future[None]"], reason: str) -> None:
    """Ends waits: well if there is no reason, else with it. In the event loop's own thread."""
    for future in futures:
        if future.done():
            continue
        if reason:
            future.set_exception(NotRecorded(reason))
        else:
            future.set_result(None)
