"""Settings of a rollout: `[rollout]` in `use_case.toml`. Their cost in time is in its README."""

from dataclasses import dataclass, field
from itertools import pairwise

from windsock.contracts.errors import InputError

FULL = 100
COPIES = ("never", "first", "always")


@dataclass(frozen=True)
class Watched:
    """One thing in which the candidate is held against the release that serves.

    `floor` is the smallest worsening that matters: less is never a reason to abort, and before a step is taken it
    must be shown that the worsening is less than twice that. `budget` is this check's part of `false_abort_rate`.
    """

    floor: float = field(metadata={"low": 1e-6})
    budget: float = field(metadata={"low": 1e-6, "high": 1})


@dataclass(frozen=True)
class Slow:
    """Answers slower than the serving release's own `quantile`, by more than `slack` of it and by more than
    `margin_ms`; `floor` is a share of answers.

    With `quantile` 0.95, `slack` 0.25 and `margin_ms` 5: the share that takes over 1.25 times what 95 % of its answers
    took, or 5 ms more than that, whichever is longer. A server with a tenth of the requests sleeps between them and
    answers a millisecond or two later than one that is kept awake: the margin keeps that from being a fault.
    """

    quantile: float = field(metadata={"low": 0.01, "high": 0.999})
    floor: float = field(metadata={"low": 1e-6, "high": 0.5})
    budget: float = field(metadata={"low": 1e-6, "high": 1})
    slack: float = field(default=0.25, metadata={"low": 0, "high": 10})
    margin_ms: float = field(default=5.0, metadata={"low": 0, "high": 60_000})


def _slow() -> tuple[Slow, ...]:
    return (Slow(quantile=0.5, floor=0.1, budget=0.075), Slow(quantile=0.95, floor=0.05, budget=0.075))


@dataclass(frozen=True)
class Rollout:
    """How a candidate gets the traffic, what is watched, and how sure a decision must be.

    `steps` are the candidate's shares in percent. `copies` says when it also gets a copy of requests that others
    answer: `never`, only `first` (before it gets a share), or `always`, until its labels have settled it.

    A step takes at least `step_s` seconds and `step_requests` requests of the candidate; undecided after
    `step_deadline_s` it holds and alerts. Labels have `probation_days` after the last step.

    What came true is also judged by whole days, since what is asked about on one day shares its luck: labels refuse or
    pass nothing before `label_days` of them, and `label_day_rate` is the chance that days say the wrong thing.

    `false_abort_rate` bounds the chance that a candidate as good as the serving release is ever aborted, over all
    checks and looks; `missed_rate` the chance that one which is worse by twice a floor passes that check at a step;
    `false_void_rate` the chance that a fair split is taken for a broken one.
    """

    steps: tuple[int, ...] = (10, 25, 50, FULL)
    copies: str = field(default="always", metadata={"choices": COPIES})
    step_s: float = field(default=60.0, metadata={"low": 0, "high": 604_800})
    step_requests: int = field(default=200, metadata={"low": 1, "high": 10_000_000})
    step_deadline_s: float = field(default=86_400.0, metadata={"low": 1, "high": 7_776_000})
    probation_days: float = field(default=14.0, metadata={"low": 0, "high": 365})
    baseline_requests: int = field(default=500, metadata={"low": 50, "high": 100_000})
    label_days: int = field(default=7, metadata={"low": 1, "high": 365})
    label_day_rate: float = field(default=0.05, metadata={"low": 1e-6, "high": 0.999})
    false_abort_rate: float = field(default=0.0002, metadata={"low": 1e-9, "high": 0.1})
    missed_rate: float = field(default=0.001, metadata={"low": 1e-9, "high": 0.1})
    false_void_rate: float = field(default=0.001, metadata={"low": 1e-9, "high": 0.1})
    failed: Watched = field(default_factory=lambda: Watched(floor=0.01, budget=0.5))
    fallback: Watched = field(default_factory=lambda: Watched(floor=0.02, budget=0.15))
    slow: tuple[Slow, ...] = field(default_factory=_slow)
    scores: Watched = field(default_factory=lambda: Watched(floor=0.2, budget=0.05))
    loss: Watched = field(default_factory=lambda: Watched(floor=0.005, budget=0.075))
    cost: Watched = field(default_factory=lambda: Watched(floor=1.0, budget=0.075))

    def __post_init__(self) -> None:
        rising = all(low < high for low, high in pairwise((0, *self.steps)))
        if not rising or self.steps[-1:] != (FULL,):
            raise InputError("rollout.steps", list(self.steps), f"rising whole percentages that end with {FULL}")
        if self.step_s >= self.step_deadline_s:
            raise InputError("rollout.step_s", self.step_s, f"less than step_deadline_s, {self.step_deadline_s}")
        budgets = [watched.budget for watched in (self.failed, self.fallback, self.scores, self.loss, self.cost)]
        total = sum(budgets) + sum(slow.budget for slow in self.slow)
        if total > 1 + 1e-9:
            raise InputError("rollout budgets", round(total, 6), "a sum of at most 1 over all checks")
