"""What monitoring hands on is read back as it was written; its settings are refused by name."""

from dataclasses import asdict, replace

import pytest
from windsock.contracts.errors import InputError
from windsock.contracts.files import write_json
from windsock.contracts.monitoring import KNOWN, Alert, Decision, Known, Raised, Request
from windsock.contracts.monitoring_settings import Alerts, Retraining, Source, check_address
from windsock.contracts.settings import parse

ALERT = Alert({"alertname": "A", "check": "c"}, "2013-06-01T00:00:00Z", "2013-06-01T00:00:00Z", "", {"summary": "s"})
REQUEST = Request("drift-1", "drift", "2013-06-01T00:00:00Z", "why", "sha256:a", outcome="refused", result="cost")


@pytest.mark.parametrize(
    "said",
    [
        Known((ALERT,), (REQUEST,)),
        Known((replace(ALERT, quiet_since="2013-06-03T00:00:00Z"),)),
        Known(),
        Raised("2013-06-01T00:00:00Z", "sha256:a", (ALERT,)),
        Decision("harm", REQUEST),
        Decision("nothing"),
    ],
)
def test_what_is_written_is_read_back(said, tmp_path):
    said.write(tmp_path)
    assert type(said).read(tmp_path) == said


def test_an_alert_is_its_labels_and_no_more():
    other = Alert(dict(reversed(ALERT.labels.items())), "2013-07-01T00:00:00Z", "2013-07-01T00:00:00Z", "x")
    assert other.fingerprint == ALERT.fingerprint
    assert Alert({**ALERT.labels, "check": "d"}, "", "").fingerprint != ALERT.fingerprint


def test_an_alert_that_was_stored_before_alerts_could_be_quiet_is_read(tmp_path):
    stored = {name: value for name, value in asdict(ALERT).items() if name != "quiet_since"}
    write_json(tmp_path / KNOWN, {"alerts": [stored], "requests": []})
    assert Known.read(tmp_path) == Known((ALERT,))


@pytest.mark.parametrize(
    "ends_at,quiet_since,firing,quiet",
    [("", "", True, False), ("", "x", True, True), ("y", "x", False, False), ("y", "", False, False)],
)
def test_an_alert_fires_while_it_is_quiet(ends_at, quiet_since, firing, quiet):
    alert = replace(ALERT, ends_at=ends_at, quiet_since=quiet_since)
    assert (alert.firing, alert.quiet) == (firing, quiet)


@pytest.mark.parametrize(
    "section,given,words",
    [
        (Alerts, {"alertmanager": "localhost:9093"}, "alerts.alertmanager"),
        (Alerts, {"alertmanager": "http://a?b=c"}, "http://HOST:PORT"),
        (Alerts, {"every_hours": 0}, "alerts.every_hours"),
        (Alerts, {"quiet_days": -1}, "alerts.quiet_days"),
        (Alerts, {"quiet_days": 366}, "alerts.quiet_days"),
        (Alerts, {"quiet_days": 0.5}, "alerts.quiet_days"),
        (Alerts, {"sources": {"weather": {"owner": " ", "columns": ["a"]}}}, "who answers"),
        (Alerts, {"sources": {"weather": {"owner": "me", "columns": []}}}, "at least one column"),
        (Retraining, {"every_days": 3}, "retraining.every_days"),
        (Retraining, {"runs_a_week": 0}, "retraining.runs_a_week"),
        (Retraining, {"cooldown": 3}, "no such setting"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(section, given, words):
    with pytest.raises(InputError, match=words):
        parse(section, given, section.__name__.lower())


def test_what_a_setting_may_be():
    assert parse(Retraining, {"every_days": 7}, "retraining").every_days == 7
    assert [parse(Alerts, given, "alerts").quiet_days for given in ({}, {"quiet_days": 0})] == [7, 0]
    assert check_address("https://alerts.example/am", "x") == "https://alerts.example/am"
    assert Source("me", ("a*",)).columns == ("a*",)
