import math

import pytest
from windsock.contracts.use_case import View
from windsock.predictor.freshness import Freshness
from windsock.predictor.plan import DOUBLE, Plan, ViewPlan
from windsock.predictor.store import NOTHING, Reading

PLAN = Plan("p", (ViewPlan("needed", {}, {"a": DOUBLE, "b": DOUBLE}), ViewPlan("extra", {}, {"a": DOUBLE})))
VIEWS = {"needed": View(fresh_for_s=100), "extra": View(fresh_for_s=10, required=False)}
NOW = 1_000_000.0
FRESH = Reading(NOW - 5, {"a": 1.0, "b": 2.0})


def judge(needed, extra=FRESH):
    return Freshness(PLAN, VIEWS, skew_s=60).judge({"needed": needed, "extra": extra}, NOW)


@pytest.mark.parametrize(
    "event_at_s, reason",
    [
        (NOW, ""),
        (NOW - 100, ""),
        (NOW - 100.001, "features_stale"),
        (NOW + 60, ""),
        (NOW + 60.001, "features_future"),
        (math.nan, "features_stale"),
        (None, "features_missing"),
    ],
)
def test_a_required_view_that_is_not_usable_gives_its_reason(event_at_s, reason):
    usable = judge(Reading(event_at_s, {"a": 1.0, "b": 2.0}))
    assert usable.reason == reason
    expected = None if reason else 1.0
    assert usable.features["needed__a"] == expected


@pytest.mark.parametrize("extra", [NOTHING, Reading(NOW - 11, {"a": 9.0}), Reading(NOW + 61, {"a": 9.0})])
def test_an_optional_view_that_is_not_usable_is_missing(extra):
    usable = judge(FRESH, extra)
    assert usable.reason == ""
    assert usable.features == {"needed__a": 1.0, "needed__b": 2.0, "extra__a": None}
    assert usable.times_s == {"needed": NOW - 5, "extra": None}


def test_a_feature_that_the_store_does_not_hold_is_missing():
    assert judge(Reading(NOW, {"a": 1.0})).features["needed__b"] is None
