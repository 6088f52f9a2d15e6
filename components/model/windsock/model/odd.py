"""Rows that no held-out time holds but production may send: the exported model has to agree on them too."""

import numpy as np
from windsock.model.rows import Floats

TINY = 1e-45  # The smallest number above zero that float32 can hold, a denormal one.
FINITE = (0.0, -0.0, TINY, -TINY, 1.0, -1.0, 1e30, -1e30, float(np.finfo(np.float32).max))
NOT_FINITE = (np.nan, np.inf, -np.inf)
NEIGHBOURS = 250


def neighbours(features: Floats) -> Floats:
    """The next float32 above and below real values.

    Where a tree's split lies between two of them, a conversion that rounds the split sends one of them the other way.
    """
    sample = features[np.linspace(0, len(features) - 1, min(NEIGHBOURS, len(features)), dtype=int)]
    above, below = np.nextafter(sample, np.float32(np.inf)), np.nextafter(sample, np.float32(-np.inf))
    return np.nan_to_num(np.vstack([above, below]), nan=0.0).astype(np.float32)


def kinds_of_rows(features: Floats) -> list[Floats]:
    """All odd rows, the neighbours of real values first, then one array for each odd value."""
    odd_values = [_each_column(features, (value,)) for value in (*FINITE, *NOT_FINITE)]
    return [neighbours(features), *odd_values]


def _each_column(features: Floats, values: tuple[float, ...]) -> Floats:
    """Typical rows in which one column at a time, and then every column, holds each of the values."""
    count = features.shape[1]
    typical = np.nan_to_num(np.nanmedian(np.vstack([features, np.zeros(count)]), axis=0))
    rows = []
    for value in values:
        alone = np.tile(typical, (count, 1))
        np.fill_diagonal(alone, value)
        rows += [alone, np.full((1, count), value)]
    return np.vstack(rows).astype(np.float32)
