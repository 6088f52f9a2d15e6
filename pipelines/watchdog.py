"""Says when a monitoring run did not happen, from a schedule of its own: `python -m pipelines.watchdog`."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

from windsock.contracts.clock import format_time, parse_time
from windsock.contracts.errors import EXIT_BAD_INPUT, EXIT_CRASHED, EXIT_REFUSED, InputError
from windsock.contracts.monitoring import Alert, Raised
from windsock.contracts.monitoring_settings import Alerts
from windsock.contracts.use_case import UseCase, load_use_case

from pipelines.delivery import address_of, deliver
from pipelines.ledger import DirectoryShelf, Entry, Kind, Ledger, standing
from pipelines.workspace import REPOSITORY, Workspace

NAME, CHECK = "MonitoringMissed", "watchdog/monitoring"
S_AN_HOUR = 3600.0


def hours_late(settings: Alerts, last: datetime | None, now: datetime) -> float:
    """For how many hours a run has been missed, 0 for none; infinite where there was never one."""
    if last is None:
        return float("inf")
    late = (now - last).total_seconds() / S_AN_HOUR - settings.every_hours - settings.late_hours
    return max(late, 0.0)


def missed(use_case: UseCase, last: datetime | None, now: datetime) -> Alert | None:
    """The alert of a run that was missed."""
    late = hours_late(use_case.alerts, last, now)
    if not late:
        return None
    known = f"the last one was at {format_time(last)}" if last else "there was never one"
    every = use_case.alerts.every_hours
    notes = {
        "summary": f"no monitoring run has ended in time: {known}, and one is due every {every:g} hours",
        "threshold": f"{every + use_case.alerts.late_hours:g} hours",
        "threshold_origin": "[alerts] every_hours and late_hours",
        "owner": use_case.owner,
        "runbook": "runbooks/monitoring-missed/README.md",
    }
    labels = {"alertname": NAME, "check": CHECK, "use_case": use_case.name, "severity": "page"}
    return Alert(labels, format_time(now), format_time(now), annotations=notes)


def last_run(entries: Sequence[Entry]) -> datetime | None:
    """When the latest monitoring run ended, by the clock on the wall."""
    return max((parse_time(entry.at, "at") for entry in entries if entry.kind == Kind.WATCHED), default=None)


def look(use_case: UseCase, ledger: Ledger, place: Path, now: datetime) -> Alert | None:
    """Notes a run that was missed, or that it is over, once each, and delivers; returns the alert while it lasts."""
    entries = ledger.entries()
    alert = missed(use_case, last_run(entries), now)
    before = [one for one in standing(entries).values() if one.labels.get("alertname") == NAME and one.firing]
    if alert and not before:
        changed = [alert]
    elif before and not alert:
        over = {**before[0].annotations, "resolved": "a monitoring run has ended"}
        changed = [replace(before[0], ends_at=format_time(now), annotations=over)]
    else:
        changed = []
    if changed:
        raised = Raised(format_time(now), "", tuple(changed))
        ledger.append(Kind.RAISED, raised.as_of, {"raised": asdict(raised)})
    # What fires is told again at every look, or Alertmanager would take it for over.
    deliver(ledger, use_case.alerts, place, address_of(use_case.alerts))
    return before[0] if alert and before else alert


def main(arguments: Sequence[str] | None = None) -> int:
    """Looks once; exit code 3 while a run is missed."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.watchdog", description=__doc__)
    parser.add_argument("--on", choices=["venv", "cluster"], default="venv", help="where monitoring runs")
    parser.add_argument("--use-case", type=Path, default=REPOSITORY / "feature_repo", help="the feature repository")
    options = parser.parse_args(arguments)
    try:
        alert = _look(options)
    except InputError as error:
        print(f"watchdog: {error}", file=sys.stderr)
        return EXIT_BAD_INPUT
    except OSError as error:
        print(f"watchdog: {error}", file=sys.stderr)
        return EXIT_CRASHED
    print(f"watchdog: {alert.annotations['summary'] if alert else 'monitoring runs in time'}")
    return EXIT_REFUSED if alert else 0


def _look(options: argparse.Namespace) -> Alert | None:
    workspace = Workspace()
    if options.on == "cluster":
        from pipelines.cluster import use_case_of
        from pipelines.store import open_store

        store = open_store()
        use_case, ledger = load_use_case(use_case_of(options, workspace, store).path), Ledger(store)
    else:
        use_case, ledger = load_use_case(options.use_case), Ledger(DirectoryShelf(workspace.root))
    return look(use_case, ledger, workspace.monitoring, datetime.now(UTC))


if __name__ == "__main__":
    sys.exit(main())
