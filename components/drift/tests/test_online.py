"""Days as they come: a gross change is seen in days, what is usual is not, and nothing acts without its self-test."""

import sys
from pathlib import Path

import numpy as np
import pytest
from windsock.contracts.verdict import Outcome
from windsock.drift.alibi import alarms_of_streams
from windsock.drift.calibrate import Plan, SelfTest
from windsock.drift.measures import DayMeans
from windsock.drift.online import BAD_SHARE, Online, Usual, unable, watch_days
from windsock.drift.policy import ONLINE, judge_days, part_of_bet, part_of_budget, part_of_online

sys.path.insert(0, str(Path(__file__).parent))
from stalls import A_DAY, Stalls

PLAN = Plan(window_days=7, persistence=2, block_days=14, stretches=300)
RUN = 257.0


def days(random, count, a_day=500, mean=0.0, between=0.02):
    """Losses whose days differ."""
    codes = np.repeat(np.arange(count), a_day)
    luck = random.normal(mean, between, size=count)[codes]
    return DayMeans.of((random.normal(scale=0.2, size=len(codes)) + luck)[:, None], codes, count)


def together(*parts):
    return DayMeans(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("sums", "squares", "rows")))


def test_a_rise_is_seen_within_days_and_twice_the_same():
    random = np.random.default_rng(1)
    history = days(random, 112)
    production = together(days(random, 28), days(random, 14, mean=0.06))
    found = watch_days(history, production, 0.0, PLAN, RUN, 7)
    assert 28 <= min(day for day in found.alarms if day >= 28) <= 35
    assert found.since(42, PLAN.window_days) >= 28
    state = np.random.get_state()[1].tolist()
    assert watch_days(history, production, 0.0, PLAN, RUN, 7).alarms == found.alarms
    assert np.random.get_state()[1].tolist() == state, "numpy's shared generator is left as it was"


def test_clean_days_alarm_about_as_often_as_they_may():
    random = np.random.default_rng(2)
    alarms = sum(len(watch_days(days(random, 112), days(random, 84), 0.0, PLAN, RUN, 7).alarms) for _ in range(12))
    assert alarms <= 12, "4 are expected of 1,008 days"


def test_a_day_of_few_rows_is_bad_no_more_often():
    random = np.random.default_rng(3)
    usual = Usual.of(days(random, 400))
    for a_day in (500, 50):
        bad = usual.standing(days(random, 2000, a_day), usual.mean) > usual.bad_from
        assert bad.mean() == pytest.approx(BAD_SHARE, abs=0.06)


def test_what_held_out_days_have_lost_is_no_news_and_days_without_rows_are_left_out():
    random = np.random.default_rng(4)
    history, production = days(random, 112), days(random, 28, mean=0.06)
    production.rows[3], production.sums[3] = 0, 0
    found = watch_days(history, production, 0.06, PLAN, RUN, 7)
    assert found.base == 0.06
    assert len(found.days) == 27
    assert len(found.alarms) <= 1
    assert watch_days(history, production, 0.0, PLAN, RUN, 7).alarms


def test_a_history_that_is_always_alike_has_no_bad_day():
    alike = np.zeros(50, dtype=bool)
    assert alarms_of_streams(alike, [~alike, alike], RUN, [2, 7], 7) == [[], []]


@pytest.mark.parametrize(
    "alarms,since", [([], None), ([10], None), ([10, 36], 36), ([10, 30, 34, 40], 30), ([27, 34, 41], 27), ([34], None)]
)
def test_alarms_go_on_while_no_window_is_without_one(alarms, since):
    assert Online(alarms, [], [], 0.0, SelfTest(0, (0, 1), 0, 0.02)).since(42, 7) == since


@pytest.mark.parametrize("rate,kept", [(0.0, True), (1 / 16, True), (2 / 16, False)])
def test_the_budget_must_be_seen_to_be_kept(rate, kept):
    assert Online([], [], [], 0.0, SelfTest(rate, (0.0, 1.0), 16, 0.03)).kept is kept


@pytest.mark.parametrize("history,run,word", [(55, RUN, "too few days"), (56, RUN, ""), (112, 1e5, "cannot be solved")])
def test_what_cannot_be_solved_is_said(history, run, word):
    refusal = unable(history, PLAN, run)
    assert word in refusal
    assert bool(word) == bool(refusal)


@pytest.mark.parametrize(
    "since,kept,loss,outcome",
    [
        ("", True, 0.05, Outcome.PASSED),
        ("2024-05-20", True, 0.009, Outcome.PASSED),
        ("2024-05-20", False, 0.05, Outcome.INCONCLUSIVE),
        ("2024-05-20", True, 0.05, Outcome.REFUSED),
    ],
)
def test_an_alarm_counts_above_the_floor_and_if_its_test_kept_the_budget(since, kept, loss, outcome):
    finding = judge_days(since, kept, (5, 7), (loss, (0.0, 0.1)), 1400, 0.01, "an alarm", "market")
    assert finding.outcome is outcome
    assert since in finding.message


@pytest.mark.parametrize("budget", [0.01, 0.3, 1.0, 30.0])
def test_the_online_detector_has_what_the_bet_leaves(budget):
    assert part_of_bet(budget) + part_of_online(budget) == pytest.approx(part_of_budget(budget))
    assert part_of_online(budget) > 0
    assert part_of_bet(1.0) == 0.05


def test_the_step_tells_since_when(tmp_path):
    stalls = Stalls(tmp_path)
    flipped = (np.arange(len(stalls.rows)) >= 22 * A_DAY) & (stalls.random.random(len(stalls.rows)) < 0.3)
    stalls.label[flipped] = 1 - stalls.label[flipped]
    verdict, _ = stalls.run()
    (finding,) = [finding for finding in verdict.findings if finding.check == ONLINE]
    assert finding.outcome is not Outcome.PASSED
    assert "alarms since 2024-05-2" in finding.message
    assert finding.effect > finding.threshold
    loss = next(finding for finding in verdict.findings if finding.check == "concept/loss")
    assert loss.outcome is Outcome.PASSED, "one window alone is no alarm of a family"
