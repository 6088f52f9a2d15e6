"""A rollout as an HTML page: what was decided, when, and the evidence of each decision."""

from collections.abc import Sequence
from typing import Any

from windsock.contracts.chart import Mark, Series, lines
from windsock.contracts.report import Section, escape, findings_table, page, table
from windsock.contracts.verdict import Finding, Outcome
from windsock.release.history import Entry, Kind, Phase, fold

OUTCOMES = {
    Kind.SETTLED: Outcome.PASSED,
    Kind.ROLLED_BACK: Outcome.REFUSED,
    Kind.VOIDED: Outcome.INCONCLUSIVE,
    Kind.HELD: Outcome.INCONCLUSIVE,
}


def render_history(entries: Sequence[Entry], name: str) -> str:
    """The page of the newest rollout in a history."""
    started = [index for index, entry in enumerate(entries) if entry.kind is Kind.STARTED]
    shown = list(entries[started[-1] :]) if started else list(entries)
    state = fold(entries)
    last = next((entry for entry in reversed(shown) if entry.kind in OUTCOMES), None)
    outcome = OUTCOMES[last.kind] if last is not None else Outcome.INCONCLUSIVE
    rows = [
        (entry.at.strftime("%Y-%m-%d %H:%M:%S"), escape(entry.kind.value), f"{entry.weight} %", escape(entry.reason))
        for entry in shown
    ]
    sections = [Section("What was decided", table(("at (UTC)", "", "weight", "why"), rows))]
    if len(shown) > 1:
        sections.insert(0, Section("The candidate's share", f"<figure>{_chart(shown)}</figure>"))
    for entry in reversed(shown):
        if entry.details.get("operation"):
            title = f"{entry.kind.value.replace('_', ' ')} at {entry.at:%H:%M:%S}: the evidence"
            sections.append(Section(title, findings_table(_findings(entry.details))))
    facts = [("serves", state.serving[:19]), ("state", state.phase.value), ("entries", str(len(shown)))]
    lead = last.reason if last is not None else f"under way at {state.weight} %"
    if state.phase is Phase.PROBATION and last is None:
        lead = "has all the traffic and waits for its labels"
    return page(title=f"Release: {name}", outcome=outcome.value, lead=lead, facts=facts, sections=sections)


def _findings(details: Any) -> list[Finding]:
    found = [*details["operation"]["findings"], *details["labels"]["findings"]]
    return [Finding.from_json(finding) for finding in found]


def _chart(entries: Sequence[Entry]) -> str:
    """The weight over minutes since the start, as steps."""
    begin = entries[0].at
    points: list[tuple[float, float]] = []
    for entry in entries:
        minute = (entry.at - begin).total_seconds() / 60
        points += [(minute, points[-1][1] if points else float(entry.weight)), (minute, float(entry.weight))]
    ends = [entry for entry in entries if entry.kind in OUTCOMES]
    marks = [Mark((entry.at - begin).total_seconds() / 60, entry.kind.value.replace("_", " ")) for entry in ends]
    return lines([Series("", points)], "minutes", "percent of traffic", marks=marks, y_range=(0, 104))
