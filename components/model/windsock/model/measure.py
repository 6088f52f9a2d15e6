"""Figures of a model on held-out rows, each with an interval that respects that rows of one day are alike.

Days are resampled whole (block bootstrap): a storm delays a day's flights together, so rows are no independent sample.
With few days a plain percentile interval is too narrow; it is widened as in Hesterberg, What Teachers Should Know About
the Bootstrap, 2015, "expanded percentile interval": the levels are those of a t distribution.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtrit  # type: ignore[import-untyped]
from scipy.stats import rankdata  # type: ignore[import-untyped]
from windsock.contracts.cost import Costs
from windsock.model.policy import Estimate

Numbers = NDArray[np.float64]
DAY_MICROSECONDS = 86_400_000_000
THOUSAND = 1000.0


@dataclass(frozen=True)
class Days:
    """Held-out rows by the UTC day of their event, and how often each resample draws each day.

    `codes` gives each row its day, `weights` is [samples, days].
    """

    codes: NDArray[np.int64]
    weights: NDArray[np.float64] = field(repr=False)
    confidence: float

    @classmethod
    def of(cls, event_at: NDArray[np.int64], samples: int, confidence: float, seed: int) -> "Days":
        """Groups rows by event time (microseconds since 1970) and draws the resamples, the same for the same seed."""
        _, codes = np.unique(event_at // DAY_MICROSECONDS, return_inverse=True)
        count = int(codes.max()) + 1
        weights = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=samples)
        return cls(codes.astype(np.int64), weights.astype(np.float64), confidence)

    @property
    def count(self) -> int:
        """The number of days among all rows, before any restriction."""
        return int(self.weights.shape[1])

    def present(self) -> int:
        """The number of days that have a row here."""
        return len(np.unique(self.codes))

    def where(self, mask: NDArray[np.bool_], confidence: float | None = None) -> "Days":
        """The same resamples, restricted to some rows; perhaps at another confidence."""
        return Days(self.codes[mask], self.weights, self.confidence if confidence is None else confidence)

    def sums(self, values: NDArray[np.floating]) -> Numbers:
        """Each day's sum of a value."""
        return np.bincount(self.codes, weights=values, minlength=self.count).astype(np.float64)

    def interval(self, statistics: Numbers) -> tuple[float, float]:
        """The interval of a statistic from its value on every resample; resamples without a row are left out."""
        known = statistics[np.isfinite(statistics)]
        days = max(2, self.present())
        level = float(ndtr(np.sqrt(days / (days - 1)) * stdtrit(days - 1, (1 - self.confidence) / 2)))
        low, high = np.quantile(known, [level, 1 - level])
        return float(low), float(high)

    def mean(self, values: NDArray[np.floating], scale: float = 1.0) -> Estimate:
        """The mean of a value over rows, times `scale`."""
        with np.errstate(invalid="ignore", divide="ignore"):
            resampled = (self.weights @ self.sums(values)) / (self.weights @ self.sums(np.ones(len(values)))) * scale
        return Estimate(float(np.mean(values)) * scale, *self.interval(resampled), len(values))


def costs_of(costs: Costs, acted: NDArray[np.bool_], label: NDArray[np.int8]) -> Numbers:
    """The cost of each row's decision, given what came true."""
    positive = label == 1
    when_acted = np.where(positive, costs.act_positive, costs.act_negative)
    return np.where(acted, when_acted, np.where(positive, costs.skip_positive, costs.skip_negative))


def auc(score: Numbers, label: NDArray[np.int8]) -> float:
    """The chance that a row with the event scores above one without it, ties counting half (Mann and Whitney, 1947)."""
    positives = int(label.sum())
    negatives = len(label) - positives
    if not positives or not negatives:
        return float("nan")
    ranks = float(rankdata(score)[label == 1].sum())
    return (ranks - positives * (positives + 1) / 2) / (positives * negatives)


def brier(score: Numbers, label: NDArray[np.int8]) -> float:
    """The mean squared distance between probability and outcome (Brier, 1950)."""
    return float(np.mean((score - label) ** 2))


def _auc_resampled(days: Days, score: Numbers, label: NDArray[np.int8]) -> Numbers:
    """The AUC on every resample, from one count a pair of days: how often one's positives beat the other's negatives.

    Exact, and far cheaper than ranking every resample anew.
    """
    positive = label == 1
    ours, day_of_ours = score[positive], days.codes[positive]
    wins = np.zeros((days.count, days.count))
    for day in range(days.count):
        theirs = np.sort(score[~positive & (days.codes == day)])
        below = np.searchsorted(theirs, ours, "left") + np.searchsorted(theirs, ours, "right")
        wins[:, day] = np.bincount(day_of_ours, weights=below / 2, minlength=days.count)
    pairs = (days.weights @ days.sums(label.astype(float))) * (days.weights @ days.sums(1.0 - label))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(((days.weights @ wins) * days.weights).sum(axis=1) / pairs)


def auc_estimate(days: Days, score: Numbers, label: NDArray[np.int8]) -> Estimate:
    """The AUC with its interval."""
    return Estimate(auc(score, label), *days.interval(_auc_resampled(days, score, label)), len(label))


def auc_difference(days: Days, score: Numbers, other: Numbers, label: NDArray[np.int8]) -> Estimate:
    """How much the other score ranks better than this one, on the same rows and the same resamples."""
    resampled = _auc_resampled(days, other, label) - _auc_resampled(days, score, label)
    return Estimate(auc(other, label) - auc(score, label), *days.interval(resampled), len(label))


@dataclass(frozen=True)
class CalibrationBin:
    """Rows of neighbouring probability: how many, their mean probability, and how often the event came."""

    rows: int
    forecast: float
    observed: Estimate


def _bin_codes(score: Numbers, bins: int) -> NDArray[np.int64]:
    """Bins of about equal count; equal scores share a bin, so there may be fewer."""
    edges = np.unique(np.quantile(score, np.linspace(0, 1, bins + 1)[1:-1]))
    _, codes = np.unique(np.searchsorted(edges, score, "right"), return_inverse=True)
    return codes.astype(np.int64)


def calibration_curve(days: Days, score: Numbers, label: NDArray[np.int8], bins: int = 10) -> list[CalibrationBin]:
    """Forecast against observation in bins of about equal count."""
    codes = _bin_codes(score, bins)
    curve = []
    for code in range(int(codes.max()) + 1):
        inside = codes == code
        observed = days.where(inside).mean(label[inside].astype(float))
        curve.append(CalibrationBin(int(inside.sum()), float(score[inside].mean()), observed))
    return curve


def calibration_error(days: Days, score: Numbers, label: NDArray[np.int8], bins: int = 10) -> Estimate:
    """The mean distance between forecast and observation over bins of equal count, weighted by rows.

    Chance alone makes it larger than zero, and its resamples larger still: its interval errs on the strict side.
    """
    codes, size = _bin_codes(score, bins), len(score)
    gaps = np.column_stack([days.sums(np.where(codes == code, score - label, 0.0)) for code in range(codes.max() + 1)])
    resampled = np.abs(days.weights @ gaps).sum(axis=1) / (days.weights @ days.sums(np.ones(size)))
    return Estimate(float(np.abs(gaps.sum(axis=0)).sum() / size), *days.interval(resampled), size)


def cost_curve(
    costs: Costs, score: Numbers, label: NDArray[np.int8], thresholds: Sequence[float]
) -> list[tuple[float, float]]:
    """Cost per 1,000 rows for each threshold that could have been chosen."""
    return [
        (threshold, float(costs_of(costs, score >= threshold, label).mean()) * THOUSAND) for threshold in thresholds
    ]
