"""Holds a candidate against the release that serves, at the same time: refused, passed, or not decided yet.

Every check bets on two claims. That the candidate is worse at all: once the wealth reaches 1 / (false_abort_rate x
budget) and what was measured is at least the floor, it is refused. That it is worse by less than twice the floor:
once the wealth reaches 1 / missed_rate, it passes. The budgets of all checks sum to at most 1, so by Bonferroni a
candidate that is as good is ever refused with probability at most `false_abort_rate`, however often anybody looks.

What came true is bet on twice, by answers and by days, and both must say the same. The first bet takes every answer for
news of its own; but what is asked about on one day shares its luck, so that a few thousand answers may be no more than
three days. The second takes each whole day as one piece of news.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from windsock.contracts.cost import Costs
from windsock.contracts.rollout_settings import Rollout
from windsock.contracts.verdict import Finding, Outcome, Verdict, judge
from windsock.release.betting import (
    RARE,
    STEADY,
    Bets,
    Sample,
    interval,
    log_wealth_of_days,
    log_wealth_of_split,
    total_better,
    total_worse,
)

OPERATION = "release/operation"
LABELS = "release/labels"
SPLIT = "split"
COPIES = "copies"
# Copies are sent without waiting and some are lost; more than this share lost says that the candidate does not answer.
COPIES_SEEN = 0.98
COPIES_AT_LEAST = 200


@dataclass(frozen=True)
class Arm:
    """What one release showed in a check: how many answers, and their mean."""

    count: int
    mean: float


@dataclass(frozen=True)
class Measured:
    """What is known in one check: a sample for each stretch of the rollout, the newest last, and both sides' figures.

    `candidate` and `serving` are those of all stretches; `effect` is how much worse the candidate is, the larger of all
    stretches and of the newest one alone, so that a good beginning cannot hide a bad end. `days` are the differences of
    whole days, oldest first, for checks of what came true.
    """

    samples: tuple[Sample, ...]
    candidate: Arm
    serving: Arm
    effect: float
    days: tuple[float, ...] = ()


@dataclass(frozen=True)
class Split:
    """Requests by assignment in one stretch: the candidate's wanted share, and how many went to it and to the other."""

    share: float
    candidate: int
    serving: int


@dataclass(frozen=True)
class Evidence:
    """All that a judge sees. `copies` counts the requests that were to be copied, and the copies that were recorded."""

    checks: Mapping[str, Measured]
    splits: tuple[Split, ...] = ()
    copies: tuple[int, int] = (0, 0)

    @property
    def newest(self) -> int:
        """The candidate's requests in the newest stretch: those assigned to it, or the copies that it answered."""
        split = self.splits[-1] if self.splits else None
        return split.candidate if split is not None and split.share > 0 else self.copies[1]


@dataclass(frozen=True)
class Judgement:
    """What is said of a candidate: of how it works, and, once labels are in, of what came true."""

    operation: Verdict
    labels: Verdict

    @property
    def refused(self) -> bool:
        """Whether anything shows that the candidate is worse."""
        return Outcome.REFUSED in (self.operation.outcome, self.labels.outcome)

    @property
    def void(self) -> bool:
        """Whether the split is not the wanted one: then nothing else that was measured counts."""
        return any(one.check == SPLIT and one.outcome is Outcome.INCONCLUSIVE for one in self.operation.findings)


@dataclass(frozen=True)
class Check:
    """How one check decides: its floor in its own unit, its part of the false aborts, and where both come from.

    A `guard` can stop a candidate, and cannot vouch for one. A payoff of 1 is `unit` in the unit that people read.
    `by_day` says that days must agree before it refuses or passes.
    """

    name: str
    floor: float
    budget: float
    bets: Bets
    origin: str
    guard: bool = False
    unit: float = 1.0
    by_day: bool = False


SCORE_QUANTILES = (0.25, 0.5, 0.75)


def slow_name(quantile: float) -> str:
    """The name of a check for slow answers."""
    return f"slow/p{quantile * 100:g}"


def score_name(quantile: float) -> str:
    """The name of a guard on scores."""
    return f"scores/q{quantile * 100:g}"


def operation_checks(settings: Rollout) -> tuple[Check, ...]:
    """The checks that need no label."""
    scores, part = settings.scores, settings.scores.budget / len(SCORE_QUANTILES)
    return (
        Check("failed", settings.failed.floor, settings.failed.budget, RARE, "rollout.failed"),
        Check("fallback", settings.fallback.floor, settings.fallback.budget, RARE, "rollout.fallback"),
        *(Check(slow_name(slow.quantile), slow.floor, slow.budget, STEADY, "rollout.slow") for slow in settings.slow),
        *(Check(score_name(one), scores.floor, part, STEADY, "rollout.scores", guard=True) for one in SCORE_QUANTILES),
    )


def label_checks(settings: Rollout, costs: Costs) -> tuple[Check, ...]:
    """The checks of what came true: the squared error of the probability, and the cost of the decision."""
    unit = cost_unit(costs)
    return (
        Check("loss", settings.loss.floor, settings.loss.budget, STEADY, "rollout.loss", by_day=True),
        Check("cost", settings.cost.floor, settings.cost.budget, STEADY, "rollout.cost", unit=unit, by_day=True),
    )


def cost_unit(costs: Costs) -> float:
    """The widest gap between the costs of two decisions: what a payoff of 1 means in money."""
    values = (costs.act_positive, costs.act_negative, costs.skip_positive, costs.skip_negative)
    return max(values) - min(values)


def judge_candidate(evidence: Evidence, settings: Rollout, costs: Costs) -> Judgement:
    """The whole judgement. Without a single label the verdict on labels is inconclusive: it checked nothing."""
    labels = [judge_check(check, evidence, settings, fresh=False) for check in label_checks(settings, costs)]
    vouched = all(finding.outcome is Outcome.PASSED for finding in labels)
    operation = [
        judge_check(check, evidence, settings, fresh=True, vouched=vouched) for check in operation_checks(settings)
    ]
    found = [finding for finding in labels if finding.sample_size]
    return Judgement(
        judge(OPERATION, [*_judge_split(evidence, settings), *_judge_copies(evidence), *operation]),
        judge(LABELS, found),
    )


@dataclass(frozen=True)
class Ruling:
    """What the bets of one check say: refused or passed (arrays along the samples' leading axes), or neither."""

    refused: Any
    passed: Any


@dataclass(frozen=True)
class Days:
    """How many whole days there are, and the log wealth of the bets that they are worse, and that they are not.

    Arrays along the samples' leading axes, or plain numbers.
    """

    count: Any
    worse: Any
    better: Any

    @classmethod
    def of(cls, check: Check, differences: Sequence[float]) -> "Days":
        """Bets on days in a row."""
        if not differences:
            return cls(0, 0.0, 0.0)
        days, floor = np.asarray(differences, dtype=np.float64), check.floor / check.unit
        worse, better = log_wealth_of_days(days, 0.0, floor), log_wealth_of_days(-days, -2 * floor, floor)
        return cls(len(days), worse[-1], better[-1])

    def agree(self, wealth: Any, settings: Rollout) -> Any:
        """Whether there are enough of them, and they bear a claim out."""
        enough = np.asarray(self.count) >= settings.label_days
        return enough & (np.asarray(wealth) >= -math.log(settings.label_day_rate))


def rule(
    check: Check, samples: Sequence[Sample], effect: Any, settings: Rollout, fresh: bool, days: Days | None = None
) -> Ruling:
    """Applies the rule of a check to its samples, the newest last; simulations call this very function.

    A guard refuses when the shift, up or down, is surely beyond twice the floor, waits for labels when it is surely
    beyond the floor, and passes otherwise; each direction has half of the budget. To pass another check, `fresh` asks
    for proof from the newest stretch alone: a step is no proof of the next one.
    """
    rate, floor = settings.false_abort_rate * check.budget, check.floor / check.unit
    if check.guard:
        shifted, far = (_beyond(samples, bound, check.bets) >= -math.log(rate / 2) for bound in (floor, 2 * floor))
        return Ruling(far, ~shifted)
    worse = total_worse(samples, 0.0, check.bets)
    refused = (worse >= -math.log(rate)) & (np.asarray(effect) >= floor)
    better = total_better(samples[-1:] if fresh else samples, 2 * floor, check.bets)
    passed = (better >= -math.log(settings.missed_rate)) & ~refused
    if check.by_day:
        days = days or Days.of(check, ())
        refused, passed = refused & days.agree(days.worse, settings), passed & days.agree(days.better, settings)
    return Ruling(refused, passed)


def _beyond(samples: Sequence[Sample], bound: float, bets: Bets) -> Any:
    """Log wealth of the better of two bets: that the mean is above `bound`, and that it is below its negative."""
    return np.maximum(total_worse(samples, bound, bets), total_better(samples, -bound, bets))


def judge_check(check: Check, evidence: Evidence, settings: Rollout, fresh: bool, vouched: bool = False) -> Finding:
    """One check's finding: its outcome, and the interval that the outcome is read from.

    A guard stands in for labels until they are in. Once they have `vouched` for the candidate, that its loss and its
    cost are no worse, it may give other scores: a better model often does.
    """
    measured = evidence.checks.get(check.name)
    if measured is None or not measured.candidate.count:
        outcome = Outcome.PASSED if check.guard else Outcome.INCONCLUSIVE
        return Finding(check.name, outcome, "nothing measured yet", sample_size=0, threshold_origin=check.origin)
    days = Days.of(check, measured.days)
    ruling = rule(check, measured.samples, measured.effect, settings, fresh, days)
    waived = check.guard and vouched and not bool(ruling.passed)
    outcome = Outcome.REFUSED if ruling.refused else Outcome.PASSED if ruling.passed else Outcome.INCONCLUSIVE
    outcome = Outcome.PASSED if waived else outcome
    # A guard's floor is what it waits for, other checks' what they refuse from; twice that is the other bound.
    bound = 2 * check.floor if bool(ruling.refused) is check.guard else check.floor
    rate = settings.false_abort_rate * check.budget
    low, high = _shown(check, measured, rate, settings.missed_rate, fresh)
    return Finding(
        check.name,
        outcome,
        _message(check, measured) + ("; its labels vouch for it" if waived else ""),
        effect=measured.effect * check.unit,
        sample_size=measured.candidate.count,
        interval=(low * check.unit, high * check.unit),
        threshold=bound,
        threshold_origin=f"{check.origin}, false aborts {rate:.2g}, missed {settings.missed_rate:.2g}"
        + (f", days {settings.label_day_rate:.2g} of {settings.label_days} at least" if check.by_day else ""),
    )


def _shown(check: Check, measured: Measured, rate: float, missed: float, fresh: bool) -> tuple[float, float]:
    """The interval that people see: each end from the samples that decide by it.

    Where the mean moved between stretches no single mean fits them all and the ends cross; then it is the newest one's.
    """
    newest = interval(measured.samples[-1:], check.bets, rate, missed)
    whole = interval(measured.samples, check.bets, rate, missed)
    low, high = whole[0], (newest if fresh else whole)[1]
    return (low, high) if low <= high else newest


def _message(check: Check, measured: Measured) -> str:
    candidate, serving = measured.candidate, measured.serving
    if check.name in ("loss", "cost"):
        left, right = candidate.mean * check.unit, serving.mean * check.unit
        worse = sum(day > 0 for day in measured.days)
        figures = f"mean {left:.4g} over {candidate.count:,}, against {right:.4g} over {serving.count:,}"
        return f"{figures}; worse on {worse} of {len(measured.days)} whole days"
    return (
        f"{candidate.mean:.2%} of the candidate's {candidate.count:,} answers, "
        f"{serving.mean:.2%} of the serving release's {serving.count:,}"
    )


def _judge_split(evidence: Evidence, settings: Rollout) -> list[Finding]:
    """Whether requests were assigned as wanted. A mismatch voids all comparisons and blames nobody."""
    splits = [split for split in evidence.splits if 0 < split.share < 1]
    if not splits:
        return []
    wealth = sum(float(log_wealth_of_split(split.share, split.candidate, split.serving)) for split in splits)
    newest = splits[-1]
    total = newest.candidate + newest.serving
    outcome = Outcome.INCONCLUSIVE if wealth >= -math.log(settings.false_void_rate) else Outcome.PASSED
    measured = newest.candidate / total if total else math.nan
    return [
        Finding(
            SPLIT,
            outcome,
            f"{newest.candidate:,} of {total:,} requests were assigned to the candidate, {newest.share:.0%} is wanted",
            effect=None if math.isnan(measured) else measured,
            sample_size=total,
            threshold=newest.share,
            threshold_origin=f"the wanted weight, false alarms {settings.false_void_rate:.2g}",
        )
    ]


def _judge_copies(evidence: Evidence) -> list[Finding]:
    """Whether the candidate answers the copies it gets: one that dies on them leaves no record to be judged by."""
    wanted, seen = evidence.copies
    if wanted < COPIES_AT_LEAST:
        return []
    share = seen / wanted
    return [
        Finding(
            COPIES,
            Outcome.PASSED if share >= COPIES_SEEN else Outcome.INCONCLUSIVE,
            f"{seen:,} of {wanted:,} copied requests were answered by the candidate",
            effect=share,
            sample_size=wanted,
            threshold=COPIES_SEEN,
            threshold_origin="copies may be lost, but few are",
        )
    ]
