"""A monitoring run that did not happen is told once, and that it is over once."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from windsock.contracts.monitoring import Alert, Raised
from windsock.contracts.monitoring_settings import Alerts

from pipelines.ledger import DirectoryShelf, Kind, Ledger, known, standing
from pipelines.watchdog import NAME, hours_late, look

NOW = datetime.now(UTC)
USE_CASE = SimpleNamespace(name="flights", owner="desk", alerts=Alerts(every_hours=24, late_hours=6))


@pytest.mark.parametrize("hours,late", [(0, 0), (29.9, 0), (30, 0), (31, 1), (100, 70)])
def test_when_a_run_is_late(hours, late):
    assert hours_late(USE_CASE.alerts, NOW - timedelta(hours=hours), NOW) == pytest.approx(late)


def watch(ledger: Ledger, *alerts: Alert) -> None:
    ledger.append(Kind.WATCHED, "2013-06-01T00:00:00Z", {"raised": asdict(Raised("2013-06-01T00:00:00Z", "a", alerts))})


def test_a_run_that_never_was_is_missed(tmp_path):
    ledger = Ledger(DirectoryShelf(tmp_path))
    alert = look(USE_CASE, ledger, tmp_path, NOW)
    assert "there was never one" in alert.annotations["summary"]
    assert alert.labels["severity"] == "page"


def test_it_is_told_once_and_over_once(tmp_path):
    ledger = Ledger(DirectoryShelf(tmp_path))
    other = Alert({"alertname": "FeatureDrift", "check": "a"}, "2013-06-01T00:00:00Z", "2013-06-01T00:00:00Z")
    watch(ledger, other)
    assert look(USE_CASE, ledger, tmp_path, NOW) is None
    late = NOW + timedelta(hours=31)
    for hours in range(3):
        assert (
            look(USE_CASE, ledger, tmp_path, late + timedelta(hours=hours)).starts_at
            == look(USE_CASE, ledger, tmp_path, late).starts_at
        )
    assert [entry.kind for entry in ledger.entries()] == [Kind.WATCHED, Kind.RAISED]
    watch(ledger, other)
    assert look(USE_CASE, ledger, tmp_path, NOW) is None
    look(USE_CASE, ledger, tmp_path, NOW)
    assert [entry.kind for entry in ledger.entries()] == [Kind.WATCHED, Kind.RAISED, Kind.WATCHED, Kind.RAISED]
    (over,) = [alert for alert in standing(ledger.entries()).values() if alert.labels["alertname"] == NAME]
    assert over.ends_at
    assert "has ended" in over.annotations["resolved"]
    # Its alert is its own: a monitoring run is told of what monitoring has seen.
    assert known(ledger.entries()).alerts == (other,)
