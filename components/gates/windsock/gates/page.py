"""The page of a verdict on data: reasons first, then how much came, what moved, and which rows broke which rules."""

from collections.abc import Iterable, Mapping, Sequence

from windsock.contracts.chart import category_pairs, histogram
from windsock.contracts.gate_settings import Gates
from windsock.contracts.report import (
    Section,
    columns,
    escape,
    figure,
    findings_table,
    folded,
    name,
    number,
    page,
    pill,
    table,
)
from windsock.contracts.verdict import Finding, Outcome, Verdict
from windsock.gates.gate import Judged, Shape
from windsock.gates.rules import Rule
from windsock.gates.statistics import volume_ratios
from windsock.gates.volume_chart import volume_chart

CLOSEST, DRAWN = 8, 6
LAYERS = {
    "Schema": ("schema", "keys", "known"),
    "Business rules and quarantine": ("rule", "quarantine", "accounting"),
    "Statistics": ("history", "windows", "distribution", "volume", "nulls", "mean"),
}


def verdict_page(
    verdict: Verdict,
    judged: Mapping[str, Judged],
    rules: Sequence[Rule],
    gates: Gates,
    subject: tuple[str, str, str],
) -> str:
    """The whole page.

    Args:
        verdict: of all findings.
        judged: what was measured of each table.
        rules: the business rules that ran.
        gates: the settings, for the limits that charts show.
        subject: the use case's name, the time as of which the data is judged, and the snapshot's digest.
    """
    use_case, as_of, digest = subject
    sections = [
        _reasons(verdict),
        _volume(judged, gates),
        _distributions(judged, verdict),
        _rules(verdict, judged, rules),
        _everything(verdict),
    ]
    title = f"{use_case}: data as of {as_of}"
    footer = f"snapshot {digest}; days and hours are those of {gates.time_zone}"
    return page(title, verdict.outcome.value, _lead(verdict), _facts(verdict, judged), sections, footer)


def _lead(verdict: Verdict) -> str:
    counts = {outcome: [f.outcome for f in verdict.findings].count(outcome) for outcome in Outcome}
    if verdict.outcome is Outcome.PASSED:
        return f"All {len(verdict.findings)} checks passed: training may use the rows that were not quarantined."
    parts = [f"{counts[Outcome.REFUSED]} refused", f"{counts[Outcome.INCONCLUSIVE]} could not decide"]
    told = " and ".join(part for part in parts if not part.startswith("0 "))
    return f"Of {len(verdict.findings)} checks {told}: nothing is trained on this data unless each is signed off."


def _facts(verdict: Verdict, judged: Mapping[str, Judged]) -> list[tuple[str, str]]:
    facts = [(f"rows of {table_name}", f"{item.rows:,}") for table_name, item in judged.items()]
    quarantined = sum(len(item.quarantined) for item in judged.values())
    reasons = [finding.outcome for finding in verdict.reasons]
    return [
        *facts,
        ("quarantined", f"{quarantined:,}"),
        ("checks", f"{len(verdict.findings):,}"),
        ("refused", f"{reasons.count(Outcome.REFUSED):,}"),
        ("inconclusive", f"{reasons.count(Outcome.INCONCLUSIVE):,}"),
    ]


def _reasons(verdict: Verdict) -> Section:
    if verdict.reasons:
        return Section("Why", findings_table(verdict.reasons), "What stands against this data, refusals first.")
    measured = [f for f in verdict.findings if f.effect and f.threshold]
    closest = sorted(measured, key=_tension, reverse=True)[:CLOSEST]
    note = "Nothing stands against this data. These checks came nearest to their limits."
    return Section("Closest calls", findings_table(closest), note)


def _tension(finding: Finding) -> float:
    """How near a finding came to its limit; 1 is at the limit. Volume counts from the usual, which is 1."""
    effect, threshold = finding.effect or 0.0, finding.threshold or 1.0
    if finding.check.startswith("volume/") and not finding.check.endswith("/hours"):
        return (effect - 1) / (threshold - 1)
    return effect / threshold


def _volume(judged: Mapping[str, Judged], gates: Gates) -> Section:
    parts = []
    for table_name, item in judged.items():
        if item.span is None:
            continue
        settings = gates.tables[table_name].volume
        ratios = volume_ratios(item.span, item.days, gates.around_days)
        chart = volume_chart(ratios, settings.low.limit, settings.high.limit, f"rows of {table_name} a day")
        caption = f"{table_name}: rows a day; the line is what the same weekday brought in the weeks around it"
        parts.append(figure(chart, caption))
    note = "A day is red where it brought far less or far more than expected."
    return Section("How much came", "".join(parts), note)


def _distributions(judged: Mapping[str, Judged], verdict: Verdict) -> Section:
    findings = {finding.check: finding for finding in verdict.findings}
    drawn = []
    for table_name, item in judged.items():
        for shape in item.shapes:
            finding = findings[f"distribution/{table_name}/{shape.column}"]
            drawn.append((_tension(finding), _drawing(table_name, shape, finding)))
    ranked = sorted(drawn, key=lambda pair: -pair[0])
    body = columns(*(part for rank, (tension, part) in enumerate(ranked) if rank < DRAWN or tension > 1))
    note = (
        "The columns that moved most, each in the window where it moved most: blue the judged days, orange the days "
        "before. The outermost hundredth of numbers at each end is drawn at the edge."
    )
    return Section("What moved", body, note)


def _drawing(table_name: str, shape: Shape, finding: Finding) -> str:
    label, judged, before = f"{table_name}: {shape.column}", "judged", "reference"
    if shape.values:
        rows = [(value[:24], shares[0], shares[1]) for value, shares in shape.values]
        chart = category_pairs(rows, (judged, before), f"{label}, share of rows")
    elif shape.edges:
        chart = histogram(shape.edges, ((judged, shape.counts[0]), (before, shape.counts[1])), label)
    else:
        chart = ""
    caption = f"{label}: {finding.message}; limit {number(finding.threshold)}"
    return f"{pill(finding.outcome.value)} {figure(chart, caption)}"


def _rules(verdict: Verdict, judged: Mapping[str, Judged], rules: Sequence[Rule]) -> Section:
    findings = {finding.check: finding for finding in verdict.findings}
    ranked = sorted(rules, key=lambda rule: _rank(findings[f"rule/{rule.name}"]))
    broken = [rule for rule in ranked if _rank(findings[f"rule/{rule.name}"]) < (2, 0)]
    body = _rule_table(broken, findings) if broken else "<p>No row breaks a rule.</p>"
    for rule in broken:
        samples = judged[rule.header.table].samples.get(rule.name, [])
        if samples:
            body += folded(f"{rule.name}: {len(samples)} of its rows", _sample_table(samples))
    kept = len(rules) - len(broken)
    return Section("Business rules", body, f"{len(rules)} rules ran; no row breaks {kept} of them.")


def _rank(finding: Finding) -> tuple[int, float]:
    """Refused first, then by share of offending rows; kept rules last."""
    if finding.outcome is not Outcome.PASSED:
        return (0, 0)
    return (1, -finding.effect) if finding.effect else (2, 0)


def _rule_table(rules: Iterable[Rule], findings: Mapping[str, Finding]) -> str:
    rows = []
    for rule in rules:
        finding = findings[f"rule/{rule.name}"]
        cells = [pill(finding.outcome.value), name(rule.name), escape(rule.severity.value)]
        cells += [escape(finding.message), number(finding.effect), number(finding.threshold), escape(finding.owner)]
        rows.append(cells)
    headers = ("", "rule", "severity", "what was found", "share", "tolerated", "owner")
    return table(headers, rows, numeric={4, 5})


def _sample_table(samples: Sequence[Mapping[str, str]]) -> str:
    headers = list(samples[0])
    rows = [[escape("" if row[column] is None else row[column]) for column in headers] for row in samples]
    return table(headers, rows)


def _everything(verdict: Verdict) -> Section:
    body = ""
    for layer, kinds in LAYERS.items():
        found = [finding for finding in verdict.findings if finding.check.split("/", 1)[0] in kinds]
        body += folded(f"{layer}: {len(found)} checks", findings_table(found))
    return Section("Every check", body, "With its effect, its limit and where the limit comes from.")
