"""A run of the year: what may run ahead, what is served and what is watched, a thread each, every stage noted."""

import os
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Full, Queue

from windsock.contracts.files import write_json

from year.chain import Chain
from year.journal import Ended, Journal
from year.plan import Due, Period, Plan, Stage
from year.scenario import Scenario
from year.warm import warm

# So many periods at most are judged ahead of the one that is served: whenever that lane or the one that watches leaves
# a processor idle, such as in a retraining, there is something to do. Their rows take some 12 MB each.
AHEAD = 60
LOOK_S = 0.5
# It takes what the others leave, so that there is something left to do for as long as they leave any.
NICENESS = 10
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
        ended = {one.name for one in self._journal.read()}
        if all(due.name in ended for due in self._plan.stages):
            return
        with warm(self._home / "warm.log") as environment:
            chain = Chain(self._home, self._scenario, environment)
            self._recall(chain)
            self._take(chain, [self._plan.first])
            with self._ahead(chain) as judged, chain.serving(str(self._plan.first.period.since)):
                self._serve(chain, judged)

    def _serve(self, chain: Chain, judged: "Queue[Judged]") -> None:
        """Period after period; each is watched while the next one is asked, and its canary decided on after both.

        Which of two threads is quicker changes nothing: what they read and write is other days'.
        """
        before: Sequence[Due] = ()
        with ThreadPoolExecutor(1) as pool:
            for turn in self._plan.turns:
                watching = pool.submit(self._take, chain, before)
                try:
                    if isinstance(ready := judged.get(), BaseException):
                        raise ready
                    self._take(chain, [turn.replay])
                finally:
                    watching.result()
                self._take(chain, [turn.lead])
                before = turn.watched
                chain.forget_rows(turn.period.since)
            self._take(chain, before)

    def _recall(self, chain: Chain) -> None:
        """Has the chain know what the stages said that ended in an earlier process."""
        named = {due.name: due for due in self._plan.stages}
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
        os.nice(NICENESS)  # On Linux of this thread alone, and of what it starts.
        try:
            for turn in self._plan.turns:
                self._take(chain, turn.ahead)
                self._put(judged, turn.period)
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
                raise InterruptedError("the run is over")
            began = time.monotonic()
            code, figures = chain.run(due)
            if due.stage == Stage.TRAIN:
                write_json(self._home / "first.json", {"digest": chain.production()})
            took_s = round(time.monotonic() - began, 1)
            period = due.counted or due.period
            times = (str(period.since), str(period.until), code, took_s)
            self._journal.add(Ended(due.name, due.stage.value, *times, figures))
            print(f"{due.name:<20}{took_s:7.1f} s  {code}  {short(figures)}", flush=True)


def short(figures: dict[str, object]) -> str:
    """The figures that fit on a line."""
    hidden = ("days", "production", "effects", "run", "release")
    shown = {name: value for name, value in figures.items() if name not in hidden and value}
    return ", ".join(f"{name} {str(value)[:60]}" for name, value in shown.items())
