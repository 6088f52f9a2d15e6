"""What is said of a candidate, case by case."""

from dataclasses import replace

import numpy as np
import pytest
from simulated import COSTS
from windsock.contracts.rollout_settings import Rollout
from windsock.contracts.verdict import Outcome
from windsock.release.judge import (
    Evidence,
    Split,
    judge_candidate,
    label_checks,
    operation_checks,
)
from windsock.release.tally import measured, pair_counts, pair_means, split_counts, split_means

SETTINGS = Rollout()
GOOD = {
    "failed": measured([split_counts(0.1, 0, (1, 1_000), (9, 9_000))]),
    "fallback": measured([split_counts(0.1, 0, (10, 1_000), (90, 9_000))]),
    "slow/p50": measured([split_counts(0.1, 0.5, (400, 1_000), (3_600, 9_000))]),
    "slow/p95": measured([split_counts(0.1, 0.05, (30, 1_000), (270, 9_000))]),
}
FAIR = (Split(0.1, 1_000, 9_000),)
# Seven whole days, each of them worse.
WORSE_DAYS = (0.1,) * 7


def judged(checks=None, splits=FAIR, settings=SETTINGS, **changes):
    return judge_candidate(Evidence({**GOOD, **(checks or {})}, splits, **changes), settings, COSTS)


def finding(judgement, check):
    found = [*judgement.operation.findings, *judgement.labels.findings]
    return next(one for one in found if one.check == check)


def test_an_equal_candidate_passes_once_enough_is_known():
    judgement = judged()
    assert judgement.operation.outcome is Outcome.PASSED
    assert not judgement.refused
    assert not judgement.void


def test_nothing_measured_is_inconclusive_and_not_good():
    judgement = judge_candidate(Evidence({}), SETTINGS, COSTS)
    assert judgement.operation.outcome is Outcome.INCONCLUSIVE
    assert judgement.labels.outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize(
    "check,worse",
    [
        ("failed", split_counts(0.1, 0, (30, 1_000), (9, 9_000))),
        ("fallback", split_counts(0.1, 0, (80, 1_000), (90, 9_000))),
        ("slow/p50", split_counts(0.1, 0.5, (750, 1_000), (3_600, 9_000))),
        ("slow/p95", split_counts(0.1, 0.05, (200, 1_000), (270, 9_000))),
    ],
)
def test_one_bad_check_refuses_all(check, worse):
    judgement = judged({check: measured([worse])})
    assert judgement.refused
    found = finding(judgement, check)
    assert found.outcome is Outcome.REFUSED
    assert found.effect >= found.threshold
    assert found.interval[0] > 0
    assert "false aborts" in found.threshold_origin


def test_a_worsening_below_the_floor_is_no_reason_however_sure():
    """A million requests show half a point more fallback beyond all doubt; the floor is two points."""
    tiny = measured([split_counts(0.5, 0, (12_500, 500_000), (10_000, 500_000))])
    found = finding(judged({"fallback": tiny}), "fallback")
    assert found.interval[0] > 0
    assert found.outcome is Outcome.PASSED


def test_a_worsening_between_the_floor_and_twice_it_is_refused_once_sure():
    between = measured([split_counts(0.5, 0, (2_000, 50_000), (500, 50_000))])
    assert finding(judged({"fallback": between}), "fallback").outcome is Outcome.REFUSED


def test_too_little_decides_nothing():
    few = measured([split_counts(0.1, 0, (1, 20), (0, 180))])
    assert finding(judged({"failed": few}), "failed").outcome is Outcome.INCONCLUSIVE


def test_a_good_beginning_does_not_hide_a_bad_end():
    good = split_counts(0.1, 0, (2, 4_000), (18, 36_000))
    bad = split_counts(0.5, 0, (20, 300), (0, 300))
    found = finding(judged({"failed": measured([good, bad])}), "failed")
    assert found.outcome is Outcome.REFUSED


def test_proof_of_an_earlier_step_is_no_proof_of_this_one():
    good = split_counts(0.1, 0, (2, 4_000), (18, 36_000))
    just_begun = split_counts(0.5, 0, (0, 10), (0, 10))
    assert finding(judged({"failed": measured([good, just_begun])}), "failed").outcome is Outcome.INCONCLUSIVE


def test_a_broken_split_is_void_and_blames_nobody():
    judgement = judged(splits=(Split(0.1, 1_500, 8_500),))
    assert judgement.void
    assert not judgement.refused
    assert judgement.operation.outcome is Outcome.INCONCLUSIVE


def test_a_step_at_full_traffic_has_no_split_to_judge():
    assert not judged(splits=(Split(1.0, 9_000, 0),)).void


def test_copies_that_are_not_answered_keep_a_candidate_from_passing():
    judgement = judged(copies=(1_000, 900))
    assert finding(judgement, "copies").outcome is Outcome.INCONCLUSIVE
    assert not judgement.void
    assert not judgement.refused
    assert judged(copies=(1_000, 995)).operation.outcome is Outcome.PASSED


def test_pairs_decide_with_far_fewer_than_a_split():
    generator = np.random.default_rng(5)
    scores = generator.beta(1.2, 3.6, 3_000)
    positive = generator.random(3_000) < scores
    worse = np.clip(scores + 0.15, 0, 1)
    losses, worse_losses = (scores - positive) ** 2, (worse - positive) ** 2
    pairs = replace(measured([pair_means(worse_losses, losses)]), days=WORSE_DAYS)
    split = replace(measured([split_means(0.5, 0.15, worse_losses[:1_500], losses[1_500:])]), days=WORSE_DAYS)
    assert finding(judged({"loss": pairs}), "loss").outcome is Outcome.REFUSED
    assert finding(judged({"loss": split}), "loss").outcome is Outcome.INCONCLUSIVE


def test_a_guard_stops_a_shift_and_vouches_for_nothing():
    shifted = measured([pair_counts(700, 10, 200, 1_000)])
    assert finding(judged({"scores/q50": shifted}), "scores/q50").outcome is Outcome.REFUSED
    downward = measured([pair_counts(10, 700, 200, 1_000)])
    assert finding(judged({"scores/q50": downward}), "scores/q50").outcome is Outcome.REFUSED
    sharper = measured([pair_counts(120, 20, 200, 1_000)])
    assert finding(judged({"scores/q50": sharper}), "scores/q50").outcome is Outcome.PASSED


def test_a_guard_waits_for_labels_between_its_floor_and_twice_that():
    between = judged({"scores/q50": measured([pair_counts(300, 10, 200, 1_000)])})
    assert finding(between, "scores/q50").outcome is Outcome.INCONCLUSIVE
    assert not between.refused


LABELS = ("loss", "cost")
NO_WORSE = replace(measured([pair_means(np.zeros(20_000), np.full(20_000, 0.01))]), days=(-0.01,) * 7)
WORSE = replace(measured([pair_means(np.full(20_000, 0.1), np.zeros(20_000))]), days=WORSE_DAYS)


@pytest.mark.parametrize(
    ("days", "outcome"),
    [
        # However many answers there are: they may be those of two bad days.
        ((0.1, 0.1), Outcome.INCONCLUSIVE),
        ((0.1,) * 6, Outcome.INCONCLUSIVE),
        ((0.1,) * 7, Outcome.REFUSED),
        # Worse by far on three stormy days, better by a little on the others.
        ((-0.01, -0.01, 0.3, -0.01, -0.01, 0.3, 0.3, -0.01, -0.01, -0.01), Outcome.INCONCLUSIVE),
        ((0.1, 0.1, -0.01, 0.1, 0.1, 0.1, 0.1, -0.01, 0.1, 0.1, 0.1), Outcome.REFUSED),
    ],
)
def test_labels_refuse_only_where_whole_days_agree(days, outcome):
    worse = replace(WORSE, days=days)
    assert finding(judged({"loss": worse}), "loss").outcome is outcome


def test_labels_vouch_only_where_whole_days_agree():
    assert finding(judged({"loss": replace(NO_WORSE, days=(-0.01,) * 6)}), "loss").outcome is Outcome.INCONCLUSIVE
    assert finding(judged({"loss": NO_WORSE}), "loss").outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("labels", "outcome"),
    [
        ({}, Outcome.REFUSED),
        ({"loss": NO_WORSE}, Outcome.REFUSED),
        ({"loss": NO_WORSE, "cost": WORSE}, Outcome.REFUSED),
        ({"loss": NO_WORSE, "cost": NO_WORSE}, Outcome.PASSED),
    ],
    ids=["no labels", "only the loss is known", "its cost is worse", "both vouch"],
)
def test_other_scores_are_no_fault_once_labels_vouch(labels, outcome):
    """Seen on real flights: a model of July gives higher scores than one of May, and is right to."""
    shifted = measured([pair_counts(700, 10, 200, 1_000)])
    judgement = judged({"scores/q50": shifted, **labels})
    assert finding(judgement, "scores/q50").outcome is outcome
    assert judgement.refused is (outcome is Outcome.REFUSED)


def test_labels_vouch_for_scores_and_for_nothing_else():
    bad = measured([split_counts(0.1, 0, (30, 1_000), (9, 9_000))])
    assert judged({"failed": bad, **dict.fromkeys(LABELS, NO_WORSE)}).refused


def test_the_interval_shown_has_its_ends_in_order_when_the_mean_moves():
    before, after = (pair_means(np.full(4_000, value), np.full(4_000, 0.5)) for value in (0.4, 0.49))
    low, high = finding(judged({"loss": measured([before, after])}), "loss").interval
    assert low <= -0.01 <= high


def test_costs_are_said_in_money():
    generator = np.random.default_rng(6)
    serving = generator.choice([0.0, 60 / 250, 120 / 250, 1.0], 8_000, p=[0.6, 0.2, 0.15, 0.05])
    candidate = np.clip(serving + 10 / 250, 0, 1)
    costs = replace(measured([pair_means(candidate, serving)]), days=WORSE_DAYS)
    found = finding(judged({"cost": costs}), "cost")
    assert found.outcome is Outcome.REFUSED
    assert 5 < found.effect < 10.1
    assert found.interval[0] <= found.effect <= found.interval[1]


def test_budgets_of_all_checks_sum_to_no_more_than_one():
    checks = (*operation_checks(SETTINGS), *label_checks(SETTINGS, COSTS))
    assert sum(check.budget for check in checks) <= 1 + 1e-9
    assert len({check.name for check in checks}) == len(checks)


def test_a_smaller_rate_asks_for_more():
    bad = {"failed": measured([split_counts(0.1, 0, (4, 100), (1, 900))])}
    assert judged(bad, settings=replace(SETTINGS, false_abort_rate=0.1)).refused
    assert not judged(bad, settings=replace(SETTINGS, false_abort_rate=1e-7)).refused
