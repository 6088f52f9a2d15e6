"""The next move, case by case."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from windsock.contracts.rollout_settings import Rollout
from windsock.contracts.verdict import Finding, Outcome, Verdict, judge
from windsock.release.history import Kind, Phase, State
from windsock.release.judge import LABELS, OPERATION, Evidence, Judgement, Split
from windsock.release.policy import decide, decide_unready, next_weight

AT = datetime(2013, 7, 1, tzinfo=UTC)
SETTINGS = Rollout()
NONE = Verdict(LABELS, Outcome.INCONCLUSIVE)
STATE = State(3, 2, Phase.ROLLING, "old", "new", "", 10, AT, AT, confirmed=True)
ENOUGH = Evidence({}, (Split(0.1, 500, 4_500),))


def verdict(gate, *outcomes, check="failed"):
    return judge(gate, [Finding(check, outcome, "as measured") for outcome in outcomes])


PASSED = verdict(OPERATION, Outcome.PASSED)
OPEN = verdict(OPERATION, Outcome.PASSED, Outcome.INCONCLUSIVE)
REFUSED = verdict(OPERATION, Outcome.PASSED, Outcome.REFUSED)
BROKEN = verdict(OPERATION, Outcome.INCONCLUSIVE, check="split")
LABELS_PASSED = verdict(LABELS, Outcome.PASSED)
LABELS_REFUSED = verdict(LABELS, Outcome.REFUSED)


@pytest.mark.parametrize(
    "operation,labels,after_s,evidence,kind,weight",
    [
        (PASSED, NONE, 61, ENOUGH, Kind.MOVED, 25),
        (PASSED, NONE, 59, ENOUGH, None, 10),
        (PASSED, NONE, 61, Evidence({}, (Split(0.1, 199, 1_800),)), None, 10),
        (OPEN, NONE, 61, ENOUGH, None, 10),
        (OPEN, NONE, 86_401, ENOUGH, Kind.HELD, 10),
        (PASSED, NONE, 86_401, Evidence({}, (Split(0.1, 1, 9),)), Kind.HELD, 10),
        (REFUSED, NONE, 1, ENOUGH, Kind.ROLLED_BACK, 0),
        (PASSED, LABELS_REFUSED, 61, ENOUGH, Kind.ROLLED_BACK, 0),
        (PASSED, LABELS_PASSED, 61, ENOUGH, Kind.MOVED, 25),
        (BROKEN, NONE, 61, ENOUGH, Kind.VOIDED, 0),
        (BROKEN, LABELS_REFUSED, 61, ENOUGH, Kind.VOIDED, 0),
    ],
)
def test_a_step(operation, labels, after_s, evidence, kind, weight):
    decision = decide(STATE, Judgement(operation, labels), evidence, AT + timedelta(seconds=after_s), SETTINGS)
    assert (decision.kind, decision.weight) == (kind, weight)
    assert decision.reason


PROBATION = replace(STATE, phase=Phase.PROBATION, weight=100)


@pytest.mark.parametrize(
    "operation,labels,after_days,kind",
    [
        (PASSED, LABELS_PASSED, 1, Kind.SETTLED),
        (OPEN, LABELS_PASSED, 1, Kind.SETTLED),
        (PASSED, NONE, 13, None),
        (PASSED, NONE, 15, Kind.HELD),
        (PASSED, verdict(LABELS, Outcome.PASSED, Outcome.INCONCLUSIVE), 13, None),
        (PASSED, LABELS_REFUSED, 1, Kind.ROLLED_BACK),
        (REFUSED, NONE, 1, Kind.ROLLED_BACK),
    ],
)
def test_probation(operation, labels, after_days, kind):
    decision = decide(PROBATION, Judgement(operation, labels), ENOUGH, AT + timedelta(after_days), SETTINGS)
    assert decision.kind is kind


def test_without_probation_the_last_step_settles():
    decision = decide(PROBATION, Judgement(PASSED, NONE), ENOUGH, AT, replace(SETTINGS, probation_days=0))
    assert decision.kind is Kind.SETTLED


def test_who_holds_already_alerts_no_second_time_and_may_still_move():
    held = replace(STATE, held=True)
    late = AT + timedelta(days=3)
    assert decide(held, Judgement(OPEN, NONE), ENOUGH, late, SETTINGS).kind is None
    assert decide(held, Judgement(PASSED, NONE), ENOUGH, late, SETTINGS).kind is Kind.MOVED


def test_traffic_that_never_follows_holds_once_and_says_so():
    ready = (decide_unready(STATE, "no pod", AT + timedelta(seconds=s), SETTINGS) for s in (86_399, 86_401))
    assert [(one.kind, one.weight) for one in ready] == [(None, 10), (Kind.HELD, 10)]
    held = decide_unready(replace(STATE, held=True), "no pod", AT + timedelta(days=9), SETTINGS)
    assert (held.kind, held.reason) == (None, "no pod")


@pytest.mark.parametrize("outcome", [Outcome.INCONCLUSIVE])
def test_inconclusive_never_promotes(outcome):
    for seconds in (0, 61, 10**6):
        judgement = Judgement(verdict(OPERATION, outcome), verdict(LABELS, outcome))
        now = AT + timedelta(seconds=seconds)
        assert decide(STATE, judgement, ENOUGH, now, SETTINGS).kind in (None, Kind.HELD)
        assert decide(PROBATION, judgement, ENOUGH, now, SETTINGS).kind in (None, Kind.HELD)


def test_steps_rise_to_all():
    assert [next_weight(weight, SETTINGS) for weight in (0, 10, 25, 50)] == [10, 25, 50, 100]
