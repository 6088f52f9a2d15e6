"""Evidence that stays valid however often it is looked at: a bet against the claim that a mean is on the safe side.

A bettor starts with 1 and stakes a part of what it has on every value. If the claim holds, what it has is a
nonnegative supermartingale, so that it ever reaches 1/a with probability at most a (Ville 1939), at whatever moment
one looks. Stakes are fixed before the values are seen: a mixture of constant fractions, which is Cover's universal
portfolio over a grid.

Sources: Waudby-Smith and Ramdas, Estimating means of bounded random variables by betting, JRSS B 86 (2024), section 4;
Orabona and Jun, Tight concentrations and confidence sequences from the regret of universal portfolio, IEEE Trans. Inf.
Theory 70 (2024); Howard et al., Time-uniform Chernoff bounds via nonnegative supermartingales, Prob. Surveys 17 (2020).
Days: Vovk and Wang, Nonparametric e-tests of symmetry, New England J. Statistics in Data Science 2 (2024).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
# An end of an interval is found to this much, absolutely or relatively: it is for reading, no decision hangs on it.
PRECISION = 2e-5
RELATIVE_PRECISION = 0.005


@dataclass(frozen=True)
class Bets:
    """Fractions of the wealth that are staked, each for good, and the part of the first wealth that each one gets."""

    fractions: Array
    parts: Array


def _bets(fractions: Sequence[float], parts: Sequence[float]) -> Bets:
    return Bets(np.asarray(fractions), np.asarray(parts) / sum(parts))


# For what happens rarely and then tells much, such as a failure: bold stakes get most of the wealth.
# The fraction 0 keeps a little aside, so that a long good time cannot ruin the bettor before things turn bad.
RARE = _bets(
    (0.95, 0.85, 0.75, 0.6, 0.4, 0.25, 0.15, 0.08, 0.04, 0.02, 0.01, 0.0),
    (15, 15, 15, 12, 10, 8, 6, 5, 4, 3, 3, 4),
)
# For means of values that all tell a little, such as a loss: the best stake may be very small, so every size gets as
# much.
STEADY = _bets((0.9, 0.6, 0.4, 0.25, 0.16, 0.1, 0.063, 0.04, 0.025, 0.016, 0.01, 0.0), (1,) * 12)


@dataclass(frozen=True)
class Sample:
    """Payoffs whose mean is the candidate's worsening: value `values[i]` was seen `counts[..., i]` times.

    Leading axes of `counts` are independent rollouts or successive looks. No payoff lies outside `low` to `high`.
    """

    values: Array
    counts: Array
    low: float
    high: float


def log_wealth_worse(sample: Sample, bound: float, bets: Bets) -> Any:
    """Log wealth of the bet that the mean is above `bound`, by leading axes of the counts.

    The factor for a value v at fraction f is 1 - f + f (v - low) / (bound - low), which has mean at most 1 whenever the
    mean of v is at most `bound`. It falls as `bound` rises, so the bounds that are refuted form an interval.
    """
    width = bound - sample.low
    if width <= 0:
        return np.full(sample.counts.shape[:-1], np.inf)
    return _mixed(sample.counts, (sample.values - sample.low) / width, bets)


def log_wealth_better(sample: Sample, bound: float, bets: Bets) -> Any:
    """Log wealth of the bet that the mean is below `bound`; the mirror of the other one."""
    width = sample.high - bound
    if width <= 0:
        return np.full(sample.counts.shape[:-1], np.inf)
    return _mixed(sample.counts, (sample.high - sample.values) / width, bets)


def _mixed(counts: Array, ratios: Array, bets: Bets) -> Any:
    growth = np.log1p(bets.fractions * (ratios[:, None] - 1.0))
    logs = counts @ growth + np.log(bets.parts)
    top = logs.max(axis=-1)
    return top + np.log(np.exp(logs - top[..., None]).sum(axis=-1))


def total_worse(samples: Sequence[Sample], bound: float, bets: Bets) -> Any:
    """Log wealth over stretches of time: each begins with what the one before left, its stakes spread anew."""
    return sum((log_wealth_worse(sample, bound, bets) for sample in samples), np.float64(0.0))


def total_better(samples: Sequence[Sample], bound: float, bets: Bets) -> Any:
    """As `total_worse`, for the mean being below `bound`."""
    return sum((log_wealth_better(sample, bound, bets) for sample in samples), np.float64(0.0))


def interval(samples: Sequence[Sample], bets: Bets, low_rate: float, high_rate: float) -> tuple[float, float]:
    """A confidence sequence for the mean: all bounds that neither bet has refuted.

    Over all looks together, its low end is ever above the mean with probability at most `low_rate`, its high end ever
    below it with at most `high_rate`. It holds -1 to 1 where nothing is known.
    """
    low, high = -1.0, 1.0
    wanted_low, wanted_high = -math.log(low_rate), -math.log(high_rate)
    if float(total_worse(samples, low, bets)) >= wanted_low:
        low = _edge(lambda bound: float(total_worse(samples, bound, bets)) >= wanted_low, low, high)
    if float(total_better(samples, high, bets)) >= wanted_high:
        high = _edge(lambda bound: float(total_better(samples, bound, bets)) >= wanted_high, high, -1.0)
    return low, high


def _edge(refuted: Any, inside: float, outside: float) -> float:
    """The last bound, going from a refuted one to one that is not, that is still refuted; to half a percent."""
    while abs(outside - inside) > max(PRECISION, RELATIVE_PRECISION * abs(inside)):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if refuted(middle) else (inside, middle)
    return inside


# Stakes on days, as multiples of one over the scale; each gets as much. The boldest doubles what it has on every day
# that is clearly on its side, which is all that the sign of a day can ever give.
DAY_STAKES = (0.03, 0.1, 0.5, 2.0, 8.0, 32.0)


def log_wealth_of_days(differences: Array, bound: float, scale: float) -> Array:
    """Log wealth, after each day, of the bet that days' differences lie above `bound`; days are the last axis.

    The factor for a day's difference d is 1 + tanh(stake (d - bound) / scale). If d is as likely to lie some way above
    its centre as below it, and the centre is at most `bound`, the factor's mean is at most 1, however large differences
    may be. What is taken for granted is this symmetry of days, not that answers of one day know nothing of each other.
    """
    stakes = np.asarray(DAY_STAKES) / scale
    ways = (differences[..., None] - bound) * stakes
    # log(1 + tanh(x)) without loss where x is very negative.
    logs = (math.log(2.0) - np.logaddexp(0.0, -2.0 * ways)).cumsum(axis=-2) - math.log(len(stakes))
    top = logs.max(axis=-1)
    wealth: Array = top + np.log(np.exp(logs - top[..., None]).sum(axis=-1))
    return wealth


def log_wealth_of_split(share: float, candidate: Any, others: Any, strength: float = 100.0) -> Any:
    """Log wealth of the bet that assignments do not come with the wanted `share`: a beta mixture over other shares.

    A binomial case of Lindon and Malek, Anytime-valid inference for multinomial count data, NeurIPS 2022. The mixture
    lies around the wanted share with the weight of `strength` observations.
    """
    first, second = strength * share, strength * (1 - share)
    mixture = _log_beta(first + candidate, second + others) - _log_beta(first, second)
    return mixture - candidate * math.log(share) - others * math.log1p(-share)


def _log_beta(first: Any, second: Any) -> Any:
    lgamma = np.vectorize(math.lgamma, otypes=[np.float64])
    return lgamma(first) + lgamma(second) - lgamma(first + second)
