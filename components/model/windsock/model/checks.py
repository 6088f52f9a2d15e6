"""What is asked of a candidate, from its lineage to its slices: each check makes one finding by a rule of `policy`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from windsock.contracts.bound import Bound
from windsock.contracts.report import number
from windsock.contracts.use_case import UseCase
from windsock.contracts.verdict import Finding, Outcome
from windsock.model import measure, policy
from windsock.model.contender import Contender
from windsock.model.measure import THOUSAND, Days
from windsock.model.policy import Estimate, Rule
from windsock.model.rows import Rows

PARITY = Bound(
    1e-5, "design of the export gate: float32 arithmetic explains 1e-6, a wrong conversion showed 0.03 and 0.56"
)
MINIMUM_DAYS = Bound(7, "a week: with fewer whole days to resample an interval means little")
SPREAD = Bound(0.01, "scores that differ less between their 5 % and 95 % quantile make one decision for all rows")
LABEL_SHIFT = Bound(2.0, "odds of the event twice or half those of the training rows: labels or world have changed")
FEWEST_OF_A_CLASS = 20


@dataclass(frozen=True)
class Trial:
    """A candidate on trial: the held-out rows, what came true, and who else decided on the same rows.

    `others` are production first, then the baselines that there are.
    """

    use_case: UseCase
    rows: Rows
    label: NDArray[np.int8]
    days: Days
    candidate: Contender
    others: Sequence[Contender]

    def rule(self, check: str, bound: Bound) -> Rule:
        """A rule of this use case."""
        return Rule(check, bound.limit, bound.origin, bound.owner or self.use_case.owner)

    def costs(self, contender: Contender) -> measure.Numbers:
        """The cost of each of a contender's decisions."""
        return measure.costs_of(self.use_case.costs, contender.acted, self.label)

    def cost_difference(self, other: Contender) -> Estimate:
        """The candidate's cost less another's, per 1,000 rows, paired row by row."""
        return self.days.mean(self.costs(self.candidate) - self.costs(other), THOUSAND)

    @property
    def unit(self) -> str:
        """What costs are shown in."""
        return f"{self.use_case.costs.currency} per 1,000"


def lineage(facts: Mapping[str, Any], inputs: Mapping[str, str], expected: Mapping[str, str]) -> Iterator[Finding]:
    """The model was trained from this very training set, and saw no row of the time that it is judged on."""
    for name in ("use_case", "training_set"):
        same = inputs.get(name) == expected[name]
        found = inputs.get(name, "none")
        message = (
            f"made from this {name}"
            if same
            else f"made from another {name}: {found[:19]}, not {expected[name][:19]}; its training ended "
            f"{facts['windows']['evaluation_from']}"
        )
        outcome = Outcome.PASSED if same else Outcome.REFUSED
        yield Finding(f"lineage/{name}", outcome, message, threshold_origin="a model is judged with what made it")
    seen, held_out = facts["windows"]["evaluation_from"], expected["evaluation_from"]
    message = f"learned from time before {seen}; judged on time from {held_out}"
    yield Finding(
        "lineage/held_out",
        Outcome.PASSED if seen <= held_out else Outcome.REFUSED,
        message,
        threshold_origin="what a model has seen does not test it",
    )


def enough(trial: Trial) -> Iterator[Finding]:
    """There are rows, days and both outcomes enough to say anything."""
    settings, rows, positives = trial.use_case.evaluation, len(trial.label), int(trial.label.sum())
    least = Bound(settings.minimum_rows, "[evaluation] minimum_rows")
    message = f"{rows:,} held-out rows, at least {settings.minimum_rows:,}"
    yield policy.holds(
        trial.rule("size/rows", least), rows, rows, rows >= settings.minimum_rows, message, Outcome.INCONCLUSIVE
    )
    days = trial.days.present()
    message = f"{days} held-out days, at least {MINIMUM_DAYS.limit:.0f}"
    yield policy.holds(
        trial.rule("size/days", MINIMUM_DAYS), days, rows, days >= MINIMUM_DAYS.limit, message, Outcome.INCONCLUSIVE
    )
    fewest = min(positives, rows - positives)
    bound = Bound(FEWEST_OF_A_CLASS, "a ranking of fewer rows than these is chance")
    message = f"{positives:,} rows with the event and {rows - positives:,} without"
    yield policy.holds(trial.rule("labels/both", bound), fewest, rows, fewest >= bound.limit, message, Outcome.REFUSED)


def labels(trial: Trial, training_share: float) -> Iterator[Finding]:
    """The event is about as frequent as it was when the model learned."""
    share = float(trial.label.mean())
    ratio = share / (1 - share) * (1 - training_share) / training_share
    apart = max(ratio, 1 / ratio)
    message = f"the event came in {share:.1%} of held-out rows, {training_share:.1%} of training rows"
    rule = trial.rule("labels/shift", LABEL_SHIFT)
    yield policy.holds(rule, apart, len(trial.label), apart <= LABEL_SHIFT.limit, message, Outcome.INCONCLUSIVE)


def export(trial: Trial, trained: measure.Numbers, odd: tuple[measure.Numbers, measure.Numbers]) -> Iterator[Finding]:
    """The exported model says what the trained one says: on every held-out row, and on values nobody expects."""
    yield _parity(trial, "parity/held_out", trial.candidate.score, trained, "held-out rows")
    yield _parity(trial, "parity/odd_values", *odd, "rows of odd values: missing, infinite, huge, tiny, neighbours")
    low, high = np.quantile(trial.candidate.score, [0.05, 0.95])
    message = f"5 % of scores lie below {number(float(low))}, 5 % above {number(float(high))}"
    spread, rule = float(high - low), trial.rule("score/spread", SPREAD)
    yield policy.holds(rule, spread, len(trial.label), spread >= SPREAD.limit, message, Outcome.REFUSED)


def _parity(
    trial: Trial, check: str, exported: NDArray[np.float64], trained: NDArray[np.float64], what: str
) -> Finding:
    missing = np.isnan(exported) | np.isnan(trained)
    both = np.isnan(exported) & np.isnan(trained)
    apart = np.where(both, 0.0, np.where(missing, 1.0, np.abs(np.nan_to_num(exported) - np.nan_to_num(trained))))
    largest = float(apart.max())
    message = f"largest difference {number(largest)} on {len(apart):,} {what}"
    return policy.holds(
        trial.rule(check, PARITY), largest, len(apart), largest <= PARITY.limit, message, Outcome.REFUSED
    )


def quality(trial: Trial) -> Iterator[Finding]:
    """Ranking and calibration on the held-out rows."""
    settings, score = trial.use_case.evaluation, trial.candidate.score
    ranking = measure.auc_estimate(trial.days, score, trial.label)
    yield policy.at_least(trial.rule("quality/auc", settings.auc_floor), ranking, "AUC")
    if settings.auc_ceiling is not None:
        yield policy.believable(trial.rule("quality/auc_believable", settings.auc_ceiling), ranking, "AUC")
    error = measure.calibration_error(trial.days, score, trial.label)
    yield policy.at_most(trial.rule("quality/calibration", settings.calibration_error), error, "calibration error")


def comparisons(trial: Trial, production_is_model: bool) -> Iterator[Finding]:
    """The candidate's cost against production's and the baselines', on the same rows.

    Against a model in production, and the first model, it may not be worse beyond the margin; against rules and against
    never acting it must be better beyond doubt.
    """
    must_gain = Bound(0.0, "a model has to earn its keep: cheaper than what needs no model")
    for index, other in enumerate(trial.others):
        difference = trial.cost_difference(other)
        check = "cost/production" if index == 0 else f"cost/{other.name.replace(' ', '_')}"
        if other.name == "the first model" or (index == 0 and production_is_model):
            margin = trial.use_case.evaluation.cost_margin
            dearest = margin.limit * float(trial.costs(other).mean()) * THOUSAND
            rule = trial.rule(check, Bound(dearest, f"{margin.limit:.1%} of its cost: {margin.origin}"))
            yield policy.not_worse(rule, difference, other.name, trial.unit)
        else:
            yield policy.better(trial.rule(check, must_gain), difference, other.name, trial.unit)
