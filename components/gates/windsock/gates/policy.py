"""What the gates hold data against: settings, reviewed schema and rules, checked against each other when loaded."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

from windsock.contracts.errors import InputError
from windsock.contracts.gate_settings import Gates, TableGates
from windsock.contracts.use_case import UseCase
from windsock.gates.rules import Rule

TEXT, WHOLE_NUMBER, NUMBER, TIME, TRUTH = "text", "whole number", "number", "time", "truth"
EVENT_HOUR = "event_hour"


@dataclass(frozen=True)
class Policy:
    """All that one use case asks of its data. `kinds` maps each table's columns to their kind in the schema.

    The first `leading_days` of the history are there for others to be held against, and are not judged themselves.
    """

    owner: str
    gates: Gates
    kinds: Mapping[str, Mapping[str, str]]
    rules: tuple[Rule, ...]
    leading_days: int = 0

    def for_recent(self, since: date) -> "Policy":
        """The policy for data that begin `since`, since what came before was judged day by day.

        A day is judged by as many days before it, and a window by as much reference, as ever: what has less of either
        was judged when it was new.
        """
        begins = str(since + timedelta(days=1))  # The first day may be part of a day only, in another time zone.
        tables = {name: replace(table, starts_on=begins) for name, table in self.gates.tables.items()}
        gates = replace(self.gates, tables=tables, min_reference_days=self.gates.reference_days)
        return replace(self, gates=gates, leading_days=gates.around_days)


def make_policy(use_case: UseCase, kinds: Mapping[str, Mapping[str, str]], rules: tuple[Rule, ...]) -> Policy:
    """Puts the parts together.

    Raises:
        InputError: a table has no schema, a check names a column or table that is not there, or asks for a distance
            that the column's kind does not have: the infinity norm of numbers would silently be zero.
    """
    for table in use_case.tables.keys() ^ kinds.keys():
        raise InputError(f"schema: {table}", sorted(kinds), f"the tables of the use case, {sorted(use_case.tables)}")
    for rule in rules:
        if rule.header.table not in use_case.tables:
            raise InputError(f"rule {rule.name}: table", rule.header.table, "a table of the use case")
    for table, gates in use_case.gates.tables.items():
        _check_columns(f"gates.tables.{table}", gates, kinds[table])
    return Policy(use_case.owner, use_case.gates, kinds, rules)


def _check_columns(where: str, gates: TableGates, kinds: Mapping[str, str]) -> None:
    known = {**kinds, EVENT_HOUR: TEXT}
    if EVENT_HOUR in kinds:
        raise InputError(f"{where}: column", EVENT_HOUR, "another name; this one is made from the event time")
    for column, comparison in gates.distributions.items():
        name = f"{where}.distributions.{column}"
        if column not in known:
            raise InputError(name, column, f"a column of the schema, or {EVENT_HOUR}")
        if known[column] == TIME:
            raise InputError(name, column, f"a column that is no time; {EVENT_HOUR} is the hour of the event")
        if comparison.measure == "l_infinity" and known[column] != TEXT:
            raise InputError(f"{name}.measure", "l_infinity", "jensen_shannon; TFDV has no infinity norm of numbers")
    for column in gates.daily_means:
        if kinds.get(column) not in (NUMBER, WHOLE_NUMBER):
            raise InputError(f"{where}.daily_means.{column}", column, "a column of numbers")
    for column in gates.nulls.columns:
        if column not in kinds:
            raise InputError(f"{where}.nulls.columns.{column}", column, "a column of the schema")
