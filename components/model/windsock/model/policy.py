"""What a candidate must show: pure rules from estimates to findings. They are the gate; nothing else decides.

Every rule has three answers. A candidate passes when the whole interval of a figure lies on the good side of its bound,
is refused when the whole interval lies on the bad side, and where the interval holds the bound the answer is
`inconclusive`, which never promotes. Slices are the exception: a slice has few rows, so it refuses a harm that is
shown and does not ask for proof that there is none.
"""

from dataclasses import dataclass

from windsock.contracts.report import interval_text, number
from windsock.contracts.verdict import Finding, Outcome


@dataclass(frozen=True)
class Estimate:
    """A figure, the interval that holds it, and the rows that it rests on."""

    value: float
    low: float
    high: float
    sample_size: int


@dataclass(frozen=True)
class Rule:
    """Which check this is, its bound, where the bound comes from and who answers for it."""

    check: str
    threshold: float
    origin: str
    owner: str

    def finding(self, outcome: Outcome, message: str, estimate: Estimate | None = None) -> Finding:
        """The finding of this rule."""
        if estimate is None:
            return Finding(
                self.check, outcome, message, threshold=self.threshold, threshold_origin=self.origin, owner=self.owner
            )
        return Finding(
            check=self.check,
            outcome=outcome,
            message=message,
            effect=estimate.value,
            sample_size=estimate.sample_size,
            interval=(estimate.low, estimate.high),
            threshold=self.threshold,
            threshold_origin=self.origin,
            owner=self.owner,
        )


def better(rule: Rule, difference: Estimate, other: str, unit: str) -> Finding:
    """Cheaper than `other` beyond doubt: the whole interval of the difference lies below zero."""
    shown = f"{number(difference.value)} {unit} against {other} ({_interval(difference)})"
    if difference.high < 0:
        return rule.finding(Outcome.PASSED, f"cheaper: {shown}", difference)
    if difference.low >= 0:
        return rule.finding(Outcome.REFUSED, f"not cheaper: {shown}", difference)
    return rule.finding(Outcome.INCONCLUSIVE, f"cannot be told from {other}: {shown}", difference)


def not_worse(rule: Rule, difference: Estimate, other: str, unit: str) -> Finding:
    """No dearer than `other` by more than the margin: the whole interval of the difference lies at or below it.

    A candidate that is dearer beyond doubt passes only if all of the interval is within the margin.
    """
    shown = f"{number(difference.value)} {unit} against {other} ({_interval(difference)})"
    margin = f"the margin of {number(rule.threshold)}"
    if difference.high <= rule.threshold:
        word = "cheaper" if difference.high < 0 else f"within {margin}"
        return rule.finding(Outcome.PASSED, f"{word}: {shown}", difference)
    if difference.low > 0:
        return rule.finding(Outcome.REFUSED, f"dearer, not shown to be within {margin}: {shown}", difference)
    return rule.finding(Outcome.INCONCLUSIVE, f"too uncertain for {margin}: {shown}", difference)


def at_least(rule: Rule, estimate: Estimate, name: str) -> Finding:
    """A floor: the whole interval lies at or above it."""
    shown = f"{name} is {number(estimate.value)} ({_interval(estimate)}), the floor is {number(rule.threshold)}"
    if estimate.low >= rule.threshold:
        return rule.finding(Outcome.PASSED, shown, estimate)
    if estimate.high < rule.threshold:
        return rule.finding(Outcome.REFUSED, shown, estimate)
    return rule.finding(Outcome.INCONCLUSIVE, f"too uncertain: {shown}", estimate)


def at_most(rule: Rule, estimate: Estimate, name: str) -> Finding:
    """A ceiling: the whole interval lies at or below it."""
    shown = f"{name} is {number(estimate.value)} ({_interval(estimate)}), the most allowed is {number(rule.threshold)}"
    if estimate.high <= rule.threshold:
        return rule.finding(Outcome.PASSED, shown, estimate)
    if estimate.low > rule.threshold:
        return rule.finding(Outcome.REFUSED, shown, estimate)
    return rule.finding(Outcome.INCONCLUSIVE, f"too uncertain: {shown}", estimate)


def believable(rule: Rule, estimate: Estimate, name: str) -> Finding:
    """What is too good to be true is looked at by a person before anything else happens."""
    shown = f"{name} is {number(estimate.value)}, believable is up to {number(rule.threshold)}"
    if estimate.value > rule.threshold:
        return rule.finding(Outcome.INCONCLUSIVE, f"look for a feature that knows the answer: {shown}", estimate)
    return rule.finding(Outcome.PASSED, shown, estimate)


def no_harm(rule: Rule, harm: Estimate, what: str) -> Finding:
    """A slice: refused when the harm is beyond its margin with all of the interval."""
    shown = f"{what}: {number(harm.value)} ({_interval(harm)}), margin {number(rule.threshold)}"
    if harm.low > rule.threshold:
        return rule.finding(Outcome.REFUSED, shown, harm)
    return rule.finding(Outcome.PASSED, shown, harm)


def no_gap(rule: Rule, gap: Estimate, what: str) -> Finding:
    """A slice: refused when forecast and observation lie further apart than the margin, to either side."""
    shown = f"{what}: {number(gap.value)} ({_interval(gap)}), margin {number(rule.threshold)} to either side"
    if gap.low > rule.threshold or gap.high < -rule.threshold:
        return rule.finding(Outcome.REFUSED, shown, gap)
    return rule.finding(Outcome.PASSED, shown, gap)


def holds(rule: Rule, value: float, sample_size: int, good: bool, message: str, otherwise: Outcome) -> Finding:
    """A fact without uncertainty: it holds, or the answer is `otherwise`."""
    return Finding(
        check=rule.check,
        outcome=Outcome.PASSED if good else otherwise,
        message=message,
        effect=value,
        sample_size=sample_size,
        threshold=rule.threshold,
        threshold_origin=rule.origin,
        owner=rule.owner,
    )


def _interval(estimate: Estimate) -> str:
    return interval_text((estimate.low, estimate.high))
