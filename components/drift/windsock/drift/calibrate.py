"""Thresholds solved from a budget of false alarms, on the history itself; the proof that they keep it; what they see.

Stretches of as many windows as an alarm needs are drawn from the history in blocks of days (circular block bootstrap:
Politis and Romano, 1992), so storms, weekends and seasons stay whole. A check's effects are put on one scale by their
own clean windows; the largest of a family decides (the max-T rule of Westfall and Young, Resampling-Based Multiple
Testing, 1993): it controls the chance of any false alarm in a family, however its checks depend on each other, and so
the false-discovery rate too. Over time each family spends an equal part of the budget in every window.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.stats import beta, norm, t  # type: ignore[import-untyped]
from windsock.contracts.drift_settings import Drift
from windsock.drift.bins import Numbers
from windsock.drift.measures import Measure, Shapes

DAYS_A_MONTH = 30.0
SURE = 0.95
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Plan:
    """How windows are cut: days a window, windows an alarm needs, days of a block, how many stretches are drawn."""

    window_days: int
    persistence: int
    block_days: int
    stretches: int

    @classmethod
    def of(cls, settings: Drift) -> "Plan":
        """The plan of the use case's settings."""
        return cls(settings.window_days, settings.persistence, settings.block_days, settings.bootstrap_windows)

    @property
    def stretch_days(self) -> int:
        """Days of the windows that an alarm needs."""
        return self.window_days * self.persistence

    def rate(self, alarms_a_month: float) -> float:
        """The chance of a false alarm that a window may have, for so many alarms a month."""
        return min(0.5, alarms_a_month * self.window_days / DAYS_A_MONTH)

    def alarms_a_month(self, rate: float) -> float:
        """The alarms a month of a chance a window."""
        return rate * DAYS_A_MONTH / self.window_days


def draw(plan: Plan, days: int, starts: Sequence[int], random: Generator) -> Numbers:
    """Stretches as weights of days: [stretches, windows of a stretch, days].

    A stretch is made of blocks of consecutive days, the first day of each drawn from `starts`; the last day of the
    history is followed by its first.
    """
    length = plan.stretch_days
    blocks = -(-length // plan.block_days)
    first = random.choice(np.asarray(starts), size=(plan.stretches, blocks))
    drawn = (first[..., None] + np.arange(plan.block_days)).reshape(plan.stretches, -1)[:, :length] % days
    weights = np.zeros((plan.stretches, plan.persistence, days))
    window = np.repeat(np.arange(plan.persistence), plan.window_days)
    np.add.at(weights, (np.arange(plan.stretches)[:, None], window[None, :], drawn), 1.0)
    return weights


@dataclass(frozen=True)
class Threshold:
    """What a family's effects are held against, solved for a rate of false alarms a window.

    An effect is (effect - centre) / scale on the common scale, where it must exceed `level` in every window of a
    stretch; `effects` are the same bounds as effects, and never below the checks' floors.
    """

    centre: Numbers
    scale: Numbers
    level: float
    floors: Numbers
    rate: float

    @property
    def effects(self) -> Numbers:
        """The bound of each check, in its own unit."""
        return np.asarray(np.maximum(self.floors, self.centre + self.level * self.scale))

    def alarms(self, effects: Numbers) -> Flags:
        """Which checks raise an alarm in each stretch [stretches, windows, checks]: beyond the bound in all windows."""
        return np.asarray((effects > self.effects).all(axis=1))


def clean_effects(measure: Measure, weights: Numbers, rows: float, random: Generator) -> Numbers:
    """The effects of clean stretches: [stretches, windows, checks]; a window without rows has none."""
    flat = weights.reshape(-1, weights.shape[-1])
    effects = measure.of_history(flat, rows, random)
    return np.nan_to_num(effects.reshape(*weights.shape[:2], -1), nan=0.0)


def solve(effects: Numbers, floors: Numbers, rate: float, separate: int, alike: bool = False) -> Threshold:
    """The level that a clean stretch exceeds with the given chance, over all checks of the family.

    `separate` is how many stretches the history holds that share no day. A new stretch exceeds the highest of n with
    chance 1 / (n + 1), however many are drawn from them: so the quantile of those drawn is too low where n is small.
    The level is then at least the bound that predicts a new maximum from n others: a Gumbel quantile of their mean and
    spread (Gumbel, Statistics of Extremes, 1958), widened as Student's prediction bound is against the normal one.

    Where checks are `alike` (one unit, such as features), none counts as calmer than their middle one: among many, the
    one that happened to be calm would cry first (as the constant in Tusher, Tibshirani and Chu, PNAS 98, 2001).
    """
    flat = effects.reshape(-1, effects.shape[-1])
    centre, upper = np.median(flat, axis=0), np.quantile(flat, 0.9, axis=0)
    scale = np.maximum(upper - centre, 1e-9)
    if alike:
        scale = np.maximum(scale, np.median(scale))
    lasting = ((effects - centre) / scale).min(axis=1).max(axis=1)
    level = max(float(np.quantile(lasting, 1 - rate, method="higher")), _predicted(lasting, rate, separate))
    return Threshold(centre, scale, level, floors, rate)


def _predicted(lasting: Numbers, rate: float, separate: int) -> float:
    """The bound that a new maximum exceeds with chance `rate`, given the mean and spread of `separate` others."""
    size = max(separate, 2)
    extreme = (-math.log(-math.log1p(-rate)) - np.euler_gamma) * math.sqrt(6) / math.pi
    doubt = float(t.isf(rate, size - 1) / norm.isf(rate)) * math.sqrt(1 + 1 / size) * math.sqrt(size / (size - 1))
    return float(lasting.mean() + lasting.std() * extreme * doubt)


@dataclass(frozen=True)
class SelfTest:
    """Clean against clean: thresholds of one half of the history's blocks, tried on the other half.

    `rate` of alarms a window with its interval, from about `stretches` that share no day.
    """

    rate: float
    interval: tuple[float, float]
    stretches: int
    budget: float

    @property
    def trusted(self) -> bool:
        """Whether nothing shows that the budget is exceeded; a family that is not trusted raises no alarm."""
        return self.interval[0] <= self.budget


def self_test(measure: Measure, plan: Plan, days: int, rows: float, rate: float, random: Generator) -> SelfTest:
    """Solves on every other block of the history and counts alarms on those between."""
    length = plan.stretch_days
    half = [[day for day in range(days) if (day // length) % 2 == side and day % length == 0] for side in (0, 1)]
    if not all(half):
        return SelfTest(0.0, (0.0, 1.0), 0, rate)
    there, here = (draw(plan, days, starts, random) for starts in half)
    clean, unbounded = clean_effects(measure, there, rows, random), np.zeros(len(measure.floors))
    threshold = solve(clean, unbounded, rate, len(half[0]), isinstance(measure, Shapes))
    unfloored = clean_effects(measure, here, rows, random)
    alarms = float((threshold.alarms(unfloored) & (unfloored > measure.floors).all(axis=1)).any(axis=1).mean())
    return SelfTest(alarms, exact_interval(alarms * len(half[1]), len(half[1])), len(half[1]), rate)


def exact_interval(count: float, size: int, confidence: float = SURE) -> tuple[float, float]:
    """The interval of a share (Clopper and Pearson, 1934); it holds everything where nothing was seen."""
    outside = (1 - confidence) / 2
    low = 0.0 if count <= 0 else float(beta.ppf(outside, count, size - count + 1))
    high = 1.0 if count >= size else float(beta.ppf(1 - outside, count + 1, size - count))
    return low, high


def smallest_seen(effects: Numbers, threshold: Threshold, power: float = 0.8) -> Numbers:
    """The change of each check that is seen with this chance, if it adds to what clean windows show anyway."""
    return np.asarray(threshold.effects - np.quantile(effects.min(axis=1), 1 - power, axis=0))
