"""The only door to DuckDB: the snapshot's tables in memory, the rules on them, and what is measured day by day.

Rules are other people's SQL. They run on copies in memory, in a database that may touch no file and no network and
whose settings are locked; a rule is a subquery, so it can only read.
"""

import os
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
from windsock.contracts.clock import format_time
from windsock.contracts.errors import InputError
from windsock.contracts.threads import threads
from windsock.contracts.use_case import Table
from windsock.gates.policy import EVENT_HOUR, NUMBER, TEXT, TIME, TRUTH, WHOLE_NUMBER
from windsock.gates.statistics import Day
from windsock.gates.windows import Span

ROW, DAY, HOUR = "windsock_row", "windsock_day", "windsock_hour"
WHOLE = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "HUGEINT"}


class RuleError(Exception):
    """A rule could not run on this data, such as on a column that is missing."""


@dataclass(frozen=True)
class Offenders:
    """The rows that a rule complains of: how many, on which day most, and that day's share; `rows` are row numbers."""

    rows: tuple[int, ...]
    worst_day: date | None
    worst_day_share: float


def quoted(name: str) -> str:
    """A name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def check_queries(queries: Mapping[str, str]) -> None:
    """Lets only rules through that are one plain query each.

    Raises:
        InputError: the text is no SQL, more than one statement, or one that is more than a query.
    """
    with duckdb.connect() as connection:
        for rule, query in queries.items():
            try:
                statements = connection.extract_statements(query)
            except duckdb.Error as error:
                raise InputError(f"rule {rule}", query, f"one select ({_line(error)})") from error
            if len(statements) != 1 or statements[0].type.name != "SELECT":
                raise InputError(f"rule {rule}", query, "one select, which changes nothing")


def _line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]


def _connect(**config: str) -> duckdb.DuckDBPyConnection:
    """A database in memory whose times are in UTC."""
    number = threads(os.environ)
    connection = duckdb.connect(config={**config, **({"threads": str(number)} if number else {})})
    connection.execute("set timezone = 'UTC'")
    return connection


class Tables:
    """The tables of one snapshot in memory. Days and hours are those of `time_zone`; close it after use."""

    def __init__(self, snapshot: Path, tables: Mapping[str, Table], time_zone: str, as_of: datetime) -> None:
        self._snapshot = snapshot
        self._tables = tables
        self._zone = time_zone
        self._spill = tempfile.TemporaryDirectory(prefix="windsock-gates-")
        self._connection = _connect(temp_directory=self._spill.name)
        try:
            self._check_zone()
            for name in tables:
                self._load(name)
            self._connection.execute(f"set variable as_of = timestamptz {_text(format_time(as_of))}")
            self._connection.execute("set enable_external_access = false; set lock_configuration = true")
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Tables":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Frees the memory, and the disk where large tables spilled over."""
        self._connection.close()
        self._spill.cleanup()

    def _load(self, name: str) -> None:
        path = self._snapshot / f"{name}.parquet"
        if not path.is_file():
            raise InputError(f"snapshot table {name}", str(path), "a Parquet file")
        source = f"read_parquet({_text(str(path))}, file_row_number = true)"
        rows = quoted(name + " rows")
        try:
            columns = {row[0]: str(row[1]) for row in self._rows(f"describe select * from {source}")}
            local = "null::timestamp"
            event = self._tables[name].event_time
            if columns.get(event, "").startswith("TIMESTAMP"):
                local = f"timezone({_text(self._zone)}, {quoted(event)}::timestamptz)"
            self._connection.execute(
                f"create table {rows} as select * exclude (file_row_number), file_row_number as {ROW}, "
                f"{local}::date as {DAY}, extract(hour from {local})::int as {HOUR} from {source}"
            )
        except duckdb.Error as error:
            expected = f"a readable Parquet file ({_line(error)})"
            raise InputError(f"snapshot table {name}", str(path), expected) from error
        self._connection.execute(f"create view {quoted(name)} as select * exclude ({ROW}, {DAY}, {HOUR}) from {rows}")

    def _check_zone(self) -> None:
        try:
            self._rows(f"select timezone({_text(self._zone)}, timestamptz '2000-01-01')")
        except duckdb.Error as error:
            raise InputError("gates.time_zone", self._zone, "a time zone such as Europe/Berlin") from error

    def _rows(self, query: str, values: Collection[object] = ()) -> list[tuple[Any, ...]]:
        return self._connection.execute(query, list(values)).fetchall()

    def span(self, table: str, starts_on: str, complete_after_hours: int, as_of: datetime) -> tuple[Span, date | None]:
        """The local days to judge, and the first day with a row.

        They begin with `starts_on`, or else with the day after the first one, which may be part of a day only; they end
        with the last day that was over `complete_after_hours` hours before `as_of`.
        """
        over = self._rows(
            f"select timezone({_text(self._zone)}, ?::timestamptz - to_hours(?))::date - 1",
            [as_of, complete_after_hours],
        )[0][0]
        first = self._rows(f"select min({DAY}) from {quoted(table + ' rows')}")[0][0]
        if starts_on:
            return Span(date.fromisoformat(starts_on), over), first
        return Span((first or over) + timedelta(days=1), over), first

    def count(self, table: str) -> int:
        """How many rows a table has now, without those that were set aside."""
        return int(self._rows(f"select count(*) from {quoted(table)}")[0][0])

    def types(self, table: str) -> dict[str, str]:
        """The type of each column, as DuckDB names it."""
        return {row[0]: str(row[1]) for row in self._rows(f"describe {quoted(table)}")}

    def kinds(self, table: str) -> dict[str, str]:
        """The kind of each column as the schema speaks of it; of a type that it does not know, the type."""
        return {name: _kind(kind) for name, kind in self.types(table).items()}

    def offenders(self, table: str, query: str, whole_from: date | None = None) -> Offenders:
        """Runs a rule's query and finds the rows of `table` whose keys it returns.

        Days before `whole_from` are there in part only: a share of one of them says nothing.

        Raises:
            RuleError: the query does not run on this data.
        """
        keys = self._tables[table].key
        names = ", ".join(quoted(name) for name in keys)
        same = " and ".join(f"o.{quoted(name)} is not distinct from t.{quoted(name)}" for name in keys)
        rows = f"{quoted(table + ' rows')} t"
        try:
            created = f"create or replace temp table offenders as select distinct {names} from (\n{query}\n)"
            searched = f"select {ROW} from {rows} semi join offenders o on {same} order by 1"
            # As a rule nobody offends, and then there is nothing to look up.
            found = self._rows(searched) if self._rows(created)[0][0] else []
        except duckdb.Error as error:
            raise RuleError(_line(error)) from error
        numbers = tuple(row[0] for row in found)
        return Offenders(numbers, *self._worst_day(table, numbers, whole_from)) if numbers else Offenders((), None, 0.0)

    def _worst_day(self, table: str, rows: Collection[int], whole_from: date | None) -> tuple[date | None, float]:
        """The local day of which the given rows are the largest share, and that share; none where no day is whole."""
        found = self._rows(
            f"with found as (select unnest(?) as {ROW}) "
            f"select {DAY}, count(*) filter ({ROW} in (select {ROW} from found)) / count(*) as share "
            f"from {quoted(table + ' rows')} where {DAY} >= ? group by 1 order by 2 desc, 1 limit 1",
            [list(rows), whole_from or date.min],
        )
        return (found[0][0], float(found[0][1])) if found else (None, 0.0)

    def set_aside(self, table: str, rows: Collection[int]) -> None:
        """Takes rows out of the tables in memory, by their numbers."""
        self._connection.execute(
            f"delete from {quoted(table + ' rows')} where {ROW} in (select unnest(?))", [list(rows)]
        )

    def broken_keys(self, table: str) -> tuple[int, int]:
        """Rows whose key has a missing part, and rows whose key another row has as well."""
        names = [quoted(name) for name in self._tables[table].key]
        missing = self._rows(
            f"select count(*) from {quoted(table)} where {' or '.join(f'{name} is null' for name in names)}"
        )
        shared = self._rows(
            f"select coalesce(sum(n), 0) from (select count(*) as n from {quoted(table)} group by {', '.join(names)}) "
            "where n > 1"
        )
        return int(missing[0][0]), int(shared[0][0])

    def untimely(self, table: str, as_of: datetime) -> int:
        """Rows that were not known at `as_of`, or do not say when they became known."""
        created = quoted(self._tables[table].created_time)
        query = f"select count(*) from {quoted(table)} where {created} is null or {created} > ?"
        return int(self._rows(query, [as_of])[0][0])

    def arrow(self, table: str) -> Any:
        """All rows as an Arrow table of text, whole numbers and numbers."""
        columns = [f"{_plain(kind, quoted(name))} as {quoted(name)}" for name, kind in self.types(table).items()]
        return self._connection.execute(f"select {', '.join(columns)} from {quoted(table)}").fetch_arrow_table()

    def arrow_of(self, table: str, columns: Collection[str], span: Span) -> Any:
        """Some columns of the rows of some days; `event_hour` is the local hour of the event as text.

        Columns that the table does not have are left out.
        """
        types = self.types(table)
        chosen = [f"{_plain(types[name], quoted(name))} as {quoted(name)}" for name in columns if name in types]
        chosen.append(f"{HOUR}::varchar as {EVENT_HOUR}")
        query = f"select {', '.join(chosen)} from {quoted(table + ' rows')} where {DAY} between ? and ?"
        return self._connection.execute(query, [*span.ends]).fetch_arrow_table()

    def days(self, table: str, means: Collection[str]) -> dict[date, Day]:
        """What each local day with a row holds; means are of the columns asked for that are numbers."""
        types, kinds = self.types(table), self.kinds(table)
        values = {name: _finite(kind, quoted(name)) for name, kind in types.items()}
        numbers = [name for name in means if kinds.get(name) in (NUMBER, WHOLE_NUMBER)]
        parts = [f"avg(({value} is null)::int)" for value in values.values()]
        parts += [f"avg({values[name]})" for name in numbers]
        query = (
            f"select {DAY}, count(*), list(distinct {HOUR}), {', '.join(parts)} "
            f"from {quoted(table + ' rows')} where {DAY} is not null group by 1 order by 1"
        )
        return {row[0]: _day(row, list(types), numbers) for row in self._rows(query)}

    def value_shares(self, table: str, column: str, spans: Sequence[Span], most: int) -> list[tuple[str, list[float]]]:
        """The shares of a column's commonest values, one for each of the given days; for drawing."""
        value, rows = f"{_column(column)}::varchar", quoted(table + " rows")
        counts = ", ".join(f"count(*) filter ({DAY} between ? and ?)" for _ in spans)
        dates = [day for span in spans for day in span.ends]
        query = f"select {value}, {counts} from {rows} where {value} is not null group by 1"
        found = self._rows(query, dates)
        totals = [sum(row[index + 1] for row in found) or 1 for index in range(len(spans))]
        shares = [(row[0], [row[index + 1] / totals[index] for index in range(len(spans))]) for row in found]
        return sorted(shares, key=lambda item: (-max(item[1]), item[0]))[:most]

    def bins(self, table: str, column: str, spans: Sequence[Span], count: int) -> tuple[list[float], list[list[int]]]:
        """Edges of `count` equal bins over all but the outermost of a column's values, and rows by bin and span.

        The outermost hundredth of the values at each end is counted in the first and the last bin; for drawing.
        """
        value, rows = f"{quoted(column)}::double", quoted(table + " rows")
        inside = " or ".join(f"{DAY} between ? and ?" for _ in spans)
        dates = [day for span in spans for day in span.ends]
        where = f"where isfinite({value}) and ({inside})"
        limits = self._rows(f"select quantile_cont({value}, [0.01, 0.99]) from {rows} {where}", dates)[0][0]
        low, high = limits if limits and limits[1] > limits[0] else (0.0, 1.0)
        step = (high - low) / count
        number = f"least(greatest(floor(({value} - {low!r}) / {step!r}), 0), {count - 1})::int"
        counts = []
        for span in spans:
            query = (
                f"select {number}, count(*) from {rows} where isfinite({value}) and {DAY} between ? and ? group by 1"
            )
            found = dict(self._rows(query, [span.first, span.last]))
            counts.append([int(found.get(index, 0)) for index in range(count)])
        return [low + index * step for index in range(count + 1)], counts

    def samples(self, table: str, rows: Collection[int]) -> Iterator[dict[str, str]]:
        """The given rows as text, for a person to look at."""
        if not rows:
            return
        source = f"{quoted(table + ' rows')} where {ROW} in (select unnest(?)) order by {ROW}"
        query = f"select columns(*)::varchar from {source}"
        result = self._connection.execute(query, [list(rows)])
        names = [column[0] for column in result.description or []]
        for row in result.fetchall():
            yield {name: value for name, value in zip(names, row, strict=True) if name not in (ROW, DAY, HOUR)}


def _day(row: tuple[Any, ...], columns: list[str], numbers: list[str]) -> Day:
    nulls, means = row[3 : 3 + len(columns)], row[3 + len(columns) :]
    return Day(
        row[1],
        frozenset(row[2]),
        dict(zip(columns, nulls, strict=True)),
        dict(zip(numbers, means, strict=True)),
    )


def _kind(kind: str) -> str:
    if kind in WHOLE:
        return WHOLE_NUMBER
    if kind in {"FLOAT", "DOUBLE"} or kind.startswith("DECIMAL"):
        return NUMBER
    if kind.startswith("TIMESTAMP"):
        return TIME
    return {"VARCHAR": TEXT, "BOOLEAN": TRUTH}.get(kind, kind)


def _column(name: str) -> str:
    """The SQL of a column, or of the local hour of the event."""
    return HOUR if name == EVENT_HOUR else quoted(name)


def _finite(kind: str, column: str) -> str:
    """A column in which what is no number counts as missing."""
    return f"case when isfinite({column}) then {column} end" if kind in {"FLOAT", "DOUBLE"} else column


def _plain(kind: str, column: str) -> str:
    """A column as one of the three types that TFDV knows; times are counted in microseconds."""
    if _kind(kind) == TIME:
        return f"epoch_us({column})"
    types = {WHOLE_NUMBER: "bigint", TRUTH: "bigint", NUMBER: "double"}
    return f"{column}::{types.get(_kind(kind), 'varchar')}"


def split_table(source: Path, rows: Mapping[int, str], judged: Path, quarantine: Path) -> tuple[int, int]:
    """Writes the rows that stay to `judged`, the others with the rules they broke to `quarantine`; counts both files.

    Args:
        source: the Parquet file of a table.
        rows: the numbers of the rows to quarantine, and for each the rules that it broke.
        judged: the file for the rest; the very bytes of `source` when nothing is quarantined.
        quarantine: the file for the quarantined rows, with a further column `rule`.
    """
    with _connect() as connection:
        connection.execute("create table broken (row bigint primary key, rule varchar)")
        if rows:
            connection.execute("insert into broken select unnest(?), unnest(?)", [list(rows), list(rows.values())])
        table = f"read_parquet({_text(str(source))}, file_row_number = true) t"
        aside = f"select t.* exclude (file_row_number), rule from {table} join broken on row = file_row_number"
        connection.execute(f"copy ({aside} order by file_row_number) to {_text(str(quarantine))} ({PARQUET})")
        if rows:
            rest = f"select t.* exclude (file_row_number) from {table} anti join broken on row = file_row_number"
            connection.execute(f"copy ({rest} order by file_row_number) to {_text(str(judged))} ({PARQUET})")
        else:
            judged.write_bytes(source.read_bytes())
        counts = [
            connection.execute(f"select count(*) from {_text(str(path))}").fetchone() for path in (judged, quarantine)
        ]
    return tuple(count[0] if count else 0 for count in counts)  # type: ignore[return-value]


PARQUET = "format parquet, compression zstd"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
