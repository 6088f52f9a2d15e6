"""The classic tests, for readers who know them: shown beside an effect, and deciding nothing.

With many rows they call any change significant, and they take the rows of a day for independent, which they are not.
"""

from collections.abc import Sequence

import numpy as np
from scipy.stats import chi2, kstwobign  # type: ignore[import-untyped]
from windsock.contracts.report import number
from windsock.drift.bins import Numbers, chi_squared, kolmogorov_smirnov


def told(counts: Numbers, reference: Numbers, discrete: Sequence[bool]) -> list[str]:
    """For each column [columns, bins] its test, in words: chi-squared for few values, else Kolmogorov and Smirnov."""
    distances = kolmogorov_smirnov(counts, reference)
    ours, theirs = counts[:, :-1].sum(axis=1), reference[:, :-1].sum(axis=1)
    size = np.sqrt(ours * theirs / np.maximum(ours + theirs, 1.0))
    smirnov = kstwobign.sf(size * distances)
    statistic, freedom = chi_squared(counts, reference)
    squared = chi2.sf(statistic, freedom)
    missing, usual = (part[:, -1] / np.maximum(part.sum(axis=1), 1.0) for part in (counts, reference))
    words = []
    for index, few in enumerate(discrete):
        test = (
            f"chi-squared {number(float(statistic[index]))}, p {number(float(squared[index]))}"
            if few
            else f"Kolmogorov-Smirnov {number(float(distances[index]))}, p {number(float(smirnov[index]))}"
        )
        gaps = f"; missing {missing[index]:.1%}, usually {usual[index]:.1%}" if missing[index] or usual[index] else ""
        words.append(f"; {test}{gaps}")
    return words
