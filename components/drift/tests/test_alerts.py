"""From findings to alerts: what fires, what stays open, what is over, and who is asked."""

from dataclasses import replace

import pytest
from windsock.contracts.monitoring import Alert, Request
from windsock.contracts.monitoring_settings import Source
from windsock.contracts.verdict import Finding, Outcome
from windsock.drift.alerts import UNKNOWN, Watch, raise_alerts, retraining_of, suspected

NO, YES, MAYBE = Outcome.PASSED, Outcome.REFUSED, Outcome.INCONCLUSIVE
JUNE, JULY = "2013-06-01T00:00:00Z", "2013-07-01T00:00:00Z"
SOURCES = {"weather": Source("weather-desk", ("wind_*", "visibility"))}
WATCH = Watch("flights", "sha256:a", JULY, SOURCES, 0)


def finding(check, outcome=YES) -> Finding:
    return Finding(check, outcome, f"{check} moved", 0.2, 900, (0.1, 0.3), 0.07, "[drift.floors] feature", "desk")


def opened(check="feature/wind_speed", release="sha256:a", since=JUNE) -> Alert:
    (alert,) = raise_alerts(replace(WATCH, release=release, as_of=since), [finding(check)], ())
    return alert


def test_an_alert_holds_all_that_a_person_weighs():
    (alert,) = raise_alerts(WATCH, [finding("feature/wind_speed"), finding("feature/hour", NO)], ())
    assert alert.labels == {
        "alertname": "FeatureDrift",
        "check": "feature/wind_speed",
        "family": "feature",
        "use_case": "flights",
        "release": "sha256:a",
        "severity": "ticket",
    }
    notes = alert.annotations
    assert (notes["effect"], notes["sample_size"], notes["threshold"]) == ("0.200", "900", "0.0700")
    assert notes["interval"] == "0.100 … 0.300"
    assert (notes["suspected_upstream"], notes["owner"]) == ("weather (weather-desk)", "desk")
    assert notes["runbook"] == "runbooks/feature-drift/README.md"
    assert (alert.starts_at, alert.episode_at, alert.firing) == (JULY, JULY, True)


@pytest.mark.parametrize(
    "check,name,severity",
    [
        ("feature/a", "FeatureDrift", "ticket"),
        ("joint/classifier", "FeatureDrift", "ticket"),
        ("skew/a", "TrainingServingSkew", "ticket"),
        ("prediction/scores", "PredictionDrift", "ticket"),
        ("concept/loss", "ConceptDrift", "page"),
        ("kpi/rules", "CostAbovePlan", "page"),
        ("kpi/plan", "CostAbovePlan", "ticket"),
    ],
)
def test_only_shown_harm_wakes_somebody(check, name, severity):
    (alert,) = raise_alerts(WATCH, [finding(check)], ())
    assert (alert.labels["alertname"], alert.labels["severity"]) == (name, severity)


def test_an_alert_that_lasts_keeps_its_start_and_tells_the_newest_figures():
    before = opened()
    (alert,) = raise_alerts(WATCH, [replace(finding("feature/wind_speed"), effect=0.4)], [before])
    assert alert.fingerprint == before.fingerprint
    assert (alert.starts_at, alert.episode_at) == (JUNE, JUNE)
    assert (alert.annotations["effect"], alert.annotations["as_of"]) == ("0.400", JULY)


def test_a_new_alert_joins_the_episode_that_is_under_way():
    old, new = raise_alerts(WATCH, [finding("feature/wind_speed"), finding("concept/loss")], [opened()])[::-1]
    assert old.labels["check"] == "feature/wind_speed"
    assert (new.starts_at, new.episode_at) == (JULY, JUNE)


@pytest.mark.parametrize(
    "findings,firing",
    [
        ([finding("feature/wind_speed", NO)], False),
        ([finding("feature/wind_speed", MAYBE)], True),
        # Too few answers: the check is not there at all, and nobody said that it is over.
        ([finding("answers/model", MAYBE)], True),
    ],
)
def test_only_a_check_that_passed_ends_its_alert(findings, firing):
    (alert,) = raise_alerts(WATCH, findings, [opened()])
    assert alert.firing is firing
    assert alert.ends_at == ("" if firing else JULY)
    assert ("resolved" in alert.annotations) is not firing


def looks(*outcomes: Outcome, check="feature/wind_speed", quiet_days=7) -> list[Alert]:
    """What is said of an alert of June's first day by one look a day from July's first on."""
    alert, said = opened(check), []
    for day, outcome in enumerate(outcomes, start=1):
        watch = replace(WATCH, as_of=f"2013-07-{day:02}T00:00:00Z", quiet_days=quiet_days)
        (alert,) = raise_alerts(watch, [finding(check, outcome)], [alert])
        said.append(alert)
    return said


@pytest.mark.parametrize(
    "quiet_days,outcomes,firing,quiet_day",
    [
        (7, [NO], True, 1),
        (7, [NO] * 7, True, 1),
        (7, [NO] * 8, False, 1),
        (0, [NO], False, 1),
        (1, [NO, NO], False, 1),
        # Refused again: the days before no longer count.
        (7, [NO] * 6 + [YES], True, None),
        (7, [NO] * 6 + [YES] + [NO] * 7, True, 8),
        (7, [NO] * 6 + [YES] + [NO] * 8, False, 8),
        # What cannot be judged neither starts nor ends a quiet time, and does not end the alert when it is due.
        (7, [MAYBE], True, None),
        (7, [MAYBE, NO], True, 2),
        (7, [NO, MAYBE], True, 1),
        (7, [NO] * 7 + [MAYBE], True, 1),
        (7, [NO] * 7 + [MAYBE, NO], False, 1),
    ],
)
def test_an_alert_on_the_model_is_over_once_its_check_has_passed_for_some_days(quiet_days, outcomes, firing, quiet_day):
    alert = looks(*outcomes, quiet_days=quiet_days)[-1]
    assert (alert.firing, alert.ends_at) == (firing, "" if firing else f"2013-07-{len(outcomes):02}T00:00:00Z")
    assert alert.quiet_since == (f"2013-07-{quiet_day:02}T00:00:00Z" if quiet_day else "")
    assert alert.quiet is (firing and quiet_day is not None)
    assert (alert.starts_at, alert.episode_at) == (JUNE, JUNE)


@pytest.mark.parametrize("check", ["joint/classifier", "prediction/scores", "concept/loss", "kpi/rules", "kpi/plan"])
def test_every_alert_on_the_model_is_quiet_before_it_is_over(check):
    (alert,) = looks(NO, check=check)
    assert alert.quiet


@pytest.mark.parametrize("check", ["skew/wind_speed", "mean/weather/wind_speed_mph"])
def test_refused_data_and_skew_are_over_at_once(check):
    (alert,) = looks(NO, check=check)
    assert (alert.firing, alert.ends_at) == (False, JULY)
    assert "within its bound again" in alert.annotations["resolved"]


def test_an_alert_says_that_it_is_quiet_only_while_it_is():
    quiet, waits, back, _, *_, over = looks(NO, MAYBE, YES, *[NO] * 8)
    words = f"within its bound since {JULY}: over when that has lasted for 7 days"
    assert quiet.annotations["quiet_since"] == waits.annotations["quiet_since"] == words
    assert (quiet.annotations["summary"], quiet.annotations["as_of"]) == ("feature/wind_speed moved", JUNE)
    assert "quiet_since" not in back.annotations
    assert over.annotations["resolved"] == "within its bound again since 2013-07-04T00:00:00Z"
    assert "quiet_since" not in over.annotations


def test_a_quiet_alert_of_a_release_that_is_gone_is_over_at_once():
    quiet = looks(NO)[-1]
    (over,) = raise_alerts(replace(WATCH, release="sha256:b", quiet_days=7), [], [quiet])
    assert (over.ends_at, "quiet_since" in over.annotations) == (JULY, False)
    assert "sha256:b is in production" in over.annotations["resolved"]


def test_an_episode_goes_on_while_an_alert_is_quiet():
    quiet = looks(NO)[-1]
    _, new = sorted(
        raise_alerts(replace(WATCH, quiet_days=7), [finding("concept/loss")], [quiet]), key=lambda one: one.starts_at
    )
    assert (new.starts_at, new.episode_at) == (JULY, JUNE)


def test_an_alert_of_a_release_that_is_gone_is_over_and_begins_no_episode():
    old = opened(release="sha256:before")
    alerts = raise_alerts(WATCH, [finding("feature/wind_speed")], [old])
    over = next(alert for alert in alerts if not alert.firing)
    new = next(alert for alert in alerts if alert.firing)
    assert over.fingerprint == old.fingerprint
    assert "sha256:a is in production" in over.annotations["resolved"]
    assert new.episode_at == JULY


def test_a_column_without_a_source_says_so_and_a_score_names_what_moved_with_it():
    assert suspected(SOURCES, [finding("feature/hour")]) == {"feature/hour": UNKNOWN}
    alerts = raise_alerts(WATCH, [finding("prediction/scores"), finding("feature/visibility")], ())
    told = {alert.labels["check"]: alert.annotations["suspected_upstream"] for alert in alerts}
    assert told["prediction/scores"] == "weather (weather-desk)"
    (alone,) = raise_alerts(WATCH, [finding("prediction/scores")], ())
    assert alone.annotations["suspected_upstream"] == "none: no column moved"


def test_refused_data_is_told_with_its_table_and_belongs_to_no_episode():
    data = finding("mean/weather/wind_speed_mph")
    (alert,) = raise_alerts(WATCH, [data], ())
    assert (alert.labels["alertname"], alert.labels["severity"]) == ("DataRefused", "ticket")
    assert alert.annotations["suspected_upstream"] == "weather (weather-desk)"
    assert alert.annotations["runbook"] == "runbooks/data-refused/README.md"
    (old,) = raise_alerts(replace(WATCH, as_of=JUNE), [data], ())
    alerts = raise_alerts(WATCH, [data, finding("concept/loss")], [old])
    assert {one.labels["check"]: one.episode_at for one in alerts}["concept/loss"] == JULY


def test_an_alert_tells_what_became_of_the_request_of_its_episode():
    asked = Request("drift-1", "drift", JUNE, "harm", "sha256:a", JUNE, "refused", "evaluate_model: cost")
    (alert,) = raise_alerts(WATCH, [finding("feature/wind_speed")], [opened()], [asked])
    assert alert.annotations["retraining"] == "drift-1: refused, evaluate_model: cost"
    assert retraining_of(JULY, "sha256:a", [asked]) == ""
