"""Brings alerts to people: a file, the terminal, and an Alertmanager (v2 API) where one is named.

Alertmanager groups, silences and routes; here nothing is lost on the way to it. What could not be delivered stays
undelivered in the ledger and goes with the next delivery.
"""

import json
import os
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

from windsock.contracts.clock import format_time
from windsock.contracts.files import write_json
from windsock.contracts.monitoring import Alert
from windsock.contracts.monitoring_settings import Alerts, check_address

from pipelines.ledger import Kind, Ledger, standing, undelivered
from pipelines.summary import say

ENVIRONMENT = "WINDSOCK_ALERTMANAGER"
PATIENCE_S = 10.0
FILE = "alerts.json"
SHOWN = 3


def address_of(settings: Alerts, environment: Mapping[str, str] = os.environ) -> str:
    """The Alertmanager that the environment names, else the settings; empty for none."""
    return check_address(environment.get(ENVIRONMENT, ""), ENVIRONMENT) or settings.alertmanager


def as_posted(alert: Alert, settings: Alerts, now: datetime) -> dict[str, Any]:
    """An alert as Alertmanager takes it.

    One that fires, quiet or not, holds until the next run is overdue: without a time to end it would be forgotten after
    minutes.
    """
    lasts_until = now + timedelta(hours=settings.every_hours + settings.late_hours)
    return {
        "labels": alert.labels,
        "annotations": alert.annotations,
        "startsAt": alert.starts_at,
        "endsAt": alert.ends_at or format_time(lasts_until),
    }


def deliver(ledger: Ledger, settings: Alerts, place: Path, address: str) -> bool:
    """Writes the file, says what is new, and posts what is not delivered; returns whether nothing is left."""
    entries = ledger.entries()
    firing = [alert for alert in standing(entries).values() if alert.firing]
    write_json(place / FILE, [asdict(alert) for alert in firing])
    waiting = undelivered(entries)
    if not address or not waiting:
        return True
    now = datetime.now(UTC)
    failure = _post(address, [as_posted(alert, settings, now) for alert in waiting])
    if failure:
        say(f"alerts: {len(waiting)} not delivered to {address} ({failure}); they go with the next run")
        return False
    ledger.append(Kind.DELIVERED, entries[-1].as_of, {"through": entries[-1].number, "to": address})
    return True


def _post(address: str, alerts: Sequence[Mapping[str, Any]]) -> str:
    """Posts alerts; returns why they did not arrive, or nothing."""
    request = urllib.request.Request(  # noqa: S310  the address was checked to be a web server's
        f"{address.rstrip('/')}/api/v2/alerts",
        json.dumps(list(alerts)).encode(),
        {"content-type": "application/json"},
        method="POST",
    )
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S):  # noqa: S310
            return ""
    except urllib.error.HTTPError as error:
        with error:
            return f"{error.code}: {error.read(200).decode(errors='replace')}"
    except OSError as error:
        return str(getattr(error, "reason", error))


def say_alerts(alerts: Sequence[Alert], before: Sequence[Alert]) -> None:
    """Says what fires and what is over: one notice for the alerts of one name, however many they are."""
    old = {alert.fingerprint for alert in before}
    if not alerts:
        say("alerts: none")
    for name, group in groupby(sorted(alerts, key=_name), key=_name):
        ours = list(group)
        firing = [alert for alert in ours if alert.firing]
        new, quiet = sum(alert.fingerprint not in old for alert in firing), sum(alert.quiet for alert in firing)
        told = f"{new} new, {quiet} quiet" if quiet else f"{new} new"
        say(f"alert {name}: {len(firing)} fire ({told}), {len(ours) - len(firing)} over")
        # What is beyond its bound now comes first, since only the first few are said.
        for alert in sorted(firing, key=lambda one: one.quiet)[:SHOWN]:
            check = f"{alert.labels['check']}{' (quiet)' if alert.quiet else ''}"
            say(f"  {check} since {alert.starts_at}: {alert.annotations.get('summary', '')}")
        if len(firing) > SHOWN:
            say(f"  and {len(firing) - SHOWN} more, all in the report")
        if firing:
            say(f"  page {firing[0].annotations['runbook']}")


def _name(alert: Alert) -> str:
    return alert.labels["alertname"]
