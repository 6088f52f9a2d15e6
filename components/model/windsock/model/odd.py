"""Rows that no held-out time holds but production may send: the exported model has to agree on them too."""

import numpy as np
from windsock.model.rows import Floats

TINY = 1e-45  # The smallest number above zero that float32 can hold, a denormal one.
FINITE = (0.0, -0.0, TINY, -TINY, 1.0, -1.0, 1e30, -1e30, float(np.finfo(np.float32).max))
NOT_FINITE = (np.nan, np.inf, -np.inf)
NEIGHBOURS = 250


def finite_rows(features: Floats) -> Floats:
    """Zeros, denormals and huge values in each column alone and in all at once, and neighbours of real values.

    The neighbours are the next float32 above and below: where a tree's split lies between two of them, a conversion
    that rounds the split sends one of them the other way.
    """
    sample = features[np.linspace(0, len(features) - 1, min(NEIGHBOURS, len(features)), dtype=int)]
    above, below = np.nextafter(sample, np.float32(np.inf)), np.nextafter(sample, np.float32(-np.inf))
    complete = np.nan_to_num(np.vstack([above, below]), nan=0.0)
    return np.vstack([_each_column(features, FINITE), complete]).astype(np.float32)


def rows_with_gaps(features: Floats) -> Floats:
    """Missing and infinite values in each column alone and in all at once."""
    return _each_column(features, NOT_FINITE)


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
