"""What follows from findings."""

import pytest
from windsock.contracts.verdict import Finding, Outcome
from windsock.drift.policy import Ask, ask, judge_bet, judge_joint, judge_share

NO, YES, MAYBE = Outcome.PASSED, Outcome.REFUSED, Outcome.INCONCLUSIVE


@pytest.mark.parametrize(
    "found,expected",
    [
        ([], Ask.NOTHING),
        ([("feature/a", NO)], Ask.NOTHING),
        ([("concept/loss", MAYBE)], Ask.NOTHING),
        ([("feature/a", YES)], Ask.ALERT),
        ([("prediction/scores", YES), ("concept/loss", NO)], Ask.ALERT),
        ([("joint/classifier", YES), ("feature/a", YES)], Ask.ALERT),
        ([("concept/auc", YES)], Ask.RETRAIN),
        ([("kpi/rules", YES), ("feature/a", NO)], Ask.RETRAIN),
        ([("kpi/plan", YES), ("feature/a", NO)], Ask.ALERT),
    ],
)
def test_only_harm_asks_for_retraining(found, expected):
    assert ask([Finding(check, outcome, "") for check, outcome in found]) is expected


@pytest.mark.parametrize(
    "distances,clean,outcome",
    [
        ([0.5, 0.6], [0.1, 0.2], YES),
        ([0.15, 0.6], [0.1, 0.2], NO),
        ([0.5, 0.15], [0.1, 0.2], NO),
        ([0.05, 0.05], [0.01], NO),
    ],
)
def test_the_joint_test_asks_for_all_windows(distances, clean, outcome):
    finding = judge_joint(distances, clean, 1e-30, 100, floor=0.08, owner="")
    assert finding.outcome is outcome
    assert "decides nothing" in finding.message


@pytest.mark.parametrize("interval,outcome", [((0.06, 0.1), YES), ((0.04, 0.1), NO)])
def test_a_share_is_refused_with_all_of_its_interval(interval, outcome):
    assert judge_share("prediction/fallback", 0.08, interval, 100, 0.05, "").outcome is outcome


@pytest.mark.parametrize("lowest,outcome", [(0.1, YES), (0.0, NO), (-5.0, NO)])
def test_a_bet_is_won_above_zero(lowest, outcome):
    assert judge_bet(lowest, 1.0, 10, 0.05, "EUR", "").outcome is outcome
