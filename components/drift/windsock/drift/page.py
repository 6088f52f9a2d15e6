"""The page of a verdict on drift: what moved, what it cost, how much of it chance explains, and what would be seen."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from windsock.contracts.chart import Bar, Mark, Series, bars, histogram, lines
from windsock.contracts.report import (
    Section,
    columns,
    escape,
    figure,
    findings_table,
    folded,
    interval_text,
    name,
    number,
    page,
    pill,
    table,
)
from windsock.contracts.use_case import UseCase
from windsock.contracts.verdict import Finding, Outcome, Verdict
from windsock.drift.calibrate import Plan
from windsock.drift.family import Family
from windsock.drift.joint import Joint
from windsock.drift.measures import Shapes
from windsock.drift.monitor import Watched
from windsock.drift.policy import Ask
from windsock.drift.power import Power

DRAWN = 3
LEADS = {
    Ask.NOTHING: "Nothing lasted beyond its bound: no alert, no retraining.",
    Ask.ALERT: "Something moved and stayed, and no harm was shown: somebody should look, retraining is not asked for.",
    Ask.RETRAIN: "Harm was shown on outcomes: retraining is asked for, through the same gates and canary as always.",
}


def drift_page(
    verdict: Verdict,
    asks: Ask,
    watched: Watched,
    use_case: UseCase,
    promise: Mapping[str, float],
    facts: Mapping[str, str],
    answers: int,
) -> str:
    """The whole page; `facts` name the release, its digest and the time."""
    outcomes = [finding.outcome for finding in verdict.findings]
    shown = [
        ("release", facts["release"]),
        ("asks for", asks.value),
        ("answers", f"{answers:,}"),
        ("checks", f"{len(outcomes)}"),
        ("beyond their bound", f"{outcomes.count(Outcome.REFUSED)}"),
        ("undecided", f"{outcomes.count(Outcome.INCONCLUSIVE)}"),
        ("false alarms a month, at most", number(use_case.drift.alarms_a_month)),
    ]
    sections = [_reasons(verdict)]
    if watched.families:
        sections += [
            _outcomes(watched, promise, use_case),
            _moved(watched),
            _joint(watched),
            _chance(watched, Plan.of(use_case.drift)),
            _power(watched),
        ]
    sections.append(_everything(verdict))
    lead = LEADS[asks] if watched.families else "There is nothing to judge yet."
    title = f"{use_case.name}: drift as of {facts['as_of']}"
    return page(title, verdict.outcome.value, lead, shown, sections, f"release {facts['digest']}")


def _reasons(verdict: Verdict) -> Section:
    if verdict.reasons:
        return Section(
            "Why", findings_table(verdict.reasons), "What stands against this release, harm and drift first."
        )
    measured = [finding for finding in verdict.findings if finding.effect is not None and finding.threshold]
    closest = sorted(measured, key=lambda finding: -_tension(finding))[:8]
    return Section("Closest calls", findings_table(closest), "Nothing is beyond its bound. These came nearest.")


def _tension(finding: Finding) -> float:
    return (finding.effect or 0.0) / (finding.threshold or 1.0)


def _finite(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    return [(x, y) for x, y in points if math.isfinite(y)]


def _outcomes(watched: Watched, promise: Mapping[str, float], use_case: UseCase) -> Section:
    """Cost and loss a window, before and after the labels, and the bet against the rules."""
    count = len(watched.windows)
    places = [float(index - count + 1) for index in range(count)]

    def line(key: str, label: str, tone: str, dashed: bool = False) -> Series:
        points = _finite([(x, window[key]) for x, window in zip(places, watched.windows)])
        return Series(label, points, tone=tone, dashed=dashed, dots=not dashed)

    unit = f"{use_case.costs.currency} per 1,000"
    series = [
        line("never_cost", "never act", "muted"),
        line("rules_cost", "rules", "third"),
        line("cost", "release", "accent"),
        line("estimated_cost", "estimate", "second", dashed=True),
    ]
    if "cost_per_1000" in promise:
        level = promise["cost_per_1000"]
        series.insert(0, Series("plan", [(places[0], level), (0.0, level)], tone="refused", dashed=True))
    last = watched.windows[-1]
    interval = interval_text((last["estimate_low"], last["estimate_high"]))
    cost = figure(
        lines(series, "windows, the last one is 0", unit),
        f"What it cost. Before labels, the scores themselves expect {number(last['estimated_cost'])} ({interval}) in "
        "the last window: the estimate sees a change of features, never one of concept.",
    )
    loss = [line("loss", "came true", "accent"), line("estimated_loss", "estimate", "second", dashed=True)]
    if "brier" in promise:
        loss.insert(0, Series("promised", [(places[0], promise["brier"]), (0.0, promise["brier"])], tone="refused"))
    parts = [cost, figure(lines(loss, "windows, the last one is 0", "Brier score"), "The loss, promised and found.")]
    if watched.wealth:
        days = [(float(index + 1), value) for index, value in enumerate(watched.wealth)]
        wanted = -math.log(watched.error_rate)
        bound = Series("shown", [(1.0, wanted), (float(len(days)), wanted)], tone="refused", dashed=True)
        chart = lines([Series("evidence", days), bound], "days with labels", "log wealth")
        parts.append(figure(chart, "The bet that this release is dearer than the rules; at the line it is shown."))
    found = {finding.check: finding for finding in watched.findings if finding.check.startswith(("concept/", "kpi/"))}
    bounded = [
        Bar(check, finding.effect / finding.threshold, _scaled(finding), _tone(finding))
        for check, finding in found.items()
        if finding.effect is not None and finding.threshold
    ]
    if bounded:
        parts.append(figure(bars(bounded, "effect as a share of its bound"), "Each check of outcomes; 1 is its bound."))
    note = "Outcomes decide about retraining. A window of the right side waits for its labels."
    return Section("What came true", columns(*parts), note)


def _scaled(finding: Finding) -> tuple[float, float] | None:
    if finding.interval is None or not finding.threshold:
        return None
    return finding.interval[0] / finding.threshold, finding.interval[1] / finding.threshold


def _tone(finding: Finding) -> str:
    return {Outcome.REFUSED: "refused", Outcome.INCONCLUSIVE: "second"}.get(finding.outcome, "accent")


def _moved(watched: Watched) -> Section:
    """The features that moved most: how far over time, and how they look now."""
    family = watched.families["feature"]
    effects, bound = family.effects[-1], family.threshold.effects
    ranked = sorted(range(len(family.checks)), key=lambda index: -effects[index] / bound[index])
    count = len(family.effects)
    places = [float(index - count + 1) for index in range(count)]
    series = [
        Series(rank, list(zip(places, family.effects[:, index] / bound[index])), tone=tone, dots=True)
        for index, rank, tone in zip(ranked, ("first", "second", "third"), ("accent", "second", "third"))
    ]
    series.append(Series("", [(places[0], 1.0), (0.0, 1.0)], tone="refused", dashed=True))
    over_time = figure(
        lines(series, "windows, the last one is 0", "effect as a share of its bound"),
        f"What moved most, and the bound at 1: {', '.join(family.checks[index] for index in ranked[:3])}.",
    )
    body = columns(over_time, *(_shape(watched, family, index) for index in ranked[:DRAWN]))
    note = "Jensen-Shannon distance from the reference: 0 is the same, 1 is entirely different."
    return Section("What moved", body, note)


def _shape(watched: Watched, family: Family, index: int) -> str:
    measure = family.measure
    if not isinstance(measure, Shapes) or watched.bins is None:
        return ""
    now = np.tensordot(family.frame.windows()[-1], measure.production[:, index], axes=1)
    reference = measure.history[:, index].sum(axis=0)
    used = len(watched.bins.edges[index])
    edges = [float(edge) for edge in range(used + 1)]
    chart = histogram(
        edges, (("now", now[:used].tolist()), ("reference", reference[:used].tolist())), "bins, from low to high"
    )
    effect, bound = float(family.effects[-1, index]), float(family.threshold.effects[index])
    caption = f"{family.checks[index]}: distance {number(effect)}, bound {number(bound)}"
    return figure(chart, caption)


def _joint(watched: Watched) -> Section:
    found = watched.joint
    if found is None:
        return Section("All features together", "<p>Too few rows for the joint test.</p>")
    top = max(*found.clean, *found.distances) * 1.05 or 1.0
    edges = np.linspace(0, top, 21)
    counts = np.histogram(found.clean, edges)[0].tolist()
    marks = [Mark(found.distances[-1], "now")]
    chart = histogram(edges.tolist(), (("clean windows", counts),), "distance", "share of windows", marks)
    caption = (
        "How well a classifier tells a window from the reference: clean windows of the history, and the last ones."
    )
    return Section(
        "All features together",
        columns(figure(chart, caption), _joint_words(found)),
        "Alibi Detect's classifier two-sample test.",
    )


def _joint_words(found: Joint) -> str:
    """The distances as a table: the last windows, and the clean ones at their edges."""
    rows = [(f"window {index - len(found.distances) + 1}", number(one)) for index, one in enumerate(found.distances)]
    rows += [("clean, lowest", number(min(found.clean))), ("clean, highest: the bound", number(max(found.clean)))]
    return table(("", "distance"), rows, numeric={1})


def _chance(watched: Watched, plan: Plan) -> Section:
    rows = []
    for family in watched.families.values():
        test, budget = family.test, family.threshold.rate
        word = "trusted" if test.trusted else "not trusted: raises no alarm"
        rows.append(
            (
                pill("passed" if test.trusted else "inconclusive"),
                name(family.name),
                word,
                number(plan.alarms_a_month(budget)),
                number(plan.alarms_a_month(test.rate)),
                interval_text((plan.alarms_a_month(test.interval[0]), plan.alarms_a_month(test.interval[1]))),
                f"{test.stretches}",
                f"{family.clean.shape[0]:,}",
            )
        )
    headers = ("", "family", "", "budget a month", "found a month", "interval", "separate stretches", "stretches drawn")
    note = "Clean against clean: thresholds of every other block of the history, tried on the blocks between."
    return Section("What chance does", table(headers, rows, numeric={3, 4, 5, 6, 7}), note)


def _power(watched: Watched) -> Section:
    """What could be seen at this budget."""
    parts: list[str] = []
    drawn = ""
    power = Power.of(watched.families["feature"], watched.bins) if watched.bins else None
    if power is not None and power.names:
        order = np.argsort(power.smallest)
        middle = int(order[len(order) // 2])
        chosen = {int(order[0]): "accent", middle: "third", int(order[-1]): "second"}
        series = [
            Series(rank, list(zip(power.shifts, power.seen[index].tolist())), tone=tone, dots=True)
            for rank, (index, tone) in zip(("best", "middle", "worst"), chosen.items())
        ]
        chart = lines(series, "shift in standard deviations", "chance of an alarm", y_range=(0, 1.02))
        shown = ", ".join(power.names[index] for index in chosen)
        drawn = figure(chart, f"Where a shift is seen best, in the middle, and worst: {shown}.")
        rows = [(name(power.names[index]), number(float(power.smallest[index]))) for index in order]
        parts.append(folded("Every feature", table(("feature", "smallest shift seen with 80 %"), rows, numeric={1})))
    rows = []
    for family in watched.families.values():
        if family.name != "feature":
            for check, seen in zip(family.checks, family.smallest_seen()):
                rows.append((name(f"{family.name}/{check}"), number(float(seen))))
    others = table(("check", "smallest change seen with 80 %, in its own unit"), rows, numeric={1})
    parts.insert(0, columns(drawn, others) if drawn else others)
    return Section("What would be seen", "".join(parts), "At this budget, in as many windows as an alarm needs.")


def _everything(verdict: Verdict) -> Section:
    groups: dict[str, list[Finding]] = {}
    for finding in verdict.findings:
        groups.setdefault(finding.check.split("/", 1)[0], []).append(finding)
    body = "".join(folded(escape(f"{kind}: {len(found)}"), findings_table(found)) for kind, found in groups.items())
    return Section("Every check", body, "With its effect, its bound and where the bound comes from.")
