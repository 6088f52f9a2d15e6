"""The step `raise_alerts`: what the verdicts on drift and on data mean for people. It delivers nothing."""

from windsock.contracts.clock import format_time
from windsock.contracts.log import log
from windsock.contracts.monitoring import Known, Raised
from windsock.contracts.release import open_bundle
from windsock.contracts.step import Step
from windsock.contracts.use_case import load_use_case
from windsock.contracts.verdict import Verdict
from windsock.drift.alerts import Watch, raise_alerts
from windsock.drift.alerts_page import alerts_page


def run(step: Step) -> None:
    """Writes `alerts`, `report` and `metrics`."""
    use_case = load_use_case(step.artifact("use_case", "use_case").path)
    release = step.artifact("release", "release").digest
    open_bundle(step.path("release"))
    verdicts = [Verdict.read(step.artifact(name, "verdict").path) for name in ("verdict", "data_verdict")]
    findings = [finding for verdict in verdicts for finding in verdict.findings]
    known = Known.read(step.artifact("known", "known").path)
    as_of = format_time(step.as_of)
    settings = use_case.alerts
    watch = Watch(use_case.name, release, as_of, settings.sources, settings.quiet_days)
    raised = Raised(as_of, release, raise_alerts(watch, findings, known.alerts, known.requests))
    firing = sum(alert.firing for alert in raised.alerts)
    before = {alert.fingerprint for alert in known.alerts}
    details = {
        "firing": firing,
        "quiet": sum(alert.quiet for alert in raised.alerts),
        "new": sum(alert.firing and alert.fingerprint not in before for alert in raised.alerts),
        "resolved": len(raised.alerts) - firing,
    }
    with step.output("alerts", "alerts", dict(details)) as directory:
        raised.write(directory)
    step.report("report", alerts_page(raised, use_case.name))
    step.metrics("metrics", details)
    log("alerts", **details)
