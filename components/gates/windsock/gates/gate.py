"""The three layers, in order: schema, business rules with their quarantine, statistics over the rows that stay."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from windsock.contracts.clock import format_time
from windsock.contracts.use_case import Table
from windsock.contracts.verdict import Finding, Outcome
from windsock.gates import statistics, structure
from windsock.gates.duck import RuleError, Tables
from windsock.gates.policy import NUMBER, TIME, WHOLE_NUMBER, Policy
from windsock.gates.rules import Severity
from windsock.gates.statistics import Compared, Day
from windsock.gates.tfdv import TableSchema, anomalies, distances, profile
from windsock.gates.windows import Span, Window, windows

SAMPLES, DRAWN, BINS, VALUES = 8, 4, 30, 8


@dataclass(frozen=True)
class Shape:
    """A column's distribution in one window and in its reference, to be drawn.

    Numbers have `edges` and counts by bin; other values have `values`, each with its two shares.
    """

    column: str
    window: Window
    edges: Sequence[float] = ()
    counts: Sequence[Sequence[int]] = ()
    values: Sequence[tuple[str, Sequence[float]]] = ()


@dataclass
class Judged:
    """What was found out about one table, for the verdict and for the report.

    `quarantined` maps a row's number to the rules it broke; `samples` holds some of each rule's rows, as text.
    """

    rows: int = 0
    findings: list[Finding] = field(default_factory=list)
    quarantined: dict[int, tuple[str, ...]] = field(default_factory=dict)
    samples: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    span: Span | None = None
    days: Mapping[date, Day] = field(default_factory=dict)
    compared: list[Compared] = field(default_factory=list)
    shapes: list[Shape] = field(default_factory=list)


@dataclass(frozen=True)
class Gate:
    """Judges the tables of one snapshot by one policy, as of one time."""

    policy: Policy
    schema: Mapping[str, TableSchema]
    definitions: Mapping[str, Table]
    as_of: datetime

    def judge(self, tables: Tables) -> dict[str, Judged]:
        """Judges every table; what the rules quarantine is set aside in `tables` before the statistics are taken."""
        judged = {name: Judged(rows=tables.count(name)) for name in self.definitions}
        for name, table in judged.items():
            self._judge_schema(tables, name, table)
        for name, table in judged.items():
            self._judge_rules(tables, name, table)
        for name, table in judged.items():
            self._set_aside(tables, name, table)
            self._judge_statistics(tables, name, table)
        return judged

    def _judge_schema(self, tables: Tables, name: str, judged: Judged) -> None:
        schema, definition, owner = self.schema[name], self.definitions[name], self.policy.owner
        kinds = tables.kinds(name)
        found = profile(tables.arrow(name))
        problems = {anomaly.column: anomaly.message for anomaly in anomalies(found, schema)}
        profiled = structure.Profiled(judged.rows, found.rows, kinds, found.distinct, problems)
        expected = structure.Expected(schema.kinds, schema.least_rows, schema.constant)
        judged.findings += structure.judge_schema(name, expected, profiled, owner)
        if not {*definition.key, definition.created_time} <= kinds.keys():
            return
        missing, shared = tables.broken_keys(name)
        judged.findings.append(structure.judge_keys(name, judged.rows, missing, shared, definition.key, owner))
        created, as_of = definition.created_time, format_time(self.as_of)
        untimely = tables.untimely(name, self.as_of) if kinds[created] == TIME else judged.rows
        judged.findings.append(structure.judge_times(name, judged.rows, untimely, created, as_of, owner))

    def _judge_rules(self, tables: Tables, name: str, judged: Judged) -> None:
        broken: dict[int, list[str]] = {}
        begins = self.policy.gates.tables[name].starts_on
        whole_from = date.fromisoformat(begins) if begins else None
        for rule in self.policy.rules:
            if rule.header.table != name:
                continue
            try:
                found = tables.offenders(name, rule.query, whole_from)
            except RuleError as error:
                judged.findings.append(structure.broken_rule(rule, str(error)))
                continue
            judged.findings.append(
                structure.judge_rule(rule, judged.rows, len(found.rows), found.worst_day, found.worst_day_share)
            )
            judged.samples[rule.name] = list(tables.samples(name, found.rows[:SAMPLES]))
            if rule.severity is Severity.QUARANTINE:
                for row in found.rows:
                    broken.setdefault(row, []).append(rule.name)
        judged.quarantined = {row: tuple(names) for row, names in sorted(broken.items())}

    def _set_aside(self, tables: Tables, name: str, judged: Judged) -> None:
        """Statistics leave out the odd rows that kept rules quarantine; those of a broken rule would be missed."""
        bound = self.policy.gates.tables[name].max_quarantined_share
        finding = structure.judge_quarantine(name, judged.rows, len(judged.quarantined), bound, self.policy.owner)
        judged.findings.append(finding)
        kept = {rule.check.removeprefix("rule/") for rule in judged.findings if rule.outcome is Outcome.PASSED}
        tables.set_aside(name, [row for row, rules in judged.quarantined.items() if not kept.isdisjoint(rules)])

    def _judge_statistics(self, tables: Tables, name: str, judged: Judged) -> None:
        gates, settings, owner = self.policy.gates, self.policy.gates.tables[name], self.policy.owner
        event = self.definitions[name].event_time
        if tables.kinds(name).get(event) != TIME:
            message = f"no statistics without {event} as a time"
            judged.findings.append(Finding(f"history/{name}", Outcome.REFUSED, message, owner=owner))
            return
        span, first = tables.span(name, settings.starts_on, settings.complete_after_hours, self.as_of)
        judged.span, judged.days = span, tables.days(name, settings.daily_means)
        new = Span(span.first + timedelta(days=self.policy.leading_days), span.last)
        found = windows(span, gates)
        judged.compared = self._compare(tables, name, judged)
        judged.findings += [
            statistics.judge_history(name, span, settings.starts_on, first, owner),
            statistics.judge_windows(name, span, found, gates, owner),
            *statistics.judge_distributions(name, settings.distributions, judged.compared, owner),
            *statistics.judge_volume(name, (span, new), judged.days, gates, owner),
            *statistics.judge_nulls(name, list(self.schema[name].kinds), (span, new), found, judged.days, gates, owner),
            *statistics.judge_means(name, (span, new), judged.days, gates, owner),
        ]
        judged.shapes = self._shapes(tables, name, judged)

    def _compare(self, tables: Tables, name: str, judged: Judged) -> list[Compared]:
        measures = {
            column: comparison.measure for column, comparison in self.policy.gates.tables[name].distributions.items()
        }
        compared = []
        for window in windows(judged.span, self.policy.gates) if judged.span and measures else ():
            current, reference = (
                profile(tables.arrow_of(name, measures, part)) for part in (window.judged, window.reference)
            )
            compared.append(Compared(window, current.rows, distances(current, reference, measures)))
        return compared

    def _shapes(self, tables: Tables, name: str, judged: Judged) -> list[Shape]:
        """The distributions nearest to their limit, or furthest beyond it, in the window where they are so."""
        comparisons = self.policy.gates.tables[name].distributions
        worst = {}
        for column, comparison in comparisons.items():
            measured = [(item.distances[column], item.window) for item in judged.compared if column in item.distances]
            if measured:
                distance, window = max(measured, key=lambda pair: pair[0])
                worst[column] = (distance / max(comparison.limit, 1e-9), window)
        ranked = sorted(worst, key=lambda column: -worst[column][0])
        drawn = [column for rank, column in enumerate(ranked) if rank < DRAWN or worst[column][0] > 1]
        return [_shape(tables, name, column, worst[column][1]) for column in drawn]


def _shape(tables: Tables, name: str, column: str, window: Window) -> Shape:
    spans = (window.judged, window.reference)
    if tables.kinds(name).get(column) not in (NUMBER, WHOLE_NUMBER):
        return Shape(column, window, values=tables.value_shares(name, column, spans, VALUES))
    edges, counts = tables.bins(name, column, spans, BINS)
    return Shape(column, window, edges, counts)
