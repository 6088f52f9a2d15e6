"""From a verdict to alerts and a request, step by step, on the small market."""

import json
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from windsock.contracts.artifact import Origin, keep_artifact
from windsock.contracts.monitoring import Decision, Known, Raised
from windsock.contracts.verdict import Finding, Outcome, judge

sys.path.insert(0, str(Path(__file__).parent))
from stalls import AS_OF, Stalls, run_step


class Loop:
    """Runs of monitoring, each told of what the one before left open."""

    def __init__(self, root: Path) -> None:
        self.stalls, self.root, self.known = Stalls(root), root, Known()

    def run(self, day: int = 0) -> tuple[Raised, Decision]:
        as_of = AS_OF + timedelta(days=day)
        self.stalls.run()
        out = self.root / f"out-{self.stalls.runs}"
        known = keep_artifact(self.root / "known", "known", Origin("before"), self.known.write).path
        given = {"use_case": self.stalls.use_case, "release": self.stalls.release, "known": known}
        clean = judge("data", [Finding("volume/sales", Outcome.PASSED, "as usual")])
        data = keep_artifact(self.root / "data", "verdict", Origin("validate_data"), clean.write).path
        verdict = {"verdict": out / "verdict", "data_verdict": data}
        run_step("raise_alerts", given | verdict, out / "alerting", ("alerts", "report", "metrics"), as_of)
        alerts = {"alerts": out / "alerting" / "alerts"}
        run_step("request_retraining", given | alerts, out / "asking", ("request", "report"), as_of)
        raised, decision = Raised.read(alerts["alerts"]), Decision.read(out / "asking" / "request")
        asked = (decision.request,) if decision.request else ()
        self.known = Known(tuple(a for a in raised.alerts if a.firing), self.known.requests + asked)
        self.pages = [(out / place / "report").read_text().replace("<wbr>", "") for place in ("alerting", "asking")]
        self.metrics = json.loads((out / "alerting" / "metrics").read_text())
        return raised, decision


@pytest.fixture
def loop(tmp_path) -> Loop:
    return Loop(tmp_path)


def test_clean_days_raise_nothing_and_ask_for_nothing(loop):
    raised, decision = loop.run()
    assert (raised.alerts, decision.request) == ((), None)
    assert "Nothing fires" in loop.pages[0]
    assert "None is asked for" in loop.pages[1]


def test_a_flipped_concept_pages_and_asks_once_until_it_has_been_quiet_for_a_week(loop):
    clean = loop.stalls.label.copy()
    flipped = loop.stalls.recent & (loop.stalls.random.random(len(clean)) < 0.3)
    loop.stalls.label[flipped] = 1 - loop.stalls.label[flipped]
    raised, decision = loop.run()
    assert {alert.labels["severity"] for alert in raised.alerts if alert.labels["family"] == "concept"} == {"page"}
    assert decision.request.by == "drift"
    assert "concept/" in decision.request.reason
    assert decision.request.request_id in loop.pages[1]
    again, still = loop.run(day=1)
    assert still.request is None
    assert decision.request.request_id in still.why
    assert all(alert.starts_at == raised.as_of for alert in again.alerts)
    assert loop.metrics["new"] == 0
    loop.stalls.label = clean
    quiet, nothing = loop.run(day=2)
    assert quiet.alerts
    assert all(alert.quiet for alert in quiet.alerts)
    assert (nothing.request, loop.metrics["quiet"], loop.metrics["resolved"]) == (None, len(quiet.alerts), 0)
    assert f"({len(quiet.alerts)} of them quiet)" in loop.pages[0]
    assert f"within its bound since {quiet.as_of}" in loop.pages[0]
    over, nothing = loop.run(day=9)
    assert len(over.alerts) == len(quiet.alerts)
    assert not any(alert.firing for alert in over.alerts)
    assert nothing.request is None
    assert "within its bound again" in loop.pages[0]


def test_a_feature_that_moves_is_told_and_asks_for_nothing(loop):
    loop.stalls.rows[loop.stalls.recent, 3] += 0.75
    raised, decision = loop.run()
    assert "FeatureDrift" in {alert.labels["alertname"] for alert in raised.alerts}
    assert {alert.labels["severity"] for alert in raised.alerts} == {"ticket"}
    assert decision.request is None
    for word in ("feature/f3", "[alerts.sources]", "runbooks/feature-drift"):
        assert word in loop.pages[0]
