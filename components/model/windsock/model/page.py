"""The report of `evaluate_model`: verdict and reasons first, then what they rest on."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
from windsock.contracts.chart import Bar, Mark, Series, bars, histogram, lines
from windsock.contracts.clock import format_time
from windsock.contracts.report import (
    Section,
    columns,
    escape,
    figure,
    findings_table,
    folded,
    interval_text,
    number,
    page,
    table,
)
from windsock.contracts.verdict import Outcome, Verdict
from windsock.model import measure
from windsock.model.checks import Trial
from windsock.model.measure import THOUSAND
from windsock.model.slices import Slice

LEADS = {
    Outcome.PASSED: "The candidate may be released: every check passed on time that it never saw.",
    Outcome.REFUSED: "The candidate is refused: it must not be released.",
    Outcome.INCONCLUSIVE: "The held-out time does not settle it, and what is not settled is not released.",
}
THRESHOLDS = [round(step / 100, 2) for step in range(101)]
SHOWN_IMPORTANCES = 15


def render(
    verdict: Verdict,
    trial: Trial,
    found: Sequence[Slice],
    importances: Sequence[tuple[str, float]],
    facts: Mapping[str, Any],
    as_of: datetime,
) -> str:
    """The whole page."""
    against = list(verdict.reasons)
    sections = []
    if against:
        sections.append(Section(f"Why: {len(against)} of {len(verdict.findings)} checks", findings_table(against)))
    sections += [_costs(trial), _quality(trial)]
    if found:
        sections.append(_slices(found, trial))
    sections.append(_importances(importances))
    passed = [finding for finding in verdict.findings if finding.outcome is Outcome.PASSED]
    sections.append(Section("Checks that passed", folded(f"{len(passed)} checks", findings_table(passed))))
    return page(
        title=f"Model gate: {trial.use_case.name}",
        outcome=verdict.outcome.value,
        lead=LEADS[verdict.outcome],
        facts=_facts(trial, facts, as_of),
        sections=sections,
        footer=f"{trial.use_case.question} Costs are those of [costs] in use_case.toml; intervals are at "
        f"{trial.use_case.evaluation.confidence:.0%}, from whole days resampled "
        f"{trial.use_case.evaluation.bootstrap_samples:,} times.",
    )


def _facts(trial: Trial, facts: Mapping[str, Any], as_of: datetime) -> list[tuple[str, str]]:
    windows = facts["windows"]
    return [
        ("as of", format_time(as_of)[:10]),
        ("learned from", f"{facts['rows']['training']:,} rows"),
        ("calibrated on", f"{facts['rows']['calibration']:,} rows"),
        ("judged on", f"{len(trial.label):,} rows, {trial.days.present()} days"),
        ("held-out time", f"{windows['evaluation_from'][:10]} to {windows['end'][:10]}"),
        ("event came in", f"{trial.label.mean():.1%}"),
        ("model acts on", f"{trial.candidate.acted.mean():.1%}"),
    ]


def _costs(trial: Trial) -> Section:
    """Cost per 1,000 of everybody, the paired differences, and the cost of every threshold."""
    tones = ["accent", "second", *["muted"] * len(trial.others)]
    everybody = [trial.candidate, *trial.others]
    items = []
    for tone, one in zip(tones, everybody):
        estimate = trial.days.mean(trial.costs(one), THOUSAND)
        items.append(Bar(one.name, estimate.value, (estimate.low, estimate.high), tone))
    rows = []
    for other in trial.others:
        difference = trial.cost_difference(other)
        theirs = float(trial.costs(other).mean()) * THOUSAND
        share = f"{difference.value / theirs:+.1%}" if theirs else number(None)
        shown = interval_text((difference.low, difference.high))
        rows.append((escape(other.name), number(difference.value), shown, share))
    headers = ("the candidate against", f"{trial.unit}", "interval", "share")
    first = figure(bars(items, trial.unit), "Lower is better. Whiskers: how far the figure itself is known.")
    body = first + table(headers, rows, {1, 2, 3})
    note = (
        "Differences are paired: the same rows, decided by both. Their intervals are narrower than those of the bars, "
        "and they are what the gate looks at."
    )
    return Section(f"What it costs, {trial.unit}", body, note)


def _quality(trial: Trial) -> Section:
    charts = columns(_cost_curve(trial), _calibration(trial), _histogram(trial), _figures(trial))
    return Section("How good its probabilities are", charts)


def _figures(trial: Trial) -> str:
    """Ranking and error of everybody who gives a probability."""
    rows = [
        (
            escape(one.name),
            number(measure.auc(one.score, trial.label)),
            number(measure.brier(one.score, trial.label)),
            f"{one.score.mean():.1%}",
            f"{one.acted.mean():.1%}",
        )
        for one in (trial.candidate, *trial.others)
        if one.score.any()
    ]
    shown = table(("", "AUC", "Brier", "mean forecast", "acts on"), rows, {1, 2, 3, 4})
    return figure(shown, f"The event came in {trial.label.mean():.1%} of the held-out rows.")


def _cost_curve(trial: Trial) -> str:
    production = trial.others[0]
    series = [
        Series(one.name, measure.cost_curve(trial.use_case.costs, one.score, trial.label, THRESHOLDS), tone=tone)
        for one, tone in ((trial.candidate, "accent"), (production, "second"))
    ]
    mark = Mark(trial.candidate.threshold, f"acts from {trial.candidate.threshold:.2f}")
    chart = lines(series, "threshold", trial.unit, [mark], x_range=(0, 1))
    return figure(chart, "Cost of every threshold that could be chosen; the mark is the one that the cost table gives.")


def _calibration(trial: Trial) -> str:
    curve = measure.calibration_curve(trial.days, trial.candidate.score, trial.label)
    points = [(one.forecast, one.observed.value) for one in curve]
    intervals = [(one.observed.low, one.observed.high) for one in curve]
    top = min(1.0, max([high for _, high in intervals] + [x for x, _ in points]) * 1.08)
    ideal = Series("perfect", [(0, 0), (top, top)], tone="muted", dashed=True)
    ours = Series("the candidate", points, intervals, dots=True)
    chart = lines([ideal, ours], "forecast", "observed", x_range=(0, top), y_range=(0, top))
    counts = sorted(one.rows for one in curve)
    caption = f"Forecast against what came true, in {len(curve)} bins of {counts[0]:,} to {counts[-1]:,} rows."
    return figure(chart, caption)


def _histogram(trial: Trial) -> str:
    edges = np.linspace(0, 1, 41)
    counts = [
        (name, np.histogram(trial.candidate.score[mask], edges)[0].tolist())
        for name, mask in (("it did not come", trial.label == 0), ("the event came", trial.label == 1))
    ]
    mark = Mark(trial.candidate.threshold, f"acts from {trial.candidate.threshold:.2f}")
    return figure(histogram(edges.tolist(), counts, "forecast", marks=[mark]), "Forecasts, by what then came true.")


def _slices(found: Sequence[Slice], trial: Trial) -> Section:
    rows = [
        (
            f"<code>{escape(part.name)}</code>",
            f"{part.rows:,}",
            f"{part.observed:.1%}",
            f"{part.candidate_auc:.3f}",
            f"{part.production_auc:.3f}",
            number(part.cost_difference.value),
            interval_text((part.cost_difference.low, part.cost_difference.high)),
            number(part.calibration_gap.value),
        )
        for part in found
    ]
    headers = ("slice", "rows", "event", "AUC", "of production", f"{trial.unit}", "interval", "forecast - observed")
    note = (
        "Against production on the same rows. Intervals are wider here: they hold for all slices at once (Bonferroni). "
        "A slice refuses a harm that is shown; it does not ask for proof that there is none."
    )
    return Section("Nobody is sacrificed: slices", table(headers, rows, set(range(1, 8))), note)


def _importances(importances: Sequence[tuple[str, float]]) -> Section:
    items = [Bar(name, max(0.0, loss)) for name, loss in importances[:SHOWN_IMPORTANCES]]
    note = (
        "Ranking lost when a column is shuffled. Columns that say the same share their worth, so little is not nothing."
    )
    return Section("What it looks at", bars(items, "AUC lost"), note)
