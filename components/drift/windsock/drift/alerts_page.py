"""Two short pages: the alerts of a run, and whether a retraining is asked for."""

from collections.abc import Sequence

from windsock.contracts.monitoring import Alert, Decision, Raised, Request
from windsock.contracts.report import NOTHING, Section, escape, name, page, table
from windsock.drift.alerts import QUIET

ALERT_HEADERS = ("alert", "check", "since", "what was found", "effect", "interval", "bound", "rows", "ask", "page")
FIRES = (
    "Each row is one alert; those of one name are one notice. One that is quiet is within its bound again, and its "
    "figures are of the last look that refused it."
)


def alerts_page(raised: Raised, use_case: str) -> str:
    """What fires, which of that is quiet, and what is over."""
    firing = [alert for alert in raised.alerts if alert.firing]
    over = [alert for alert in raised.alerts if not alert.firing]
    quiet = sum(alert.quiet for alert in raised.alerts)
    sections = [Section("Fires", _table(firing), FIRES)]
    if over:
        rows = [
            (name(alert.labels["check"]), escape(alert.starts_at), escape(alert.ends_at), _note(alert, "resolved"))
            for alert in over
        ]
        sections.append(Section("Over", table(("check", "since", "until", "why"), rows)))
    told = f"{len(firing)} alerts fire{f' ({quiet} of them quiet)' if quiet else ''}, {len(over)} are over."
    lead = told if raised.alerts else "Nothing fires."
    facts = [("firing", str(len(firing))), ("quiet", str(quiet)), ("over", str(len(over)))]
    outcome = "refused" if firing else "passed"
    return page(f"{use_case}: alerts as of {raised.as_of}", outcome, lead, facts, sections, f"release {raised.release}")


def _table(firing: Sequence[Alert]) -> str:
    rows = [
        (
            escape(alert.labels["alertname"]),
            name(alert.labels["check"]),
            escape(alert.starts_at),
            _found(alert),
            _note(alert, "effect"),
            _note(alert, "interval"),
            f"{_note(alert, 'threshold')}<br><span class='note'>{_note(alert, 'threshold_origin')}</span>",
            _note(alert, "sample_size"),
            f"{_note(alert, 'suspected_upstream')}<br><span class='note'>{_note(alert, 'owner')}</span>",
            name(alert.annotations.get("runbook", "")),
        )
        for alert in firing
    ]
    return table(ALERT_HEADERS, rows, numeric={4, 5, 7})


def _found(alert: Alert) -> str:
    """What was found when it was last refused, and since when it is quiet."""
    quiet = f"<br><span class='note'>{_note(alert, QUIET)}</span>" if alert.quiet else ""
    return _note(alert, "summary") + quiet


def _note(alert: Alert, annotation: str) -> str:
    return escape(alert.annotations.get(annotation, NOTHING))


def decision_page(decision: Decision, requests: Sequence[Request], raised: Raised, use_case: str) -> str:
    """Whether a retraining is asked for and why, and every request there is."""
    asked = [decision.request] if decision.request else []
    rows = [
        (
            name(request.request_id),
            escape(request.by),
            escape(request.as_of),
            escape(request.reason),
            escape(f"{request.outcome or 'not known yet'}{f': {request.result}' if request.result else ''}"),
        )
        for request in reversed([*requests, *asked])
    ]
    body = table(("request", "by", "as of", "why", "what became of it"), rows)
    lead = f"A retraining is asked for: {decision.why}." if decision.request else f"None is asked for: {decision.why}."
    facts = [("requests", str(len(requests) + len(asked)))]
    outcome = "refused" if decision.request else "passed"
    title = f"{use_case}: retraining as of {raised.as_of}"
    return page(title, outcome, lead, facts, [Section("Requests", body)], f"release {raised.release}")
