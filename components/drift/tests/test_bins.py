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
