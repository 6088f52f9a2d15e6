"""Judges what rows look like together: distributions, volume, missing values and means, against a rolling reference."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from statistics import fmean, median

from windsock.contracts.bound import Bound
from windsock.contracts.gate_settings import Comparison, Gates, TableGates
from windsock.contracts.verdict import Finding, Outcome
from windsock.gates.structure import passed_or_refused
from windsock.gates.windows import Span, Window, around

FEWEST_DAYS = 7
USUAL_SHARE = 0.9


@dataclass(frozen=True)
class Day:
    """What one table holds of one local day: rows, the hours with a row, shares of missing values, means of numbers."""

    rows: int = 0
    hours: frozenset[int] = frozenset()
    nulls: Mapping[str, float] = field(default_factory=dict)
    means: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Compared:
    """The distances measured in one window; a column that could not be measured is not in it."""

    window: Window
    rows: int
    distances: Mapping[str, float]


@dataclass(frozen=True)
class Effect:
    """One measured value, where it was seen, on how many rows, and what it is in words."""

    value: float
    rows: int
    words: str


def _finding(check: str, effect: Effect | None, bound: Bound, owner: str, *, low: bool = False) -> Finding:
    """A finding on the worst effect; with none there is nothing to go by, which is inconclusive."""
    owner = bound.owner or owner
    if effect is None:
        message = "nothing to judge: the column is missing or empty, or history is too short"
        return Finding(
            check, Outcome.INCONCLUSIVE, message, threshold=bound.limit, threshold_origin=bound.origin, owner=owner
        )
    good = effect.value >= bound.limit if low else effect.value <= bound.limit
    return Finding(
        check, passed_or_refused(good), effect.words, effect.value, effect.rows, None, bound.limit, bound.origin, owner
    )


def judge_windows(table: str, span: Span, found: Sequence[Window], gates: Gates, owner: str) -> Finding:
    """Says which days were judged against which, and that there was enough history to do so."""
    if not found:
        message = f"{span.days} days are too few to hold {gates.min_reference_days} against {gates.min_reference_days}"
    else:
        size, newest, oldest = found[0].judged.days, found[0], found[-1]
        message = f"{len(found)} windows of {size} days, {oldest.judged.first} to {newest.judged.last}, each against "
        message += (
            f"up to {gates.reference_days} days before it; days before {oldest.judged.first} serve as reference only"
        )
        if size < gates.window_days:
            message += f"; shortened from {gates.window_days} days, since history holds {span.days}"
    return Finding(
        f"windows/{table}",
        Outcome.PASSED if found else Outcome.INCONCLUSIVE,
        message,
        sample_size=max(span.days, 0),
        threshold_origin="gates.min_reference_days",
        owner=owner,
    )


def judge_distributions(
    table: str, comparisons: Mapping[str, Comparison], compared: Sequence[Compared], owner: str
) -> list[Finding]:
    """The window of each column that lies furthest from its reference; what was not measured is inconclusive."""
    findings = []
    for column, comparison in comparisons.items():
        check = f"distribution/{table}/{column}"
        unmeasured = [item.window.judged for item in compared if column not in item.distances]
        effects = [_distance(item, column, comparison) for item in compared if column in item.distances]
        worst = max(effects, key=lambda effect: effect.value, default=None)
        finding = _finding(check, worst, comparison, owner)
        if unmeasured and finding.outcome is not Outcome.REFUSED:
            message = f"{comparison.measure} could not be measured in {unmeasured[0]}: no values"
            finding = Finding(
                check,
                Outcome.INCONCLUSIVE,
                message,
                threshold=comparison.limit,
                threshold_origin=comparison.origin,
                owner=finding.owner,
            )
        findings.append(finding)
    return findings


def _distance(item: Compared, column: str, comparison: Comparison) -> Effect:
    value = item.distances[column]
    measure = {"jensen_shannon": "Jensen-Shannon", "l_infinity": "L-infinity"}[comparison.measure]
    words = f"{measure} {value:.3f} in {item.window.judged}, held against {item.window.reference}"
    return Effect(value, item.rows, words)


def judge_history(table: str, span: Span, starts_on: str, first: date | None, owner: str) -> Finding:
    """History must reach back as far as the settings say it does; newer rows alone would hide what was lost."""
    good = first is not None and span.days > 0 and (not starts_on or first <= date.fromisoformat(starts_on))
    begins = first.isoformat() if first else "nowhere"
    message = f"history begins {begins}" + (f", it has to begin {starts_on}" if starts_on and not good else "")
    if span.days < 1:
        message += "; no day is complete yet"
    return Finding(
        f"history/{table}",
        passed_or_refused(good),
        message,
        sample_size=max(span.days, 0),
        threshold_origin="starts_on",
        owner=owner,
    )


def judge_volume(
    table: str, spans: tuple[Span, Span], days: Mapping[date, Day], gates: Gates, owner: str
) -> list[Finding]:
    """Rows of each day over those of the same weekday around it, and hours that stay empty.

    `spans` are all days, and those of them that are judged.
    """
    span, judged = spans
    settings = gates.tables[table]
    volume = settings.volume
    ratios = volume_ratios(span, days, gates.around_days)
    effects = [
        Effect(ratio, rows, f"{rows:,} rows on {day:%a} {day}, {ratio:.2f} of the {expected:,.0f} expected")
        for day, (rows, expected, ratio) in ratios.items()
        if day >= judged.first
    ]
    least = min(effects, key=lambda effect: effect.value, default=None)
    most = max(effects, key=lambda effect: effect.value, default=None)
    return [
        _finding(f"volume/{table}/low", least, volume.low, owner, low=True),
        _finding(f"volume/{table}/high", most, volume.high, owner),
        _finding(f"volume/{table}/hours", _missing_hours(spans, days), volume.missing_hours, owner),
    ]


def volume_ratios(span: Span, days: Mapping[date, Day], reach: int) -> dict[date, tuple[int, float, float]]:
    """For each day: its rows, those expected, and their ratio. Expected is the median of the same weekday around it."""
    all_days = list(span)
    rows = [days.get(day, Day()).rows for day in all_days]
    ratios = {}
    for index, day in enumerate(all_days):
        same = around(rows[index % 7 :: 7], index // 7, reach // 7)
        if len(same) > 1:
            expected = float(median(same))
            ratios[day] = (rows[index], expected, rows[index] / expected if expected else float(rows[index] > 0))
    return ratios


def _missing_hours(spans: tuple[Span, Span], days: Mapping[date, Day]) -> Effect | None:
    """The day with the most hours without a row, of those hours that have one on nearly every day."""
    span, judged = spans
    present = [days[day].hours for day in span if day in days]
    if len(present) < FEWEST_DAYS:
        return None
    usual = {hour for hour in range(24) if sum(hour in hours for hours in present) >= USUAL_SHARE * len(present)}
    worst = max(judged, key=lambda day: len(usual - days.get(day, Day()).hours))
    missing = sorted(usual - days.get(worst, Day()).hours)
    words = f"on {worst} {len(missing)} of {len(usual)} usual hours have no row"
    return Effect(len(missing), days.get(worst, Day()).rows, words)


def judge_nulls(
    table: str,
    columns: Sequence[str],
    spans: tuple[Span, Span],
    found: Sequence[Window],
    days: Mapping[date, Day],
    gates: Gates,
    owner: str,
) -> list[Finding]:
    """Missing values of each column: of single days against those around, of windows against their reference."""
    span, judged = spans
    nulls = gates.tables[table].nulls
    findings = []
    for column in columns:
        bounds = nulls.columns.get(column, nulls)
        series = {day: days[day].nulls[column] for day in span if day in days and column in days[day].nulls}
        worst = _furthest(series, days, gates.around_days, judged)
        findings.append(_finding(f"nulls/{table}/{column}/day", worst, bounds.day, owner))
        moved = [_null_shift(window, column, days) for window in found]
        worst = max((effect for effect in moved if effect), key=lambda effect: effect.value, default=None)
        findings.append(_finding(f"nulls/{table}/{column}/window", worst, bounds.window, owner))
    return findings


def _furthest(series: Mapping[date, float], days: Mapping[date, Day], reach: int, judged: Span) -> Effect | None:
    """The judged day whose share of missing values lies furthest outside the range of the shares around it."""
    dates, values, worst = list(series), list(series.values()), None
    for index, (day, value) in enumerate(zip(dates, values, strict=True)):
        near = around(values, index, reach)
        if len(near) < FEWEST_DAYS or day < judged.first:
            continue
        outside = max(value - max(near), min(near) - value, 0.0)
        if worst is None or outside > worst.value:
            words = f"{value:.1%} missing on {day}, {min(near):.1%} to {max(near):.1%} on the days around it"
            worst = Effect(outside, days[day].rows, words)
    return worst


def _null_shift(window: Window, column: str, days: Mapping[date, Day]) -> Effect | None:
    judged, rows = _null_share(window.judged, column, days)
    reference, _ = _null_share(window.reference, column, days)
    if judged is None or reference is None:
        return None
    words = f"{judged:.1%} missing in {window.judged}, {reference:.1%} in {window.reference}"
    return Effect(abs(judged - reference), rows, words)


def _null_share(span: Span, column: str, days: Mapping[date, Day]) -> tuple[float | None, int]:
    held = [days[day] for day in span if day in days and column in days[day].nulls]
    rows = sum(day.rows for day in held)
    return (sum(day.rows * day.nulls[column] for day in held) / rows if rows else None), rows


def judge_means(
    table: str, spans: tuple[Span, Span], days: Mapping[date, Day], gates: Gates, owner: str
) -> list[Finding]:
    """The mean of each day against the range of the means around it, in widths of that range."""
    span, judged = spans
    settings: TableGates = gates.tables[table]
    findings = []
    for column, bound in settings.daily_means.items():
        series = [(day, days[day].means.get(column)) for day in span if day in days]
        known = [(day, value) for day, value in series if value is not None]
        effect = _outlying_mean(known, days, gates.around_days, judged)
        findings.append(_finding(f"mean/{table}/{column}", effect, bound, owner))
    return findings


def _outlying_mean(
    series: Sequence[tuple[date, float]], days: Mapping[date, Day], reach: int, judged: Span
) -> Effect | None:
    values, worst = [value for _, value in series], None
    for index, (day, value) in enumerate(series):
        near = around(values, index, reach)
        if len(near) < FEWEST_DAYS or day < judged.first:
            continue
        low, high = min(near), max(near)
        # Days around that all have one mean would make any step infinitely wide; JSON and people need a number.
        width = max(high - low, 1e-6 * max(abs(fmean(near)), 1.0))
        outside = max(value - high, low - value, 0.0) / width
        if worst is None or outside > worst.value:
            words = f"mean {value:,.4g} on {day}, {low:,.4g} to {high:,.4g} on the days around it"
            worst = Effect(outside, days[day].rows, words)
    return worst
