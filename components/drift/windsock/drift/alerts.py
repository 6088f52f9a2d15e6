"""From findings to alerts: pure rules on plain values, no files and no clock.

An alert begins when its finding is refused. One on the model is over once its check has passed for `quiet_days`: until
then it is quiet, and the same alert if it comes back. Every other is over as soon as its check passes. One that cannot
be judged now stays as it is: nobody said that it is over.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from fnmatch import fnmatchcase

from windsock.contracts.clock import parse_time
from windsock.contracts.monitoring import Alert, Request
from windsock.contracts.monitoring_settings import Source
from windsock.contracts.report import interval_text, number
from windsock.contracts.verdict import Finding, Outcome
from windsock.drift.policy import HARM

NAMES = {
    "feature": "FeatureDrift",
    "joint": "FeatureDrift",
    "skew": "TrainingServingSkew",
    "prediction": "PredictionDrift",
    "concept": "ConceptDrift",
    "kpi": "CostAbovePlan",
}
PAGES = {
    "TrainingServingSkew": "training-serving-skew",
    "FeatureDrift": "feature-drift",
    "PredictionDrift": "prediction-drift",
    "ConceptDrift": "concept-drift",
    "CostAbovePlan": "cost-above-plan",
    "DataRefused": "data-refused",
}
# A finding of none of these families is the data gate's.
DATA = "DataRefused"
COLUMNS = ("feature", "skew")
# The annotation of an alert that is quiet: since when, and until when it is the same alert if it comes back.
QUIET = "quiet_since"
UNKNOWN = "unknown: no [alerts.sources] names it"


@dataclass(frozen=True)
class Watch:
    """What is watched: the use case, the release in production, up to when, and who owns which columns.

    An alert on the model is over once its check has passed for `quiet_days`.
    """

    use_case: str
    release: str
    as_of: str
    sources: Mapping[str, Source]
    quiet_days: int


def raise_alerts(
    watch: Watch, findings: Sequence[Finding], opened: Sequence[Alert], requests: Sequence[Request] = ()
) -> tuple[Alert, ...]:
    """The alerts that fire, and those of `opened` that are over, in order of their labels."""
    before = {alert.fingerprint: alert for alert in opened}
    ours = [alert for alert in opened if alert.labels.get("release") == watch.release and of_the_model(alert)]
    episode_at = min((alert.episode_at for alert in ours), default=watch.as_of)
    told = retraining_of(episode_at, watch.release, requests)
    suspects = suspected(watch.sources, findings)
    found: dict[str, Alert] = {}
    for finding in findings:
        if finding.outcome is Outcome.REFUSED:
            alert = Alert(_labels(watch, finding), watch.as_of, episode_at)
            start = before.get(alert.fingerprint, alert)
            notes = _annotations(watch, finding, suspects, told)
            found[alert.fingerprint] = replace(start, annotations=notes, quiet_since="")
    passed = {finding.check for finding in findings if finding.outcome is Outcome.PASSED}
    rest = [_unless_over(alert, watch, passed) for name, alert in before.items() if name not in found]
    return tuple(sorted([*found.values(), *rest], key=lambda alert: sorted(alert.labels.items())))


def of_the_model(alert: Alert) -> bool:
    """Whether another model could be the answer: not to data that is refused, nor to rows that are served otherwise."""
    return alert.labels.get("alertname") not in (DATA, NAMES["skew"])


def retraining_of(episode_at: str, release: str, requests: Iterable[Request]) -> str:
    """What was done about an episode, in words; empty where nothing was."""
    ours = [one for one in requests if one.release == release and one.episode_at >= episode_at]
    if not ours:
        return ""
    last = ours[-1]
    return f"{last.request_id}: {last.outcome or 'asked for'}{f', {last.result}' if last.result else ''}"


def suspected(sources: Mapping[str, Source], findings: Iterable[Finding]) -> dict[str, str]:
    """The table or view, with its owner, behind every column that is beyond its bound and every refusal of data."""
    found = {}
    for finding in findings:
        family, _, column = finding.check.partition("/")
        if family in COLUMNS and finding.outcome is Outcome.REFUSED:
            behind = [
                f"{name} ({source.owner})"
                for name, source in sources.items()
                if any(fnmatchcase(column, pattern) for pattern in source.columns)
            ]
            found[finding.check] = ", ".join(behind) or UNKNOWN
        elif family not in NAMES and finding.outcome is Outcome.REFUSED:
            table = column.partition("/")[0]
            found[finding.check] = f"{table} ({sources[table].owner})" if table in sources else table or UNKNOWN
    return found


def _labels(watch: Watch, finding: Finding) -> dict[str, str]:
    family = finding.check.partition("/")[0]
    return {
        "alertname": NAMES.get(family, DATA),
        "check": finding.check,
        "family": family,
        "use_case": watch.use_case,
        "release": watch.release,
        "severity": "page" if finding.check.startswith(HARM) else "ticket",
    }


def _annotations(watch: Watch, finding: Finding, suspects: Mapping[str, str], told: str) -> dict[str, str]:
    """All that a person needs to weigh it; for what is no column, the columns that moved at the same time."""
    upstream = suspects.get(finding.check) or "; ".join(sorted(set(suspects.values()))) or "none: no column moved"
    page = PAGES[_labels(watch, finding)["alertname"]]
    notes = {
        "summary": finding.message,
        "effect": number(finding.effect),
        "sample_size": number(finding.sample_size),
        "interval": interval_text(finding.interval),
        "threshold": number(finding.threshold),
        "threshold_origin": finding.threshold_origin,
        "suspected_upstream": upstream,
        "owner": finding.owner,
        "runbook": f"runbooks/{page}/README.md",
        "as_of": watch.as_of,
    }
    return notes | ({"retraining": told} if told else {})


def _unless_over(alert: Alert, watch: Watch, passed: Collection[str]) -> Alert:
    """An alert that no finding refuses now: over where its check has passed for long enough or its release has gone.

    Else it is quiet where its check passed, and as it was where nobody could judge it.
    """
    if alert.labels.get("release") != watch.release:
        return _over(alert, watch, f"release {watch.release} is in production now")
    if alert.labels.get("check") not in passed:
        return alert
    since = alert.quiet_since or watch.as_of
    quiet = replace(alert, quiet_since=since)
    days = watch.quiet_days if of_the_model(alert) else 0
    if parse_time(watch.as_of, "as_of") - parse_time(since, "quiet_since") >= timedelta(days=days):
        return _over(quiet, watch, f"within its bound again since {since}")
    words = f"within its bound since {since}: over when that has lasted for {days} days"
    return replace(quiet, annotations={**alert.annotations, QUIET: words})


def _over(alert: Alert, watch: Watch, why: str) -> Alert:
    notes = {name: text for name, text in alert.annotations.items() if name != QUIET}
    return replace(alert, ends_at=watch.as_of, annotations={**notes, "resolved": why})
