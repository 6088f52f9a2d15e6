"""What is measured of a window, as sums over days: one formula for windows of the history and of production alike.

A window is a row of weights, how often each day is in it. So is a resample, and so all are one matrix product.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.random import Generator
from windsock.drift.bins import Bins, Codes, Floats, Numbers, jensen_shannon

# Counts are whole numbers: below this, sums of them in 32 bits are the same as in 64, in half the time.
EXACT = 1 << 24
# Windows at once: what is computed of so many fits the cache of a processor.
PART = 32
# Windows with hardly more rows than production has are as noisy.
THINNED = 0.9


class Measure(Protocol):
    """Effects of windows, one column a check; the larger, the further from the reference."""

    @property
    def names(self) -> Sequence[str]:
        """The checks."""

    @property
    def floors(self) -> Numbers:
        """The smallest effect of each check that matters."""

    def of_history(self, weights: Numbers, rows: float, random: Generator) -> Numbers:
        """Effects of clean windows [windows, days] of the history, as noisy as with so many rows: [windows, checks]."""

    def of_production(self, weights: Numbers) -> Numbers:
        """Effects of windows [windows, days] of production: [windows, checks]."""


@dataclass(frozen=True)
class Shapes:
    """Distributions by Jensen-Shannon distance from the reference: counts of [days, columns, bins].

    `season` are the reference's days a year before each production day, where there are any: what has moved from the
    whole reference and not from the same season has not drifted.
    """

    names: Sequence[str]
    floors: Numbers
    history: Numbers
    production: Numbers
    season: Numbers = field(default_factory=lambda: np.zeros((0, 0)))

    def of_history(self, weights: Numbers, rows: float, random: Generator) -> Numbers:
        """A window is held against the reference without its own days."""
        flat = self.history.reshape(len(self.history), -1)
        total, effects = flat.sum(axis=0), []
        exact = max(total.max(), weights.sum(axis=1).max() * flat.max()) < EXACT
        flat = flat.astype(np.float32) if exact else flat
        # Of all windows or of none: with fewer rows each is noisier, and a threshold must know that.
        fewer = 0 < rows < THINNED * float(np.median(weights @ self.history[:, 0].sum(axis=-1)))
        for part in np.array_split(weights.astype(flat.dtype), max(1, len(weights) // PART)):
            counts = (part @ flat).astype(np.float64)
            others = np.maximum(total - (part > 0).astype(flat.dtype) @ flat, 0.0).reshape(-1, *self.history.shape[1:])
            counts = counts.reshape(others.shape)
            effects.append(jensen_shannon(_thinned(counts, rows, random) if fewer else counts, others))
        return np.concatenate(effects)

    def of_production(self, weights: Numbers) -> Numbers:
        """A window is held against the whole reference, and against the same season where there is one."""
        counts = (weights @ self.production.reshape(len(self.production), -1)).reshape(-1, *self.production.shape[1:])
        effects = jensen_shannon(counts, self.history.sum(axis=0))
        if self.season.size:
            flat = self.history.reshape(len(self.history), -1)
            season = ((weights @ self.season) > 0).astype(np.float64) @ flat
            season = season.reshape(counts.shape)
            same = jensen_shannon(counts, season)
            effects = np.where(season.sum(axis=-1) > 0, np.minimum(effects, same), effects)
        return effects


def _thinned(counts: Numbers, rows: float, random: Generator) -> Numbers:
    """Windows with as many rows as production has, drawn from the distributions of their own."""
    total = counts.sum(axis=-1)
    share = counts / np.where(total > 0, total, 1.0)[..., None]
    share[..., 0] += 1.0 - share.sum(axis=-1)
    return random.multinomial(round(rows), np.clip(share, 0.0, 1.0)).astype(np.float64)


def shapes(
    names: Sequence[str],
    floor: float,
    history: tuple[Floats, Codes, int],
    production: tuple[Floats, Codes, int],
    season: Numbers | None = None,
) -> tuple[Shapes, Bins]:
    """Counts the rows, given as (rows, day a row, number of days), in bins of the history."""
    bins = Bins.of(history[0])
    counted = Shapes(
        names,
        np.full(len(names), floor),
        bins.counts(*history).astype(np.float64),
        bins.counts(*production).astype(np.float64),
        np.zeros((0, 0)) if season is None else season,
    )
    return counted, bins


@dataclass(frozen=True)
class DayMeans:
    """Values by day: their sums and squares [days, checks], and the number of rows [days]."""

    sums: Numbers
    squares: Numbers
    rows: Numbers

    @classmethod
    def of(cls, values: Numbers, days: Codes, day_count: int) -> "DayMeans":
        """Groups values [rows, checks] by the day of each row."""
        columns = range(values.shape[1])
        sums = [np.bincount(days, weights=values[:, index], minlength=day_count) for index in columns]
        squares = [np.bincount(days, weights=values[:, index] ** 2, minlength=day_count) for index in columns]
        return cls(
            np.column_stack(sums), np.column_stack(squares), np.bincount(days, minlength=day_count).astype(np.float64)
        )

    def means(self, weights: Numbers) -> Numbers:
        """The mean of each window; NaN where it has no row."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray((weights @ self.sums) / (weights @ self.rows)[:, None])

    def spread(self) -> Numbers:
        """The variance of single values, over all days."""
        total = max(float(self.rows.sum()), 1.0)
        return np.asarray(self.squares.sum(axis=0) / total - (self.sums.sum(axis=0) / total) ** 2)


@dataclass(frozen=True)
class Means:
    """Changes of means against a base: to either side, or (`one_sided`) only upwards; `scale` turns them into effects.

    The history is held against its own mean, production against `base`: what the release promised.
    """

    names: Sequence[str]
    floors: Numbers
    history: DayMeans
    production: DayMeans
    base: Numbers
    one_sided: Sequence[bool]
    scale: Numbers

    def of_history(self, weights: Numbers, rows: float, random: Generator) -> Numbers:
        """Changes of clean windows, with the noise that fewer rows add."""
        base = self.history.means(np.ones((1, len(self.history.rows))))
        changes = self.history.means(weights) - base
        usual = float(np.median(weights @ self.history.rows))
        if 0 < rows < usual:
            noise = np.sqrt(np.maximum(self.history.spread(), 0.0) * (1 / rows - 1 / usual))
            changes = changes + random.normal(size=changes.shape) * noise
        return self._effects(changes)

    def of_production(self, weights: Numbers) -> Numbers:
        """Changes of production's windows."""
        return self._effects(self.production.means(weights) - self.base)

    def _effects(self, changes: Numbers) -> Numbers:
        scaled = changes * self.scale
        return np.where(np.asarray(self.one_sided), scaled, np.abs(scaled))


@dataclass(frozen=True)
class Wins:
    """How often one day's events scored above another day's others [days, days], and each day's events and others."""

    wins: Numbers
    events: Numbers
    others: Numbers

    @classmethod
    def of(cls, score: Numbers, label: Codes, days: Codes, day_count: int) -> "Wins":
        """Counts pairs, ties half (Mann and Whitney, 1947): the AUC of any window follows without ranking it anew."""
        positive = label == 1
        ours, day_of_ours = score[positive], days[positive]
        wins = np.zeros((day_count, day_count))
        for day in range(day_count):
            theirs = np.sort(score[~positive & (days == day)])
            below = np.searchsorted(theirs, ours, "left") + np.searchsorted(theirs, ours, "right")
            wins[:, day] = np.bincount(day_of_ours, weights=below / 2, minlength=day_count)
        events = np.bincount(days[positive], minlength=day_count).astype(np.float64)
        return cls(wins, events, np.bincount(days[~positive], minlength=day_count).astype(np.float64))

    def auc(self, weights: Numbers) -> Numbers:
        """The AUC of each window; NaN where one of the outcomes is missing."""
        pairs = (weights @ self.events) * (weights @ self.others)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(((weights @ self.wins) * weights).sum(axis=1) / pairs)


@dataclass(frozen=True)
class Ranking:
    """What ranking was lost: the AUC of the whole history, or the promised one, less the window's."""

    names: Sequence[str]
    floors: Numbers
    history: Wins
    production: Wins
    base: float

    def of_history(self, weights: Numbers, rows: float, random: Generator) -> Numbers:
        """Losses of clean windows, with about the noise that fewer rows add."""
        lost = self.history.auc(np.ones((1, len(self.history.events)))) - self.history.auc(weights)
        events, others = float(self.history.events.sum()), float(self.history.others.sum())
        usual = float(np.median(weights @ (self.history.events + self.history.others)))
        if 0 < rows < usual and events and others:
            # The variance of a ranking without information, 1/12 (1/events + 1/others), is an upper bound here.
            unit = (events + others) / 12 * (1 / events + 1 / others)
            lost = lost + random.normal(size=lost.shape) * np.sqrt(unit * (1 / rows - 1 / usual))
        return lost[:, None]

    def of_production(self, weights: Numbers) -> Numbers:
        """Losses of production's windows against the promise."""
        return (self.base - self.production.auc(weights))[:, None]
