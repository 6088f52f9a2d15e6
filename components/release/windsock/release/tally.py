"""Turns what was answered into payoffs whose mean is how much worse the candidate is.

Split traffic: each request goes to the candidate with probability w, by chance. For a value x in [0, 1] (1 is bad)
the payoff (x - c) / w for the candidate and -(x - c) / (1 - w) for the other has the mean difference as its mean,
whatever the requests are and however they change, for any constant c (inverse probability weighting: Horvitz and
Thompson 1952; Karampatziakis et al., Off-policy confidence sequences, ICML 2021). c near the usual x keeps the
payoffs small.

Copied traffic: both releases answer one request, and the payoff is the difference of their values. What makes requests
differ drops out, which is why copies settle labels much sooner than a split does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray
from windsock.release.betting import Sample
from windsock.release.judge import Arm, Measured

Values = NDArray[np.float64]
NOTHING = Arm(0, 0.0)


@dataclass(frozen=True)
class Stretch:
    """One stretch of one check: the payoffs, both sides' figures, and by how much the candidate's mean is worse."""

    sample: Sample
    candidate: Arm
    serving: Arm

    @property
    def effect(self) -> float:
        """The difference of the means, 0 where one side is empty."""
        known = self.candidate.count and self.serving.count
        return self.candidate.mean - self.serving.mean if known else 0.0


def bounds_of_split(share: float, centre: float) -> tuple[float, float]:
    """The lowest and the highest payoff under a split."""
    high = max((1 - centre) / share, centre / (1 - share))
    return -max(centre / share, (1 - centre) / (1 - share)), high


def split_values(share: float, centre: float) -> Values:
    """The payoffs of a check that is yes or no: candidate yes, candidate no, other yes, other no."""
    yes, no = 1 - centre, -centre
    return np.asarray([yes / share, no / share, -yes / (1 - share), -no / (1 - share)])


def split_counts(share: float, centre: float, candidate: tuple[int, int], serving: tuple[int, int]) -> Stretch:
    """A yes-or-no check under a split; each side is (how many are bad, of how many)."""
    counts = [candidate[0], candidate[1] - candidate[0], serving[0], serving[1] - serving[0]]
    low, high = bounds_of_split(share, centre)
    sample = Sample(split_values(share, centre), np.asarray(counts, dtype=np.float64), low, high)
    return Stretch(sample, _share(*candidate), _share(*serving))


def pair_counts(only_candidate: int, only_serving: int, both: int, count: int) -> Stretch:
    """A yes-or-no check on `count` pairs: bad at the candidate only, at the other only, at both."""
    same = count - only_candidate - only_serving
    counts = np.asarray([only_candidate, only_serving, same], dtype=np.float64)
    sample = Sample(np.asarray([1.0, -1.0, 0.0]), counts, -1.0, 1.0)
    return Stretch(sample, _share(only_candidate + both, count), _share(only_serving + both, count))


def split_means(share: float, centre: float, candidate: Values, serving: Values) -> Stretch:
    """A check whose values lie anywhere in [0, 1], under a split."""
    payoffs = np.concatenate([(candidate - centre) / share, (centre - serving) / (1 - share)])
    low, high = bounds_of_split(share, centre)
    return Stretch(Sample(payoffs, np.ones(len(payoffs)), low, high), _mean(candidate), _mean(serving))


def pair_means(candidate: Values, serving: Values) -> Stretch:
    """A check whose values lie anywhere in [0, 1], on pairs."""
    sample = Sample(candidate - serving, np.ones(len(candidate)), -1.0, 1.0)
    return Stretch(sample, _mean(candidate), _mean(serving))


def day_differences(candidate: Mapping[date, Values], serving: Mapping[date, Values]) -> dict[date, Stretch]:
    """How much worse the candidate's mean was, day by day, on the days on which both answered."""
    nothing = Sample(np.empty(0), np.empty(0), -1.0, 1.0)
    both = sorted(set(candidate) & set(serving))
    return {day: Stretch(nothing, _mean(candidate[day]), _mean(serving[day])) for day in both}


def measured(stretches: list[Stretch], days: Sequence[Mapping[date, Stretch]] = ()) -> Measured:
    """One check over all stretches of a rollout; `days` are its whole days, a mapping for each stretch.

    A day that two stretches share is their mean, each with the weight of its smaller side.
    """
    candidate = _pool([one.candidate for one in stretches])
    serving = _pool([one.serving for one in stretches])
    effect = max(_weighted(stretches), stretches[-1].effect) if stretches else 0.0
    by_day = tuple(_weighted([part[day] for part in days if day in part]) for day in sorted(set().union(*days)))
    return Measured(tuple(one.sample for one in stretches), candidate, serving, effect, by_day)


def _weighted(stretches: list[Stretch]) -> float:
    weights = [min(one.candidate.count, one.serving.count) for one in stretches]
    return sum(one.effect * weight for one, weight in zip(stretches, weights)) / (sum(weights) or 1)


def _share(bad: int, count: int) -> Arm:
    return Arm(int(count), bad / count) if count else NOTHING


def _mean(values: Values) -> Arm:
    return Arm(len(values), float(values.mean())) if len(values) else NOTHING


def _pool(arms: list[Arm]) -> Arm:
    total = sum(arm.count for arm in arms)
    return Arm(total, sum(arm.count * arm.mean for arm in arms) / total) if total else NOTHING
