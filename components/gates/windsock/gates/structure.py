"""Judges what rows look like one by one: reviewed schema, keys, times, business rules, quarantine."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from windsock.contracts.bound import Bound
from windsock.contracts.verdict import Finding, Outcome
from windsock.gates.rules import Rule, Severity

SCHEMA_ORIGIN = "the reviewed schema.pbtxt"
ALWAYS_ORIGIN = "holds for every table"


@dataclass(frozen=True)
class Expected:
    """The reviewed schema of one table: kinds by column, the least number of rows, columns that may hold one value."""

    kinds: Mapping[str, str]
    least_rows: int
    constant: Collection[str]


@dataclass(frozen=True)
class Profiled:
    """One table as it is: its rows and those that TFDV profiled, kinds and distinct values by column, and what TFDV
    found at odds with the schema, by column ("" is the table).
    """

    rows: int
    profiled_rows: int
    kinds: Mapping[str, str]
    distinct: Mapping[str, int]
    anomalies: Mapping[str, str]


def passed_or_refused(good: bool) -> Outcome:
    """Passed when good, else refused."""
    return Outcome.PASSED if good else Outcome.REFUSED


def judge_schema(table: str, expected: Expected, profiled: Profiled, owner: str) -> list[Finding]:
    """One finding for the table, and one for each column that the schema or the data has."""
    problems = [profiled.anomalies[""]] if "" in profiled.anomalies else []
    if profiled.rows < expected.least_rows:
        # TFDV says nothing at all about a table without a row.
        problems = [f"{profiled.rows:,} rows, the schema asks for {expected.least_rows:,} at least"]
    if profiled.rows != profiled.profiled_rows:
        problems.append(f"{profiled.rows:,} rows, of which {profiled.profiled_rows:,} were profiled")
    good = f"{profiled.rows:,} rows, {len(expected.kinds)} columns in the reviewed schema"
    findings = [_schema_finding(f"schema/{table}", problems, good, profiled.rows, owner)]
    for column in sorted({*expected.kinds, *profiled.kinds, *filter(None, profiled.anomalies)}):
        problems = _column_problems(column, expected, profiled)
        good = f"as reviewed ({expected.kinds.get(column)})"
        findings.append(_schema_finding(f"schema/{table}/{column}", problems, good, profiled.rows, owner))
    return findings


def _schema_finding(check: str, problems: Sequence[str], good: str, rows: int, owner: str) -> Finding:
    return Finding(
        check,
        passed_or_refused(not problems),
        "; ".join(problems) or good,
        sample_size=rows,
        threshold_origin=SCHEMA_ORIGIN,
        owner=owner,
    )


def _column_problems(column: str, expected: Expected, profiled: Profiled) -> list[str]:
    problems = [profiled.anomalies[column]] if column in profiled.anomalies else []
    if column not in expected.kinds or column not in profiled.kinds:
        missing = "the data lacks it" if column in expected.kinds else "the schema does not know it"
        return problems or [missing]
    if expected.kinds[column] != profiled.kinds[column]:
        problems.append(f"{expected.kinds[column]} in the schema, {profiled.kinds[column]} in the data")
    distinct = profiled.distinct.get(column, 0)
    if distinct == 1 and profiled.rows > 1 and column not in expected.constant:
        problems.append("every row holds the same value")
    if distinct == 0:
        problems.append("no row holds a value")
    return problems


def judge_keys(table: str, rows: int, missing: int, shared: int, key: Sequence[str], owner: str) -> Finding:
    """A row is one thing: its key is whole, and nobody else's."""
    broken = missing + shared
    names = ", ".join(key)
    message = f"{shared:,} rows share their key with another row, {missing:,} miss a part of it" if broken else "unique"
    return Finding(
        f"keys/{table}",
        passed_or_refused(not broken),
        f"{message} ({names})",
        broken,
        rows,
        None,
        0,
        ALWAYS_ORIGIN,
        owner,
    )


def judge_times(table: str, rows: int, untimely: int, created: str, as_of: str, owner: str) -> Finding:
    """Nothing may be known before it was."""
    message = f"{untimely:,} rows became known after {as_of}, or do not say when" if untimely else f"known by {as_of}"
    return Finding(
        f"known/{table}",
        passed_or_refused(not untimely),
        f"{message} ({created})",
        untimely,
        rows,
        None,
        0,
        ALWAYS_ORIGIN,
        owner,
    )


def judge_rule(rule: Rule, rows: int, count: int, worst_day: date | None, worst_day_share: float) -> Finding:
    """One rule over one table; the effect is the share of offending rows, or that of the worst day if that refuses."""
    header = rule.header
    share = count / rows if rows else 0.0
    per_day = worst_day_share > header.tolerance_a_day and share <= header.tolerance
    good = rule.severity is Severity.WARN or (share <= header.tolerance and not per_day)
    message = f"{header.message}: {count:,} of {rows:,} rows"
    if count and worst_day is not None:
        message += f", {worst_day_share:.2%} of those on {worst_day}"
    if count and rule.severity is Severity.QUARANTINE:
        message += "; quarantined"
    elif count and rule.severity is Severity.WARN:
        message = f"warning: {message}"
    return Finding(
        f"rule/{rule.name}",
        passed_or_refused(good),
        message,
        worst_day_share if per_day else share,
        rows,
        None,
        header.tolerance_a_day if per_day else header.tolerance,
        header.origin,
        header.owner,
    )


def broken_rule(rule: Rule, reason: str) -> Finding:
    """A rule that does not run on this data has not been kept."""
    return Finding(
        f"rule/{rule.name}",
        Outcome.REFUSED,
        f"{rule.header.message}: the rule does not run on this data ({reason})",
        threshold_origin=rule.header.origin,
        owner=rule.header.owner,
    )


def judge_quarantine(table: str, rows: int, quarantined: int, bound: Bound, owner: str) -> Finding:
    """A few rows may be set aside; many are a defect of the delivery."""
    share = quarantined / rows if rows else 0.0
    return Finding(
        f"quarantine/{table}",
        passed_or_refused(share <= bound.limit),
        f"{quarantined:,} of {rows:,} rows quarantined",
        share,
        rows,
        None,
        bound.limit,
        bound.origin,
        bound.owner or owner,
    )


def judge_accounting(table: str, rows: int, judged: int, quarantined: int, owner: str) -> Finding:
    """Rows in are rows judged and rows quarantined, counted in the files that were written."""
    return Finding(
        f"accounting/{table}",
        passed_or_refused(rows == judged + quarantined),
        f"{rows:,} rows in, {judged:,} judged and {quarantined:,} quarantined",
        abs(rows - judged - quarantined),
        rows,
        None,
        0,
        ALWAYS_ORIGIN,
        owner,
    )
