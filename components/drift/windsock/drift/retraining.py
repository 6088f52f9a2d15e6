"""Whether a retraining is asked for: pure rules on plain values, no files and no clock.

An episode is the time from a release's first alert until it has none; it has one request, and one more if harm is shown
after drift alone has asked: harm is an episode of its own, as long as any of its alerts lasts. What else stands against
a request, whoever asks, is in the contracts: a person's goes by the same bounds. An alert that is quiet asks for
nothing, but its lull does not restart the clock of what lasts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from windsock.contracts.clock import format_time, parse_time
from windsock.contracts.monitoring import Alert, Decision, Request, short_digest
from windsock.contracts.monitoring_settings import Retraining
from windsock.contracts.retraining import objection
from windsock.drift.alerts import of_the_model
from windsock.drift.policy import HARM


@dataclass(frozen=True)
class Release:
    """The release in production and when its model was made; None where the rules answer."""

    digest: str
    made_at: datetime | None


def decide(
    settings: Retraining, release: Release, alerts: Sequence[Alert], requests: Sequence[Request], as_of: datetime
) -> Decision:
    """A request by drift or by schedule, or none, with the reason."""
    wanted = _by_drift(settings, release, alerts, requests, as_of) or _by_schedule(settings, release, requests, as_of)
    if wanted is None:
        return Decision("no harm was shown, no drift lasted, and no retraining is due")
    against = objection(settings, wanted, requests, as_of)
    return Decision(against) if against else Decision(wanted.reason, wanted)


def _by_drift(
    settings: Retraining, release: Release, alerts: Sequence[Alert], requests: Sequence[Request], as_of: datetime
) -> Request | None:
    ours = [alert for alert in alerts if alert.firing and alert.labels["release"] == release.digest]
    firing = [alert for alert in ours if of_the_model(alert)]
    if not settings.on_drift or release.made_at is None:
        return None
    return _by_harm(release, firing, as_of) or _by_lasting(settings, release, firing, requests, as_of)


def _by_harm(release: Release, firing: Sequence[Alert], as_of: datetime) -> Request | None:
    """Harm is an episode of its own: a request of before, for drift that had shown none, does not stand against it."""
    harmful = [alert for alert in firing if alert.labels["check"].startswith(HARM)]
    shown = sorted(alert.labels["check"] for alert in harmful if not alert.quiet)
    if not shown:
        return None
    episode_at = min(alert.starts_at for alert in harmful)
    name = f"harm-{short_digest(release.digest, episode_at)}"
    words = f"harm was shown on outcomes: {', '.join(shown)}"
    return Request(name, "drift", format_time(as_of), words, release.digest, episode_at)


def _by_lasting(
    settings: Retraining, release: Release, firing: Sequence[Alert], requests: Sequence[Request], as_of: datetime
) -> Request | None:
    since = as_of - timedelta(days=settings.lasting_days)
    lasting = sorted(
        alert.labels["check"]
        for alert in firing
        if settings.lasting_days and not alert.quiet and parse_time(alert.starts_at, "starts_at") <= since
    )
    if not lasting:
        return None
    episode_at = min(alert.episode_at for alert in firing)
    name = f"drift-{short_digest(release.digest, episode_at)}"
    for request in requests:
        if request.release == release.digest and request.episode_at >= episode_at:
            name = request.request_id  # Whatever asked in this episode has asked for this too.
    words = f"drift has lasted for {settings.lasting_days} days: {', '.join(lasting)}"
    return Request(name, "drift", format_time(as_of), words, release.digest, episode_at)


def _by_schedule(
    settings: Retraining, release: Release, requests: Sequence[Request], as_of: datetime
) -> Request | None:
    known = [parse_time(request.as_of, "as_of") for request in requests]
    last = max([*known, *([release.made_at] if release.made_at else [])], default=None)
    if not settings.every_days or last is None or as_of - last < timedelta(days=settings.every_days):
        return None
    words = f"the last one was as of {format_time(last)}, and one is due every {settings.every_days} days"
    name = f"schedule-{short_digest(release.digest, format_time(last))}"
    return Request(name, "schedule", format_time(as_of), words, release.digest)
