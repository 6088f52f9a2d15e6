"""Figures against brute force, and intervals that hold what they promise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from windsock.contracts.cost import Costs
from windsock.model import measure
from windsock.model.measure import Days

COSTS = Costs("EUR", act_positive=4, act_negative=2, skip_positive=10, skip_negative=0)
DAY = measure.DAY_MICROSECONDS


def pairs(score, label):
    """The AUC by its definition."""
    ours, theirs = score[label == 1], score[label == 0]
    return float(np.mean((ours[:, None] > theirs) + 0.5 * (ours[:, None] == theirs)))


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 1)), min_size=2, max_size=60))
@settings(deadline=None)
def test_auc_is_the_share_of_pairs_in_order(rows):
    score, label = np.array(rows, dtype=float).T
    if 0 < label.sum() < len(label):
        assert measure.auc(score, label.astype(np.int8)) == pytest.approx(pairs(score, label))


def sample(rows=400, days=9, seed=3):
    random = np.random.default_rng(seed)
    label = (random.random(rows) < 0.4).astype(np.int8)
    score = np.round(np.clip(random.normal(0.4 + 0.1 * label, 0.2), 0, 1), 2)
    return score, label, random.integers(0, days, rows) * DAY


def test_a_resample_gives_the_figure_of_the_rows_it_drew():
    score, label, event_at = sample()
    days = Days.of(event_at, samples=100, confidence=0.9, seed=1)
    resampled = measure._auc_resampled(days, score, label)
    for number in (0, 42, 99):
        repeats = days.weights[number][days.codes].astype(int)
        assert resampled[number] == pytest.approx(pairs(np.repeat(score, repeats), np.repeat(label, repeats)))


def test_whole_days_are_drawn():
    _, _, event_at = sample()
    days = Days.of(event_at, samples=100, confidence=0.9, seed=1)
    assert days.count == 9
    assert (days.weights.sum(axis=1) == 9).all()


def test_the_same_seed_gives_the_same_interval():
    score, label, event_at = sample()
    one, two = (measure.auc_estimate(Days.of(event_at, 200, 0.9, seed=5), score, label) for _ in range(2))
    assert one == two


def test_intervals_hold_the_truth_as_often_as_they_say_though_days_differ():
    # Rows of a day share an effect: taken for independent, they would give intervals that miss far more often.
    random, hits, trials = np.random.default_rng(11), 0, 400
    event_at = np.repeat(np.arange(28), 50) * DAY
    for _ in range(trials):
        values = np.repeat(random.normal(0, 1, 28), 50) + random.normal(0, 1, 28 * 50)
        estimate = Days.of(event_at, samples=300, confidence=0.95, seed=int(random.integers(1 << 30))).mean(values)
        hits += estimate.low <= 0 <= estimate.high
    assert 0.92 <= hits / trials <= 0.985


def test_costs_follow_the_table():
    acted, label = np.array([True, True, False, False]), np.array([1, 0, 1, 0], dtype=np.int8)
    assert measure.costs_of(COSTS, acted, label).tolist() == [4, 2, 10, 0]
    expected = [COSTS.of(bool(act), bool(came)) for act, came in zip(acted, label)]
    assert measure.costs_of(COSTS, acted, label).tolist() == expected


def test_the_cost_curve_ends_at_always_and_never_acting():
    score, label, _ = sample()
    curve = dict(measure.cost_curve(COSTS, score, label, [0.0, 1.01]))
    share = label.mean()
    assert curve[0.0] == pytest.approx(1000 * (4 * share + 2 * (1 - share)))
    assert curve[1.01] == pytest.approx(1000 * 10 * share)


def test_calibration_error_sees_a_shift_and_not_its_absence():
    random = np.random.default_rng(2)
    score = random.random(20_000) * 0.6
    label = (random.random(20_000) < score).astype(np.int8)
    days = Days.of(random.integers(0, 28, 20_000) * DAY, 300, 0.95, seed=1)
    assert measure.calibration_error(days, score, label).high < 0.03
    assert measure.calibration_error(days, score + 0.2, label).low > 0.18
    curve = measure.calibration_curve(days, score, label)
    assert [one.rows for one in curve] == [2000] * 10
    assert all(one.observed.low <= one.forecast <= one.observed.high for one in curve[2:8])


def test_equal_scores_share_a_bin():
    label = np.array([0, 1] * 50, dtype=np.int8)
    days = Days.of(np.arange(100) * DAY // 10, 100, 0.9, seed=1)
    assert len(measure.calibration_curve(days, np.full(100, 0.5), label)) == 1
