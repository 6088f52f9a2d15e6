"""The bets keep their promise: exactly where everything can be counted, by simulation elsewhere."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from windsock.release.betting import (
    RARE,
    STEADY,
    Sample,
    interval,
    log_wealth_better,
    log_wealth_of_split,
    log_wealth_worse,
    total_better,
    total_worse,
)
from windsock.release.tally import bounds_of_split, split_values

SHARES = st.sampled_from([0.01, 0.1, 0.25, 0.5, 0.9])
CHANCES = st.floats(0.0, 1.0)


def sample(values, counts, low, high):
    return Sample(np.asarray(values, dtype=float), np.asarray(counts, dtype=float), low, high)


@given(low_part=st.floats(0.0, 1.0), bound=st.floats(-0.5, 0.9), bets=st.sampled_from([RARE, STEADY]))
def test_the_mean_wealth_is_at_most_one_where_the_claim_holds(low_part, bound, bets):
    """All outcomes of three values of -1 or 1, whose mean is at most the bound: counted, not drawn."""
    chance = min(max((bound * low_part + 1) / 2, 0.0), (bound + 1) / 2)
    mean_wealth = 0.0
    for outcome in itertools.product((0, 1), repeat=3):
        ups = sum(outcome)
        wealth = math.exp(log_wealth_worse(sample([1, -1], [ups, 3 - ups], -1, 1), bound, bets))
        mean_wealth += chance**ups * (1 - chance) ** (3 - ups) * wealth
    assert mean_wealth <= 1 + 1e-9


@given(share=SHARES, candidate=CHANCES, serving=CHANCES, centre=st.floats(0, 1))
def test_payoffs_of_a_split_have_the_difference_as_their_mean(share, candidate, serving, centre):
    values = split_values(share, centre)
    chances = [share * candidate, share * (1 - candidate), (1 - share) * serving, (1 - share) * (1 - serving)]
    assert values @ chances == pytest.approx(candidate - serving, abs=1e-9)
    low, high = bounds_of_split(share, centre)
    assert values.min() >= low - 1e-9
    assert values.max() <= high + 1e-9


@given(share=SHARES, chance=st.floats(0.001, 0.9), bets=st.sampled_from([RARE, STEADY]))
def test_equal_releases_leave_a_bettor_on_a_split_with_at_most_one(share, chance, bets):
    """The mean wealth after two requests, over all that can happen to them."""
    low, high = bounds_of_split(share, 0.0)
    values = split_values(share, 0.0)
    chances = [share * chance, share * (1 - chance), (1 - share) * chance, (1 - share) * (1 - chance)]
    for log_wealth in (log_wealth_worse, log_wealth_better):
        mean = 0.0
        for first, second in itertools.product(range(4), repeat=2):
            counts = np.bincount([first, second], minlength=4)
            mean += (
                chances[first] * chances[second] * math.exp(log_wealth(sample(values, counts, low, high), 0.0, bets))
            )
        assert mean <= 1 + 1e-9


def crossings(generator, draw, bound, bets, rollouts=2_000, looks=300, rate=0.05):
    """The share of rollouts in which the wealth ever reaches 1 / rate, looked at after every value."""
    values, picks = draw(generator, (rollouts, looks))
    counts = np.stack([(picks == index).cumsum(axis=1) for index in range(len(values))], axis=-1)
    low, high = -max(abs(values)), max(abs(values))
    wealth = log_wealth_worse(Sample(values, counts.astype(float), low, high), bound, bets)
    return float((wealth.max(axis=1) >= -math.log(rate)).mean())


@pytest.mark.parametrize("bets", [RARE, STEADY])
def test_looking_after_every_value_keeps_the_rate(bets):
    def draw(generator, shape):
        return np.asarray([1.0, -1.0]), generator.integers(0, 2, shape)

    rate = crossings(np.random.default_rng(7), draw, 0.0, bets)
    assert 0.0 < rate <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 2_000)


def test_the_rate_is_kept_while_the_requests_themselves_change():
    """Errors of both releases rise and fall together; only their difference is what the bet is on."""

    def draw(generator, shape):
        errors = generator.random(shape) < np.where(np.arange(shape[1]) % 50 < 10, 0.5, 0.01)
        assigned = generator.random(shape) < 0.1
        picks = np.where(errors, np.where(assigned, 0, 1), 2)
        return np.asarray([10.0, -1 / 0.9, 0.0]), picks

    assert crossings(np.random.default_rng(8), draw, 0.0, RARE) <= 0.05


def test_a_test_that_is_not_made_for_looking_would_not_keep_it():
    """The same looks with a z-test at 5 %: what the bets are there to avoid."""
    generator = np.random.default_rng(9)
    sums = np.where(generator.integers(0, 2, (2_000, 300)) == 1, 1, -1).cumsum(axis=1)
    z = np.abs(sums) / np.sqrt(np.arange(1, 301))
    assert float((z[:, 10:] > 1.96).any(axis=1).mean()) > 0.2


@given(
    bad=st.integers(0, 60), count=st.integers(60, 300), others_bad=st.integers(0, 200), bound=st.floats(-0.3, 0.3),
    bets=st.sampled_from([RARE, STEADY]),
)  # fmt: skip
@settings(deadline=None)
def test_a_bound_that_is_refuted_stays_so_beyond_it(bad, count, others_bad, bound, bets):
    low, high = bounds_of_split(0.1, 0.0)
    one = sample(split_values(0.1, 0.0), [bad, count - bad, others_bad, 2_700 - others_bad], low, high)
    assert log_wealth_worse(one, bound, bets) >= log_wealth_worse(one, bound + 0.05, bets) - 1e-9
    assert log_wealth_better(one, bound, bets) >= log_wealth_better(one, bound - 0.05, bets) - 1e-9


def test_the_interval_is_what_the_bets_have_not_refuted():
    low, high = bounds_of_split(0.1, 0.0)
    one = sample(split_values(0.1, 0.0), [12, 188, 4, 1796], low, high)
    found_low, found_high = interval((one,), RARE, 0.01, 0.001)
    assert found_low < 12 / 200 - 4 / 1800 < found_high
    assert float(total_worse((one,), found_low, RARE)) == pytest.approx(math.log(100), abs=0.02)
    assert float(total_better((one,), found_high, RARE)) == pytest.approx(math.log(1000), abs=0.05)


def test_nothing_known_is_the_widest_interval():
    assert interval((), RARE, 0.01, 0.01) == (-1.0, 1.0)


def test_the_interval_covers_at_all_looks_together():
    generator = np.random.default_rng(11)
    payoffs = generator.normal(0.1, 0.3, (400, 200)).clip(-1, 1)
    truth = float(generator.normal(0.1, 0.3, 2_000_000).clip(-1, 1).mean())
    bins = np.round(payoffs, 2)
    values = np.round(np.arange(-100, 101) / 100, 2)
    missed = 0
    for row in bins:
        hit = np.searchsorted(values, row)
        counts = np.zeros((200, 201))
        counts[np.arange(200), hit] = 1
        looks = Sample(values, counts.cumsum(axis=0), -1.0, 1.0)
        above = log_wealth_worse(looks, truth, STEADY).max() >= math.log(20)
        below = log_wealth_better(looks, truth, STEADY).max() >= math.log(20)
        missed += above or below
    assert missed / 400 <= 0.1 + 3 * math.sqrt(0.1 * 0.9 / 400)


def test_stretches_go_on_with_what_is_left_and_stakes_spread_anew():
    low, high = bounds_of_split(0.5, 0.0)
    values = split_values(0.5, 0.0)
    calm = sample(values, [20, 1980, 20, 1980], low, high)
    bad = sample(values, [30, 970, 3, 997], low, high)
    together = Sample(values, calm.counts + bad.counts, low, high)
    apart = float(total_worse((calm, bad), 0.0, RARE))
    assert apart == pytest.approx(float(log_wealth_worse(calm, 0.0, RARE)) + float(log_wealth_worse(bad, 0.0, RARE)))
    assert apart > float(log_wealth_worse(together, 0.0, RARE))


def test_a_fair_split_is_rarely_taken_for_a_broken_one():
    generator = np.random.default_rng(12)
    candidate = generator.binomial(20, 0.1, (1_000, 100)).cumsum(axis=1)
    others = np.arange(20, 2_001, 20) - candidate
    wealth = log_wealth_of_split(0.1, candidate, others)
    assert float((wealth.max(axis=1) >= math.log(20)).mean()) <= 0.05


def test_a_broken_split_is_found_before_it_can_mislead():
    """12 % in place of 10 %: known within some thousand requests."""
    assert float(log_wealth_of_split(0.1, 960, 7_040)) > math.log(1000)
    assert float(log_wealth_of_split(0.1, 800, 7_200)) < 0
