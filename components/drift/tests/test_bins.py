"""Counts, distances and their oracles: scipy and Alibi Detect where they say the same thing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2_contingency, ks_2samp
from windsock.drift.alibi import univariate
from windsock.drift.bins import BINS, Bins, chi_squared, jensen_shannon, kolmogorov_smirnov

VALUES = st.floats(-5, 5, width=32) | st.just(np.nan) | st.just(np.inf) | st.just(-np.inf)

# Numbers that lie close together, zeros of both signs, the smallest and the largest, and every kind of not-a-number.
BITS = st.integers(0, 2**32 - 1) | st.sampled_from(
    [
        *(0x00000000, 0x00000001, 0x00000002, 0x007FFFFF, 0x00800000, 0x3F800000, 0x3F800001, 0x3F80FFFF, 0x3F810000),
        *(0x40000000, 0x7F7FFFFF, 0x7F800000, 0x7F800001, 0x7F80FFFF, 0x7FC00000, 0x80000000, 0x80000001, 0xBF800000),
        *(0xBF800001, 0xFF7FFFFF, 0xFF800000, 0xFF800001, 0xFFC00000),
    ]
)
ANY = VALUES | BITS.map(lambda bits: np.asarray(bits, np.uint32).view(np.float32)[()])


def searched(bins: Bins, rows: np.ndarray) -> np.ndarray:
    """Counts by their definition: the first edge that is not below a value, and what is missing last."""
    counts = np.zeros((rows.shape[1], bins.width))
    for column, edges in enumerate(bins.edges):
        for value in rows[:, column]:
            counts[column, -1 if np.isnan(value) else np.searchsorted(edges, value, side="left")] += 1
    return counts


@given(
    reference=arrays(np.float32, st.tuples(st.integers(1, 80), st.just(2)), elements=ANY),
    rows=arrays(np.float32, st.tuples(st.integers(1, 80), st.just(2)), elements=ANY),
)
def test_the_lookup_counts_as_a_search_does(reference, rows):
    bins = Bins.of(reference)
    for values in (rows, reference):
        assert (bins.whole(values) == searched(bins, values)).all()


@pytest.mark.parametrize("centre,scale", [(0, 1), (2013, 0.5), (1e6, 1), (-1e-38, 1e-39), (0, 1e37), (5, 0)])
def test_the_lookup_counts_as_a_search_does_wherever_the_values_lie(centre, scale):
    random = np.random.default_rng(2)
    reference, rows = (random.normal(centre, scale, size=(4000, 1)).astype(np.float32) for _ in range(2))
    rows[:2000:7], rows[1::50], rows[2::50] = reference[:2000:7], np.nan, np.inf
    bins = Bins.of(reference)
    assert (bins.whole(rows) == searched(bins, rows)).all()


@given(
    rows=arrays(np.float32, st.tuples(st.integers(1, 60), st.integers(1, 3)), elements=VALUES), days=st.integers(1, 4)
)
def test_every_value_is_counted_once_on_its_day(rows, days):
    codes = np.arange(len(rows)) % days
    bins = Bins.of(rows)
    counts = bins.counts(rows, codes, days)
    assert counts.shape == (days, rows.shape[1], bins.width)
    for day in range(days):
        assert (counts[day].sum(axis=1) == (codes == day).sum()).all()
        assert (counts[day][:, -1] == np.isnan(rows[codes == day]).sum(axis=0)).all()
    assert (counts.sum(axis=0) == bins.whole(rows)).all()


def test_few_values_have_a_bin_each_and_many_have_equal_shares():
    random = np.random.default_rng(0)
    rows = np.column_stack([random.integers(0, 3, 6400), random.normal(size=6400)]).astype(np.float32)
    bins = Bins.of(rows)
    assert bins.discrete == [True, False]
    counts = bins.whole(rows)
    assert sorted(counts[0][counts[0] > 0]) == sorted(np.unique(rows[:, 0], return_counts=True)[1])
    assert counts[1][:BINS] == pytest.approx(np.full(BINS, 200), abs=2)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=2, max_size=12))
def test_the_distance_is_that_of_scipy(pairs):
    ours, theirs = (np.asarray(column, dtype=float) for column in zip(*pairs))
    if ours.sum() and theirs.sum():
        assert jensen_shannon(ours, theirs) == pytest.approx(jensenshannon(ours, theirs, base=2), abs=1e-6)


def test_chi_squared_is_that_of_scipy():
    ours, theirs = np.asarray([10.0, 20, 30, 0]), np.asarray([20.0, 18, 25, 0])
    statistic, freedom = chi_squared(ours, theirs)
    expected = chi2_contingency(np.vstack([ours, theirs])[:, :3], correction=False)
    assert float(statistic) == pytest.approx(expected.statistic)
    assert int(freedom) == expected.dof


def test_kolmogorov_smirnov_is_near_that_of_scipy_and_of_alibi():
    random = np.random.default_rng(1)
    reference = random.normal(size=(5000, 2)).astype(np.float32)
    rows = random.normal(size=(5000, 2)).astype(np.float32) + np.asarray([0.25, 0.0], dtype=np.float32)
    bins = Bins.of(reference)
    ours = kolmogorov_smirnov(bins.whole(rows), bins.whole(reference))
    theirs, p_values = univariate(reference, rows)
    for index in range(2):
        exact = ks_2samp(reference[:, index], rows[:, index]).statistic
        assert theirs[index] == pytest.approx(exact, abs=1e-6)
        assert exact - 1 / BINS <= ours[index] <= exact + 1e-6
    assert p_values[0] < 1e-6 < p_values[1]
