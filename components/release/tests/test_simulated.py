"""Hundreds of seeded rollouts under looks every second; `tests/benchmarks/release` runs thousands."""

import math
from dataclasses import replace

import numpy as np
import pytest
from simulated import Rates, Traffic, draw_step, effect_of, judge_step, run_rollouts, sample_of
from simulated_labels import draw_pairs, draw_pool, floor_of, judge_labels, pool_worse_by
from windsock.contracts.rollout_settings import Rollout
from windsock.release.judge import operation_checks, rule

SETTINGS = Rollout()


@pytest.mark.parametrize("incidents", [0.0, 0.05])
def test_equal_releases_are_never_aborted_and_get_through(incidents):
    courses = run_rollouts(1, Traffic(looks=200, incidents=incidents), 500, SETTINGS)
    assert sum(int(course.aborted.sum()) for course in courses) == 0
    assert (courses[-1].passed_at >= 0).mean() > 0.99


BAD = {
    "failed": Rates(failed=0.021, fallback=0.03),
    "fallback": Rates(fallback=0.05),
    "slow/p50": Rates(slow_p50=0.6),
    "slow/p95": Rates(slow_p95=0.13),
}


@pytest.mark.parametrize("check", BAD)
def test_a_release_worse_by_twice_a_floor_is_aborted(check):
    courses = run_rollouts(2, Traffic(looks=200, candidate=BAD[check]), 300, SETTINGS)
    assert int(courses[0].aborted.sum()) >= 297
    assert len(courses) < len(SETTINGS.steps) - 1 or not (courses[-1].passed_at >= 0).any()


@pytest.mark.parametrize("name", ["loss", "cost"])
def test_labels_tell_a_worse_release_from_an_equal_one(name):
    generator = np.random.default_rng(3)
    bad = pool_worse_by(generator, name, 2 * floor_of(name, SETTINGS))
    aborted = judge_labels(draw_pairs(generator, bad, name, 100, 200, 200), name, SETTINGS).aborted
    equal = draw_pool(generator, 0.05)
    fine = judge_labels(draw_pairs(generator, equal, name, 100, 200, 200), name, SETTINGS)
    assert aborted.mean() >= 0.99
    assert not fine.aborted.any()


@pytest.mark.parametrize("name", ["loss", "cost"])
def test_days_that_share_their_luck_abort_few_equal_releases_and_not_most_of_them(name):
    """Four times as far as the floor is how far the flights' days spread; answers alone take that for proof."""
    generator = np.random.default_rng(7)
    equal, luck = draw_pool(generator, 0.3), 4 * floor_of(name, SETTINGS)
    sample = draw_pairs(generator, equal, name, 100, 270, 300, luck)
    answers_alone = replace(SETTINGS, label_days=1, label_day_rate=0.999)
    assert judge_labels(sample, name, answers_alone).aborted.mean() > 0.2
    assert judge_labels(sample, name, SETTINGS).aborted.mean() <= 0.06


def test_errors_are_found_within_twice_the_fewest_requests_any_test_needs():
    """ln(1/a) / KL(bad, good): the expected count of a likelihood ratio test that knows both rates (Wald 1945)."""
    bad, good = 0.021, 0.001
    traffic = Traffic(Rates(failed=good), Rates(failed=bad), requests=10, looks=2_500)
    step = draw_step(np.random.default_rng(4), traffic, 400)
    check = next(check for check in operation_checks(SETTINGS) if check.name == "failed")
    counts = step.counts["failed"]
    refused = rule(check, [sample_of("failed", 0.1, counts)], effect_of(counts), SETTINGS, fresh=True).refused
    assert refused.any(axis=1).all()
    needed = step.assigned[np.arange(400), refused.argmax(axis=1)]
    information = bad * math.log(bad / good) + (1 - bad) * math.log((1 - bad) / (1 - good))
    fewest = math.log(1 / SETTINGS.false_abort_rate) / information
    assert needed.mean() <= 2 * fewest


def test_a_rollout_can_be_had_again():
    first, again = (run_rollouts(9, Traffic(looks=50), 40, SETTINGS)[0].requests for _ in range(2))
    assert (first == again).all()


def test_without_its_bets_the_judge_would_abort_equal_releases():
    """The gate's gate: rates of error so large that they promise nothing, and the simulation must show it."""
    careless = replace(SETTINGS, false_abort_rate=0.1, failed=replace(SETTINGS.failed, floor=1e-6, budget=0.5))
    traffic = Traffic(looks=400)
    step = draw_step(np.random.default_rng(5), traffic, 400)
    aborted = judge_step(step, traffic, replace(careless, missed_rate=1e-9), {}).aborted
    assert aborted.any()
