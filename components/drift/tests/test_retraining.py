"""Who asks for a retraining, when, and what stands against it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from windsock.contracts.clock import format_time
from windsock.contracts.monitoring import Alert, Request
from windsock.contracts.monitoring_settings import Retraining
from windsock.drift.alerts import DATA, NAMES
from windsock.drift.retraining import Release, decide

NOW = datetime(2013, 7, 1, tzinfo=UTC)
MADE = NOW - timedelta(days=60)
RELEASE = Release("sha256:a", MADE)
# The account of a year reads these words: the checks after the colon have lasted.
LASTED = "drift has lasted for 28 days"


def days_ago(days: float) -> str:
    return format_time(NOW - timedelta(days=days))


def alert(check: str, since: float = 0, episode: float | None = None, release="sha256:a", ends_at="") -> Alert:
    labels = {"alertname": NAMES.get(check.partition("/")[0], DATA), "check": check, "release": release}
    return Alert(labels, days_ago(since), days_ago(since if episode is None else episode), ends_at)


def quiet(alert: Alert, days: float) -> Alert:
    return replace(alert, quiet_since=days_ago(days))


def request(days: float, by="drift", name="", outcome="proposed") -> Request:
    return Request(name or f"{by}-{days}", by, days_ago(days), "why", "sha256:a", outcome=outcome)


@pytest.mark.parametrize(
    "settings,alerts,by",
    [
        ({}, [], None),
        ({}, [alert("concept/loss")], "drift"),
        ({}, [alert("kpi/rules")], "drift"),
        ({}, [alert("kpi/plan", since=3)], None),
        ({}, [alert("feature/a", since=27)], None),
        ({}, [alert("feature/a", since=28)], "drift"),
        ({}, [alert("skew/a", since=28), alert("mean/weather/wind", since=28)], None),
        ({"lasting_days": 0}, [alert("feature/a", since=300)], None),
        ({"on_drift": False}, [alert("concept/loss")], None),
        ({}, [quiet(alert("concept/loss", since=9), 2)], None),
        ({}, [quiet(alert("feature/a", since=40), 2)], None),
        # Only what is beyond its bound now asks, and nothing restarts the clock of what has come back.
        ({}, [quiet(alert("feature/a", since=40), 2), alert("feature/b", since=3)], None),
        ({}, [quiet(alert("kpi/rules", since=40), 2), alert("concept/loss", episode=40)], "drift"),
        ({}, [alert("concept/loss", ends_at=days_ago(0))], None),
        ({}, [alert("concept/loss", release="sha256:before")], None),
        ({"every_days": 61}, [], None),
        ({"every_days": 60}, [], "schedule"),
        ({"every_days": 60}, [alert("concept/loss")], "drift"),
    ],
)
def test_who_asks(settings, alerts, by):
    decision = decide(Retraining(**settings), RELEASE, alerts, [], NOW)
    assert (decision.request.by if decision.request else None) == by
    assert decision.why


@pytest.mark.parametrize(
    "alerts,reason",
    [
        (
            [alert("joint/a", since=28), alert("feature/a", since=40)],
            "drift has lasted for 28 days: feature/a, joint/a",
        ),
        ([alert("concept/loss"), alert("feature/a", since=40)], "harm was shown on outcomes: concept/loss"),
        ([quiet(alert("concept/loss"), 1), alert("feature/a", since=40)], f"{LASTED}: feature/a"),
    ],
)
def test_a_request_names_what_asked_for_it(alerts, reason):
    assert decide(Retraining(), RELEASE, alerts, [], NOW).request.reason == reason


def test_a_request_belongs_to_the_episode_that_a_quiet_alert_began():
    alerts = [quiet(alert("feature/a", since=40), 2), alert("feature/b", since=30, episode=40)]
    assert decide(Retraining(), RELEASE, alerts, [], NOW).request.episode_at == days_ago(40)


def test_harm_asks_once_more_where_drift_alone_has_asked_and_then_nobody():
    drift = alert("feature/a", since=40)
    first = decide(Retraining(), RELEASE, [drift], [], NOW - timedelta(days=12)).request
    harm = alert("concept/loss", since=3, episode=40)
    second = decide(Retraining(), RELEASE, [drift, harm], [first], NOW - timedelta(days=3)).request
    assert (first.episode_at, second.episode_at) == (days_ago(40), days_ago(3))
    # Neither more harm nor drift that goes on asks again, and not even when the harm is quiet.
    for later in ([drift, harm, alert("kpi/rules", episode=40)], [drift, quiet(harm, 1)]):
        decision = decide(Retraining(cool_down_days=0, runs_a_week=99), RELEASE, later, [first, second], NOW)
        assert decision.request is None
        assert "has its request already" in decision.why


def test_rules_have_no_model_that_drift_could_ask_to_retrain():
    assert decide(Retraining(), Release("sha256:r", None), [alert("concept/loss")], [], NOW).request is None


def test_an_episode_asks_once_whatever_comes_of_it_and_however_it_goes_on():
    first = decide(Retraining(), RELEASE, [alert("concept/loss", since=30)], [], NOW - timedelta(days=30)).request
    later = [alert("concept/loss", since=30), alert("feature/a", since=2, episode=30)]
    for outcome in ("", "proposed", "refused", "failed"):
        known = Request(**{**first.__dict__, "outcome": outcome})
        decision = decide(Retraining(), RELEASE, later, [known], NOW)
        assert decision.request is None
        assert first.request_id in decision.why


def test_drift_that_lasts_does_not_ask_again_where_harm_has_asked_in_the_same_episode():
    harm = alert("concept/loss", since=20, episode=40)
    asked = decide(Retraining(), RELEASE, [harm], [], NOW - timedelta(days=20)).request
    decision = decide(Retraining(), RELEASE, [alert("feature/a", since=40), quiet(harm, 1)], [asked], NOW)
    assert decision.request is None
    assert asked.request_id in decision.why


def test_another_episode_asks_again():
    first = decide(Retraining(), RELEASE, [alert("concept/loss", since=30)], [], NOW - timedelta(days=30)).request
    assert decide(Retraining(), RELEASE, [alert("concept/loss", since=1)], [first], NOW).request is not None


@pytest.mark.parametrize(
    "requests,words",
    [
        ([request(6.9)], "cooling down for 7 days"),
        ([request(7.1)], ""),
        ([request(6.9, by="hand")], "cooling down for 7 days"),
    ],
)
def test_drift_waits_until_a_request_has_cooled_down(requests, words):
    decision = decide(Retraining(), RELEASE, [alert("concept/loss")], requests, NOW)
    assert words in decision.why if words else decision.request


def test_a_week_has_a_bound():
    settings = Retraining(cool_down_days=0, runs_a_week=2)
    asked = [request(1), request(2)]
    assert "at most 2 are allowed" in decide(settings, RELEASE, [alert("concept/loss")], asked, NOW).why
    assert decide(settings, RELEASE, [alert("concept/loss")], asked[:1], NOW).request
