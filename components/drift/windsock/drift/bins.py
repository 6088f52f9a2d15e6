"""Features as counts in bins whose edges the reference sets once: a day is counted once, a window is a sum of days.

That is what makes thousands of resampled windows cheap: each is one row of a matrix product.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Numbers = NDArray[np.float64]
Codes = NDArray[np.int64]
BINS = 32
EDGE_ROWS = 20_000
KEYS = 1 << 16


@dataclass(frozen=True)
class Lookup:
    """The first bin that a value may fall into, by its key: sign, exponent and the seven highest bits of its fraction.

    Keys order as values do, so that a key says on which side of an edge a value is, unless the edge has that key too.
    `crowded` marks the keys of more than one edge, where one more comparison does not decide.
    """

    first: NDArray[np.uint8]
    crowded: NDArray[np.bool_] | None

    @classmethod
    def of(cls, edges: Floats) -> "Lookup":
        """The lookup of one column's edges; a negative zero is made positive, which it equals and orders before."""
        edges_of_key = np.bincount(_rank(_keys(edges + np.float32(0))), minlength=KEYS)
        before = np.minimum(edges_of_key.cumsum() - edges_of_key, len(edges) - 1)
        rank = _rank(np.arange(KEYS, dtype=np.uint32))
        crowded = edges_of_key > 1
        return cls(before[rank].astype(np.uint8), crowded[rank] if crowded.any() else None)

    def places(self, edges: Floats, values: Floats) -> Codes:
        """What `numpy.searchsorted` says of values that are numbers, in a fraction of its time."""
        keys = _keys(values)
        places = self.first[keys].astype(np.int64)
        places += values > edges[places]
        if self.crowded is not None:
            again = np.flatnonzero(self.crowded[keys])
            places[again] = np.searchsorted(edges, values[again], side="left")
        return places


def _keys(values: Floats) -> NDArray[np.uint32]:
    return values.view(np.uint32) >> np.uint32(16)


def _rank(keys: NDArray[np.uint32]) -> Codes:
    """Where keys stand among all: those of negative values come first, and fall as their bits rise."""
    place = keys.astype(np.int64)
    return np.where(place < KEYS // 2, place + KEYS // 2, KEYS - 1 - place)


@dataclass(frozen=True)
class Bins:
    """For each column the upper edges of its bins, rising; the last one is infinite. Missing values have a bin.

    A column with at most `BINS` different values has a bin for each. `width` is the number of bins of the widest column
    and one more; a column with fewer has empty ones.
    """

    edges: Sequence[Floats]
    discrete: Sequence[bool]

    @property
    def width(self) -> int:
        """Bins of every column, the one of missing values among them, which is a column's last."""
        return max(len(edges) for edges in self.edges) + 1

    @cached_property
    def _lookups(self) -> Sequence[Lookup]:
        return [Lookup.of(edges) for edges in self.edges]

    @classmethod
    def of(cls, reference: Floats) -> "Bins":
        """Bins of about equal count in the reference, [rows, columns]; of evenly taken rows where there are many."""
        sample = reference[:: max(1, len(reference) // EDGE_ROWS)]
        columns = [_edges(sample[:, index]) for index in range(reference.shape[1])]
        return cls([edges for edges, _ in columns], [discrete for _, discrete in columns])

    def counts(self, rows: Floats, days: Codes, day_count: int) -> NDArray[np.float32]:
        """How many rows of each day (a code a row) fall into each bin: [days, columns, bins]."""
        width, offsets = self.width, days * self.width
        counts = np.empty((day_count, len(self.edges), width), dtype=np.float32)
        for index, edges in enumerate(self.edges):
            values = np.ascontiguousarray(rows[:, index])
            places = self._lookups[index].places(edges, values)
            places[np.isnan(values)] = width - 1
            places += offsets
            counts[:, index] = np.bincount(places, minlength=day_count * width).reshape(day_count, width)
        return counts

    def whole(self, rows: Floats) -> Numbers:
        """The counts of all rows: [columns, bins]."""
        return self.counts(rows, np.zeros(len(rows), dtype=np.int64), 1)[0].astype(np.float64)


def _edges(values: Floats) -> tuple[Floats, bool]:
    known = values[~np.isnan(values)]
    different = np.unique(known)
    discrete = len(different) <= BINS
    edges = different if discrete else np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1], method="lower"))
    return np.append(edges[np.isfinite(edges)], np.inf).astype(np.float32), discrete


def shares(counts: NDArray[np.floating[Any]]) -> Numbers:
    """Counts as shares of their last axis; without any row all is zero."""
    total = counts.sum(axis=-1, keepdims=True, dtype=np.float64)
    return np.asarray(counts / np.where(total > 0, total, 1.0), dtype=np.float64)


def jensen_shannon(counts: NDArray[np.floating[Any]], reference: NDArray[np.floating[Any]]) -> Numbers:
    """The Jensen-Shannon distance between distributions over the last axis, from 0 to 1 (base 2).

    Lin, Divergence Measures Based on the Shannon Entropy, IEEE Trans. Inf. Theory 37 (1991); its root is a metric
    (Endres and Schindelin, 2003).
    """
    ours, theirs = shares(counts), shares(reference)
    entropy = 0.5 * (_negative_entropy(ours) + _negative_entropy(theirs)) - _negative_entropy((ours + theirs) / 2)
    return np.asarray(np.sqrt(np.clip(entropy.sum(axis=-1), 0.0, 1.0)))


def _negative_entropy(share: Numbers) -> Numbers:
    return np.asarray(share * np.log2(np.where(share > 0, share, 1.0)))


def kolmogorov_smirnov(counts: NDArray[np.floating[Any]], reference: NDArray[np.floating[Any]]) -> Numbers:
    """The largest distance between the two distribution functions, at the edges; missing values are left out."""
    ours, theirs = shares(counts[..., :-1]), shares(reference[..., :-1])
    return np.asarray(np.abs(ours.cumsum(axis=-1) - theirs.cumsum(axis=-1)).max(axis=-1))


def chi_squared(counts: NDArray[np.floating[Any]], reference: NDArray[np.floating[Any]]) -> tuple[Numbers, Numbers]:
    """Pearson's statistic of two samples having one distribution, and its degrees of freedom (Pearson, 1900)."""
    ours, theirs = counts.sum(axis=-1, keepdims=True), reference.sum(axis=-1, keepdims=True)
    pooled = (counts + reference) / np.where(ours + theirs > 0, ours + theirs, 1.0)
    used = pooled > 0
    safe = np.where(used, pooled, 1.0)
    parts = (counts - ours * pooled) ** 2 / (safe * np.where(ours > 0, ours, 1.0))
    parts += (reference - theirs * pooled) ** 2 / (safe * np.where(theirs > 0, theirs, 1.0))
    return np.asarray(np.where(used, parts, 0.0).sum(axis=-1)), np.asarray(np.maximum(used.sum(axis=-1) - 1, 1))
