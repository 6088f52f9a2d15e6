"""Judges what rows look like one by one: reviewed schema, keys, times, business rules, quarantine."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from windsock.contracts.bound import Bound
from windsock.contracts.verdict import Finding, Outcome
from windsock.gates.policy import TEXT, TIME
from windsock.gates.rules import Rule, Severity

SCHEMA_ORIGIN = "the reviewed schema.pbtxt"
ALWAYS_ORIGIN = "holds for every table"


@dataclass(frozen=True)
class Profiled:
    """What TFDV says of a table: rows profiled, distinct values by column, anomalies by column ("" is the table)."""

    rows: int
    distinct: Mapping[str, int]
    anomalies: Mapping[str, str]


def passed_or_refused(good: bool) -> Outcome:
    """Passed when good, else refused."""
    return Outcome.PASSED if good else Outcome.REFUSED


def judge_schema(
    table: str,
    kinds: Mapping[str, str],
    times: Collection[str],
    rows: int,
    profiled: Profiled,
    constant: Collection[str],
    owner: str,
) -> list[Finding]:
    """One finding for the table, and one for each column that the schema or the data has.

    Args:
        table: the table's name.
        kinds: the kind of each column in the reviewed schema.
        times: the columns that the data holds as times.
        rows: how many rows were given to be profiled.
        profiled: what TFDV says of them.
        constant: columns that may hold a single value, since the schema allows no other.
        owner: who answers for the schema.
    """
    lost = "" if rows == profiled.rows else f"{rows} rows, but {profiled.rows} were profiled"
    problem = "; ".join(filter(None, [profiled.anomalies.get("", ""), lost]))
    findings = [
        Finding(
            f"schema/{table}",
            passed_or_refused(not problem),
            problem or f"{rows:,} rows, {len(kinds)} columns in the reviewed schema",
            sample_size=rows,
            threshold_origin=SCHEMA_ORIGIN,
            owner=owner,
        )
    ]
    for column in sorted({*kinds, *profiled.distinct, *times, *filter(None, profiled.anomalies)}):
        problems = _column_problems(column, kinds, times, profiled, column in constant)
        findings.append(
            Finding(
                f"schema/{table}/{column}",
                passed_or_refused(not problems),
                "; ".join(problems) or f"as reviewed ({kinds.get(column)})",
                sample_size=rows,
                threshold_origin=SCHEMA_ORIGIN,
                owner=owner,
            )
        )
    return findings


def _column_problems(
    column: str, kinds: Mapping[str, str], times: Collection[str], profiled: Profiled, constant: bool
) -> list[str]:
    problems = []
    if column in profiled.anomalies:
        problems.append(profiled.anomalies[column])
    if column in kinds and column in profiled.distinct and (kinds[column] == TIME) != (column in times):
        problems.append(
            "a time in the schema, none in the data" if kinds[column] == TIME else "a time in the data only"
        )
    if profiled.distinct.get(column) == 1 and profiled.rows > 1 and not constant:
        problems.append("every row holds the same value")
    if column in kinds and profiled.rows and kinds[column] == TEXT and profiled.distinct.get(column) == 0:
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
