"""Thresholds keep their budget on clean data, and what they promise to see is seen."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from windsock.drift import betting, measures
from windsock.drift.bins import jensen_shannon
from windsock.drift.calibrate import Plan, clean_effects, draw, exact_interval, self_test, smallest_seen, solve
from windsock.drift.frame import Frame
from windsock.drift.measures import DayMeans, Means, Wins, shapes

PLAN = Plan(window_days=7, persistence=2, block_days=14, stretches=400)
DAYS, A_DAY = 140, 60


def measure(seed: int, columns: int = 5):
    random = np.random.default_rng(seed)
    rows = random.normal(size=(DAYS * A_DAY, columns)).astype(np.float32)
    codes = np.repeat(np.arange(DAYS), A_DAY)
    one, _ = shapes([f"f{index}" for index in range(columns)], 1e-6, (rows, codes, DAYS), (rows, codes, DAYS))
    return one, random


def test_a_stretch_is_of_consecutive_days_and_wraps_around():
    weights = draw(PLAN, DAYS, range(DAYS), np.random.default_rng(0))
    assert weights.shape == (400, 2, DAYS)
    assert (weights.sum(axis=2) == 7).all()
    assert set(np.unique(weights)) == {0.0, 1.0}
    for stretch in weights[:50]:
        both = np.concatenate([stretch.sum(axis=0)] * 2)
        assert "1" * 14 in "".join(str(int(value)) for value in both)


@pytest.mark.parametrize("times", [1, 1_000_003])
def test_counts_are_summed_exactly_however_many_rows_there_are(times):
    small, random = measure(0)
    counted = replace(small, history=small.history * times)
    weights = draw(PLAN, DAYS, range(DAYS), random).reshape(-1, DAYS)
    flat = counted.history.reshape(DAYS, -1)
    windows = (weights @ flat).reshape(len(weights), *counted.history.shape[1:])
    others = (flat.sum(axis=0) - (weights > 0) @ flat).reshape(windows.shape)
    # As many rows as a window has, so that none is thinned.
    assert np.array_equal(counted.of_history(weights, 7 * A_DAY * times, random), jensen_shannon(windows, others))


def test_all_windows_are_thinned_or_none_however_many_are_drawn_at_once(monkeypatch):
    counted, random = measure(0)
    # Most windows are of days that had ten times the rows; where all are asked at once, their own number decides.
    grown = replace(counted, history=counted.history * np.where(np.arange(DAYS) < DAYS // 4, 1, 10)[:, None, None])
    weights = draw(PLAN, DAYS, range(DAYS), random).reshape(-1, DAYS)
    weights = weights[np.argsort(weights[:, : DAYS // 4].sum(axis=1))]
    in_parts = grown.of_history(weights, 7 * A_DAY * 5, np.random.default_rng(1))
    monkeypatch.setattr(measures, "PART", len(weights))
    at_once = grown.of_history(weights, 7 * A_DAY * 5, np.random.default_rng(1))
    assert np.array_equal(in_parts, at_once)


def test_the_budget_is_kept_on_clean_windows_that_no_threshold_has_seen():
    solved, random = measure(0)
    threshold = solve(clean_effects(solved, draw(PLAN, DAYS, range(DAYS), random), 420, random), np.zeros(5), 0.1, 10)
    fresh, random = measure(1)
    alarms = threshold.alarms(clean_effects(fresh, draw(PLAN, DAYS, range(DAYS), random), 420, random))
    assert alarms.any(axis=1).mean() < 0.2


def test_with_much_history_the_level_is_the_quantile_of_what_lasts():
    clean = np.random.default_rng(0).uniform(size=(4000, 2, 1)) ** 8
    threshold = solve(clean, np.zeros(1), 0.1, separate=4000)
    lasting = ((clean - threshold.centre) / threshold.scale).min(axis=1).max(axis=1)
    assert threshold.level >= np.quantile(lasting, 0.9)
    assert threshold.alarms(clean).any(axis=1).mean() <= 0.1


def test_with_little_history_a_new_stretch_exceeds_the_level_no_more_often_than_it_may():
    random = np.random.default_rng(0)
    exceeded = []
    for _ in range(300):
        seen = random.gumbel(size=(9, 1, 1))
        threshold = solve(np.repeat(seen, 40, axis=0), np.full(1, -99.0), 0.05, separate=9)
        exceeded.append(threshold.alarms(random.gumbel(size=(200, 1, 1))).mean())
    assert np.mean(exceeded) < 0.06
    quantile_alone = solve(np.repeat(seen, 40, axis=0), np.full(1, -99.0), 0.05, separate=100_000)
    assert quantile_alone.level < threshold.level


def test_floors_only_raise_bounds():
    one, random = measure(0)
    effects = clean_effects(one, draw(PLAN, DAYS, range(DAYS), random), 420, random)
    low, high = solve(effects, np.zeros(5), 0.1, 10).effects, solve(effects, np.full(5, 0.5), 0.1, 10).effects
    assert (high == 0.5).all()
    assert (low < 0.5).all()


def test_fewer_rows_need_higher_bounds():
    one, random = measure(0)
    weights = draw(PLAN, DAYS, range(DAYS), random)
    many = solve(clean_effects(one, weights, 420, random), np.zeros(5), 0.1, 10).effects
    few = solve(clean_effects(one, weights, 60, random), np.zeros(5), 0.1, 10).effects
    assert (few > many * 1.5).all()


def test_a_history_whose_halves_differ_is_not_trusted():
    one, random = measure(0, 2)
    assert self_test(one, PLAN, DAYS, 420, 0.05, random).trusted
    odd = (np.arange(DAYS) // 14) % 2 == 1
    values = np.random.default_rng(0).normal(size=(DAYS * A_DAY, 1)) + np.repeat(odd, A_DAY)[:, None] * 3
    means = DayMeans.of(values, np.repeat(np.arange(DAYS), A_DAY), DAYS)
    broken = Means(["m"], np.asarray([1e-6]), means, means, np.asarray([0.0]), [True], np.ones(1))
    assert not self_test(broken, PLAN, DAYS, 420, 0.05, random).trusted


def test_what_is_said_to_be_seen_is_the_distance_to_the_bound():
    effects = np.tile(np.linspace(0, 1, 11)[:, None, None], (1, 2, 1))
    threshold = solve(effects, np.asarray([3.0]), 0.1, 10)
    assert smallest_seen(effects, threshold)[0] == pytest.approx(3.0 - 0.2)


@pytest.mark.parametrize(
    "count,size,low,high", [(0, 10, 0, 0.3085), (10, 10, 0.6915, 1), (5, 10, 0.1871, 0.8129), (0, 0, 0, 1)]
)
def test_the_exact_interval_is_that_of_the_tables(count, size, low, high):
    assert exact_interval(count, size) == pytest.approx((low, high), abs=1e-4)


@given(st.integers(0, 2**31), st.integers(2, 5))
def test_the_auc_of_a_window_is_that_of_its_rows(seed, days):
    random = np.random.default_rng(seed)
    score, label = random.integers(0, 5, 60) / 5, random.integers(0, 2, 60)
    codes = random.integers(0, days, 60)
    chosen = random.integers(0, 2, days).astype(float)
    found = Wins.of(score, label, codes, days).auc(chosen[None, :])[0]
    inside = chosen[codes] > 0
    ones, zeros = score[inside & (label == 1)], score[inside & (label == 0)]
    if len(ones) and len(zeros):
        wins = (ones[:, None] > zeros).mean() + (ones[:, None] == zeros).mean() / 2
        assert found == pytest.approx(wins)
    else:
        assert np.isnan(found)


def test_windows_end_with_the_last_whole_day():
    frame = Frame.until(datetime(2024, 3, 10, 15, tzinfo=UTC), 7, 30)
    assert frame.names() == ["2024-02-11", "2024-02-18", "2024-02-25", "2024-03-03"]
    assert frame.windows().sum(axis=1).tolist() == [7.0] * 4
    assert frame.windows()[-1].nonzero()[0].tolist() == list(range(21, 28))


def test_the_same_season_is_that_of_earlier_years():
    frame = Frame(end=1000, window_days=7, count=1)
    history = np.asarray([993 - 365, 993 - 365 - 22, 993 - 730, 993, 980])
    assert frame.season(history, 21)[0].tolist() == [1, 0, 1, 0, 0]


def test_a_bet_is_never_won_against_a_true_claim_more_often_than_its_error_rate():
    random = np.random.default_rng(0)
    won = 0
    for _ in range(400):
        values = random.choice([-0.5, 0.5], size=60)
        won += betting.log_wealth(values, 0.0).max() >= np.log(20)
    assert won / 400 <= 0.05


def test_a_bet_is_won_against_a_false_claim_and_its_bound_is_below_the_mean():
    random = np.random.default_rng(0)
    values = np.clip(random.normal(0.2, 0.1, 80), -1, 1)
    assert betting.log_wealth(values, 0.0)[-1] > np.log(100)
    assert 0.1 < betting.lower_bound(values, 0.05) < values.mean()
    assert betting.lower_bound([], 0.05) == -1.0
