"""The threads that read features and score, so that nothing slow ever holds the event loop."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue

from windsock.contracts.log import log
from windsock.contracts.protocol import Row
from windsock.predictor.encoding import GarbageError, Value
from windsock.predictor.plan import Plan
from windsock.predictor.release import Release
from windsock.predictor.store import DownError, Reader, Readings, SlowError

WAITING, FEATURES, MODEL, DONE = "waiting", "features", "model", "done"
# What the rules answer for, by the stage in which the time ran out.
LATE = {WAITING: "features_busy", FEATURES: "features_slow", MODEL: "model_slow", DONE: "deadline"}


@dataclass(slots=True)
class Scored:
    """What became of one row on the model's road.

    `probability` is None when there is none; `reason` then says why. `features`, `times_s` and `row` are what the model
    was given, for the record.
    """

    probability: float | None = None
    reason: str = ""
    features: dict[str, Value] = field(default_factory=dict)
    times_s: dict[str, float | None] = field(default_factory=dict)
    ages_s: dict[str, float] = field(default_factory=dict)
    row: tuple[float, ...] = ()


class Work:
    """One request's rows on their way through a worker.

    The future belongs to the event loop. Whoever comes first settles it: the worker with its result, or the loop with a
    reason because the time is up; the other one's word is then too late and is dropped.
    """

    __slots__ = ("future", "now_s", "release", "rows", "stage", "stuck_in")

    def __init__(self, release: Release, rows: Sequence[Row], now_s: Sequence[float]) -> None:
        self.release = release
        self.rows = rows
        self.now_s = now_s
        self.stage = WAITING
        self.stuck_in = ""
        self.future: asyncio.Future[list[Scored]] = asyncio.get_running_loop().create_future()

    def settle(self, scored: list[Scored]) -> None:
        """Gives the result, if nobody did before."""
        if not self.future.done():
            self.future.set_result(scored)

    def give_up(self, reason: str) -> None:
        """Ends the wait: the rules answer all rows, for this reason."""
        self.settle([Scored(reason=reason) for _ in self.rows])


def read_features(work: Work, reader: Reader) -> list[Readings] | str:
    """The store's readings of each row, or the reason why there are none."""
    try:
        return reader.read(work.rows)
    except SlowError:
        return "features_slow"
    except DownError:
        return "features_down"
    except GarbageError as error:
        log("store_garbage", error=str(error))
        return "features_invalid"
    except (
        Exception
    ) as error:  # A client library may raise anything; a thread that dies of it would be missed for good.
        log("store_failed", error=f"{type(error).__name__}: {error}")
        return "features_down"


def score(work: Work, reader: Reader) -> list[Scored]:
    """All of the model's road for one request: features, freshness, derived rows, scores. Never raises."""
    work.stage = FEATURES
    readings = read_features(work, reader)
    if isinstance(readings, str):
        return [Scored(reason=readings) for _ in work.rows]
    work.stage = MODEL
    results = [_derived(work, row, reading, now) for row, reading, now in zip(work.rows, readings, work.now_s)]
    ready = [result for result in results if not result.reason]
    if ready and work.release.scorer is not None:
        try:
            probabilities = work.release.scorer.score([result.row for result in ready])
            for result, probability in zip(ready, probabilities, strict=True):
                result.probability = probability
        except Exception as error:  # A model may raise anything; the rules answer, and the reason is in the answer.
            log("model_failed", release=work.release.digest, error=f"{type(error).__name__}: {error}")
            for result in ready:
                result.probability, result.reason = None, "model_failed"
    work.stage = DONE
    return results


def _derived(work: Work, row: Row, reading: Readings, now_s: float) -> Scored:
    usable = work.release.freshness.judge(reading, now_s)
    scored = Scored(None, usable.reason, usable.features, usable.times_s, usable.ages_s)
    if not usable.reason:
        try:
            scored.row = tuple(map(float, work.release.derive(row, usable.features)))
            if len(scored.row) != work.release.columns:
                raise ValueError(f"{len(scored.row)} columns where {work.release.columns} are due")
        except Exception as error:  # The use case's code may raise anything; one row's fault is not another's.
            log("derive_failed", release=work.release.digest, error=f"{type(error).__name__}: {error}")
            scored.reason = "derive_failed"
    return scored


class Workers:
    """A fixed number of threads, each with a reader of its own. What hangs in one of them blocks only that one."""

    def __init__(self, count: int, open_reader: Callable[[Plan], Reader]) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[Work | None] = SimpleQueue()
        self._open_reader = open_reader
        self._stuck = {FEATURES: 0, MODEL: 0}
        self._threads = [threading.Thread(target=self._run, name=f"worker-{n}", daemon=True) for n in range(count)]
        for thread in self._threads:
            thread.start()

    @property
    def busy(self) -> str:
        """The reason not to send more work: every thread hangs in something that was given up. Else empty."""
        if sum(self._stuck.values()) < len(self._threads):
            return ""
        return "model_busy" if self._stuck[MODEL] >= self._stuck[FEATURES] else "features_busy"

    @property
    def waiting(self) -> int:
        """How many requests wait for a thread."""
        return self._queue.qsize()

    def submit(self, work: Work) -> None:
        """Queues a request's work."""
        self._queue.put(work)

    def give_up(self, work: Work) -> None:
        """The time is up: the rules answer. A thread that is inside this work counts as stuck until it comes back."""
        stage = work.stage
        if stage in self._stuck and not work.future.done():
            self._stuck[stage] += 1
            work.stuck_in = stage
        work.give_up(LATE[stage])

    def _run(self) -> None:
        reader, opened_for = None, None
        while (work := self._queue.get()) is not None:
            if work.future.done():
                continue
            if reader is None or work.release is not opened_for:
                if reader is not None:
                    reader.close()
                reader, opened_for = self._open_reader(work.release.plan), work.release
            result = score(work, reader)
            try:
                self._loop.call_soon_threadsafe(self._returned, work, result)
            except RuntimeError:  # The event loop ended while this thread hung: nobody waits for the result.
                return

    def _returned(self, work: Work, result: list[Scored]) -> None:
        if work.stuck_in:
            self._stuck[work.stuck_in] -= 1
        work.settle(result)

    def close(self) -> None:
        """Lets the threads end; one that hangs is left to the end of the process."""
        for _ in self._threads:
            self._queue.put(None)
