"""Simulated labels: losses and costs of two releases on the same questions, as pairs and as a split.

Scores of the candidate are those of the serving release with noise on the log-odds, of the size that gives the wanted
difference. Payoffs are put into bins that keep their mean, so that thousands of rollouts are a table of counts.
"""

from dataclasses import dataclass

import numpy as np
from simulated import COSTS, Course, checks_by_name, first_decisions
from windsock.contracts.rollout_settings import Rollout
from windsock.release.betting import Sample, log_wealth_of_days
from windsock.release.judge import Days, cost_unit, rule
from windsock.release.tally import bounds_of_split

POOL = 200_000
BINS = 60
# With 100 answers a look, a day has 900, as the flights of New York have.
LOOKS_A_DAY = 9


@dataclass(frozen=True)
class Pool:
    """Losses and costs, in [0, 1], of the serving release and of a candidate on the same questions."""

    serving: dict[str, np.ndarray]
    candidate: dict[str, np.ndarray]

    def difference(self, name: str) -> float:
        return float((self.candidate[name] - self.serving[name]).mean())


def _judged(scores: np.ndarray, positive: np.ndarray) -> dict[str, np.ndarray]:
    acted = scores >= COSTS.threshold
    cost = np.where(
        acted,
        np.where(positive, COSTS.act_positive, COSTS.act_negative),
        np.where(positive, COSTS.skip_positive, COSTS.skip_negative),
    )
    return {"loss": (scores - positive) ** 2, "cost": cost / cost_unit(COSTS)}


def draw_pool(generator: np.random.Generator, noise: float) -> Pool:
    """Questions of which a quarter come true; the serving release knows their chances as well as can be."""
    chances = generator.beta(1.2, 3.6, POOL)
    positive = generator.random(POOL) < chances
    odds = np.log(chances / (1 - chances)) + noise * generator.standard_normal(POOL)
    return Pool(_judged(chances, positive), _judged(1 / (1 + np.exp(-odds)), positive))


def pool_worse_by(generator: np.random.Generator, name: str, wanted: float) -> Pool:
    """A candidate whose mean of `name` is worse by `wanted` (as a payoff), found by halving the size of the noise."""
    seed = int(generator.integers(2**31))
    low, high = 0.0, 6.0
    for _ in range(30):
        middle = (low + high) / 2
        pool = draw_pool(np.random.default_rng(seed), middle)
        low, high = (middle, high) if pool.difference(name) < wanted else (low, middle)
    return pool


def _binned(values: np.ndarray, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """Bins' means and shares; the mean over bins is the mean of the values."""
    bins = np.minimum(((values - low) / (high - low) * BINS).astype(int), BINS - 1)
    counts = np.bincount(bins, minlength=BINS)
    sums = np.bincount(bins, weights=values, minlength=BINS)
    used = counts > 0
    return sums[used] / counts[used], counts[used] / len(values)


def draw_pairs(
    generator: np.random.Generator,
    pool: Pool,
    name: str,
    a_look: int,
    looks: int,
    rollouts: int,
    luck: float = 0.0,
) -> Sample:
    """Payoffs of pairs, `a_look` more of them a look; `luck` is how far days' means spread (standard deviation).

    A day's luck tilts how often each payoff comes, up or down alike.
    """
    values, shares = _binned(pool.candidate[name] - pool.serving[name], -1.0, 1.0)
    days = luck * generator.standard_normal((rollouts, -(-looks // LOOKS_A_DAY)))
    mean = shares @ values
    tilt = days.repeat(LOOKS_A_DAY, axis=1)[:, :looks, None] * (values - mean) / (shares @ (values - mean) ** 2)
    tilted = shares * np.maximum(1 + tilt, 0)
    counts = generator.multinomial(a_look, tilted / tilted.sum(axis=-1, keepdims=True)).cumsum(axis=1)
    return Sample(values, counts.astype(np.float64), -1.0, 1.0)


def draw_split(
    generator: np.random.Generator, pool: Pool, name: str, a_look: int, looks: int, rollouts: int, share: float
) -> Sample:
    """Payoffs of a split, with the serving release's mean as the constant that they are centred at."""
    centre = float(pool.serving[name].mean())
    ours, our_shares = _binned(pool.candidate[name], 0.0, 1.0)
    theirs, their_shares = _binned(pool.serving[name], 0.0, 1.0)
    values = np.concatenate([(ours - centre) / share, (centre - theirs) / (1 - share)])
    shares = np.concatenate([our_shares * share, their_shares * (1 - share)])
    counts = generator.multinomial(a_look, shares / shares.sum(), (rollouts, looks)).cumsum(axis=1)
    return Sample(values, counts.astype(np.float64), *bounds_of_split(share, centre))


def judge_labels(sample: Sample, name: str, settings: Rollout) -> Course:
    """Judges every look; the effect is the payoffs' mean, as it is for pairs."""
    total = np.maximum(sample.counts.sum(axis=-1), 1)
    effect = sample.counts @ sample.values / total
    check = checks_by_name(settings)[name]
    ruling = rule(check, [sample], effect, settings, fresh=False, days=_days(sample, floor_of(name, settings)))
    return first_decisions(ruling.refused, np.asarray(ruling.passed), total)


def _days(sample: Sample, floor: float) -> Days:
    """What whole days say, at every look."""
    ends = sample.counts[:, LOOKS_A_DAY - 1 :: LOOKS_A_DAY]
    inside = np.diff(ends, axis=1, prepend=0.0)
    differences = inside @ sample.values / inside.sum(axis=-1)
    whole = (np.arange(sample.counts.shape[1]) + 1) // LOOKS_A_DAY
    nothing = np.zeros((len(differences), 1))

    def by_look(wealth: np.ndarray) -> np.ndarray:
        return np.concatenate([nothing, wealth], axis=1)[:, whole]

    worse, better = log_wealth_of_days(differences, 0.0, floor), log_wealth_of_days(-differences, -2 * floor, floor)
    return Days(whole, by_look(worse), by_look(better))


def floor_of(name: str, settings: Rollout) -> float:
    """A check's floor as a payoff."""
    check = checks_by_name(settings)[name]
    return check.floor / check.unit
