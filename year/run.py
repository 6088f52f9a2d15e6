"""A year's run: stages that may run ahead on one thread, those of what is served on another, each noted as it ends."""

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import groupby
from pathlib import Path
from queue import Empty, Full, Queue

from windsock.contracts.files import write_json

from year.chain import Chain
from year.journal import Ended, Journal
from year.plan import Due, Period, Plan, Stage
from year.scenario import Scenario
from year.warm import warm

# So many periods at most are judged ahead of the one that is served: a month's training stops nobody then.
AHEAD = 8
LOOK_S = 0.5
Judged = Period | BaseException


class Run:
    """Takes the stages of a plan that have not ended, in their order."""

    def __init__(self, home: Path, scenario: Scenario | None, journal: Journal, plan: Plan) -> None:
        self._home, self._scenario, self._journal, self._plan = home, scenario, journal, plan
        self._stopping = threading.Event()

    def go(self) -> None:
        """Runs to the end.

        Raises:
            InputError: a stage broke; what has ended stays ended.
        """
        with warm(self._home / "warm.log") as environment:
            chain = Chain(self._home, self._scenario, environment)
            self._recall(chain)
            self._take(chain, [self._plan.first])
            with self._ahead(chain) as judged, chain.serving(str(self._plan.first.period.since)):
                for period, stages in groupby(self._plan.served, lambda due: due.period):
                    ready = judged.get()
                    if isinstance(ready, BaseException):
                        raise ready
                    self._take(chain, list(stages))
                    chain.forget_rows(period.since)

    def _recall(self, chain: Chain) -> None:
        """Has the chain know what the stages said that ended in an earlier process."""
        named = {due.name: due for due in (self._plan.first, *self._plan.ahead, *self._plan.served)}
        for ended in self._journal.read():
            if ended.name in named:
                chain.remember(named[ended.name], ended.figures)

    @contextmanager
    def _ahead(self, chain: Chain) -> Iterator["Queue[Judged]"]:
        """Takes what may run ahead on a thread of its own; the queue gives each period that is ready to be served."""
        judged: Queue[Judged] = Queue(AHEAD)
        with ThreadPoolExecutor(1) as pool:
            pool.submit(self._run_ahead, chain, judged)
            try:
                yield judged
            finally:
                self._stopping.set()

    def _run_ahead(self, chain: Chain, judged: "Queue[Judged]") -> None:
        try:
            for period, stages in groupby(self._plan.ahead, lambda due: due.period):
                self._take(chain, list(stages))
                self._put(judged, period)
        except BaseException as error:  # Whoever serves is told, and raises it.
            self._put(judged, error)

    def _put(self, judged: "Queue[Judged]", what: Judged) -> None:
        while not self._stopping.is_set():
            with suppress(Full):
                judged.put(what, timeout=LOOK_S)
                return

    def _take(self, chain: Chain, stages: Sequence[Due]) -> None:
        """Takes the stages that have not ended, and notes each."""
        ended = {one.name for one in self._journal.read()}
        for due in (one for one in stages if one.name not in ended):
            if self._stopping.is_set():
                raise Empty
            began = time.monotonic()
            code, figures = chain.run(due)
            if due.stage == Stage.TRAIN:
                write_json(self._home / "first.json", {"digest": chain.production()})
            took_s = round(time.monotonic() - began, 1)
            period = due.counted or due.period
            times = (str(period.since), str(period.until), code, took_s)
            self._journal.add(Ended(due.name, due.stage.value, *times, {**figures, "production": chain.production()}))
            print(f"{due.name:<20}{took_s:7.1f} s  {code}  {short(figures)}", flush=True)


def short(figures: dict[str, object]) -> str:
    """The figures that fit on a line."""
    hidden = ("days", "production", "effects", "run", "release")
    shown = {name: value for name, value in figures.items() if name not in hidden and value}
    return ", ".join(f"{name} {str(value)[:60]}" for name, value in shown.items())
