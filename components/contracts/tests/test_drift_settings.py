"""Settings of monitoring: the defaults hold together, and what does not is refused by name."""

import pytest
from windsock.contracts.drift_settings import Drift
from windsock.contracts.errors import InputError
from windsock.contracts.settings import parse


def test_the_defaults_hold_together():
    assert parse(Drift, {}, "drift") == Drift()


def test_all_is_read():
    drift = parse(Drift, {"alarms_a_month": 2, "dated_by": "event", "floors": {"auc": 0.1}}, "drift")
    assert (drift.alarms_a_month, drift.dated_by, drift.floors.auc) == (2.0, "event", 0.1)


@pytest.mark.parametrize(
    "given,named",
    [
        ({"alarms_a_month": 0}, "drift.alarms_a_month"),
        ({"alarms_a_month": float("nan")}, "drift.alarms_a_month"),
        ({"window_days": 0}, "drift.window_days"),
        ({"persistence": 0}, "drift.persistence"),
        ({"block_days": 7}, "drift.block_days"),
        ({"history_days": 13}, "drift.history_days"),
        ({"bootstrap_windows": 10}, "drift.bootstrap_windows"),
        ({"dated_by": "today"}, "drift.dated_by"),
        ({"floors": {"feature": 0}}, "drift.floors.feature"),
        ({"floors": {"auc": 0.6}}, "drift.floors.auc"),
        ({"floors": {"speed": 1}}, "drift.floors.speed"),
        ({"budget": 1}, "drift.budget"),
    ],
)
def test_what_does_not_hold_together_is_refused_by_name(given, named):
    with pytest.raises(InputError) as refusal:
        parse(Drift, given, "drift")
    assert refusal.value.field == named
