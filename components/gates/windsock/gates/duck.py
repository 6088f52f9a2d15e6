"""The only door to DuckDB: the snapshot's tables in memory, the rules on them, and what is measured day by day.

Rules are other people's SQL. They run on copies in memory, in a database that may touch no file and no network and
whose settings are locked; a rule is a subquery, so it can only read.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
from windsock.contracts.clock import format_time
from windsock.contracts.errors import InputError
from windsock.contracts.use_case import Table
from windsock.gates.policy import EVENT_HOUR
from windsock.gates.statistics import Day
from windsock.gates.windows import Span

ROW = "windsock_row"
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


def check_query(rule: str, query: str) -> None:
    """Lets only one plain query through.

    Raises:
        InputError: the text is no SQL, more than one statement, or one that is more than a query.
    """
    try:
        with duckdb.connect() as connection:
            statements = connection.extract_statements(query)
    except duckdb.Error as error:
        raise InputError(f"rule {rule}", query, f"one select ({_line(error)})") from error
    if len(statements) != 1 or statements[0].type.name != "SELECT":
        raise InputError(f"rule {rule}", query, "one select, which changes nothing")


def _line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]


class Tables:
    """The tables of one snapshot in memory. Days and hours are those of `time_zone`; close it after use."""

    def __init__(self, snapshot: Path, tables: Mapping[str, Table], time_zone: str, as_of: datetime) -> None:
        self._snapshot = snapshot
        self._tables = tables
        self._zone = time_zone
        self._connection = duckdb.connect()
        try:
            self._connection.execute("set timezone = 'UTC'")
            for name in tables:
                self._load(name)
            self._connection.execute(f"set variable as_of = timestamptz '{format_time(as_of)}'")
            self._check_zone()
            self._connection.execute("set enable_external_access = false; set lock_configuration = true")
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Tables":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Frees the memory."""
        self._connection.close()

    def _load(self, name: str) -> None:
        path = self._snapshot / f"{name}.parquet"
        if not path.is_file():
            raise InputError(f"snapshot table {name}", str(path), "a Parquet file")
        source = "read_parquet(?, file_row_number = true)"
        try:
            self._connection.execute(
                f"create table {quoted(name + ' rows')} as "
                f"select * exclude (file_row_number), file_row_number as {ROW} from {source}",
                [str(path)],
            )
        except duckdb.Error as error:
            raise InputError(
                f"snapshot table {name}", str(path), f"a readable Parquet file ({_line(error)})"
            ) from error
        self._connection.execute(
            f"create view {quoted(name)} as select * exclude ({ROW}) from {quoted(name + ' rows')}"
        )

    def _check_zone(self) -> None:
        try:
            self._rows(f"select timezone('{self._zone}', now())")
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
            f"select timezone('{self._zone}', ?::timestamptz - to_hours(?))::date - 1", [as_of, complete_after_hours]
        )[0][0]
        first = self._rows(f"select min({self._local(table)})::date from {quoted(table)}")[0][0]
        if starts_on:
            return Span(date.fromisoformat(starts_on), over), first
        return Span((first or over) + timedelta(days=1), over), first

    def count(self, table: str) -> int:
        """How many rows a table has now, without those that were set aside."""
        return int(self._rows(f"select count(*) from {quoted(table)}")[0][0])

    def types(self, table: str) -> dict[str, str]:
        """The type of each column, as DuckDB names it."""
        return {row[0]: str(row[1]) for row in self._rows(f"describe {quoted(table)}")}

    def _local(self, table: str, alias: str = "") -> str:
        return f"timezone('{self._zone}', {alias}{quoted(self._tables[table].event_time)})"

    def offenders(self, table: str, query: str) -> Offenders:
        """Runs a rule's query and finds the rows of `table` whose keys it returns.

        Raises:
            RuleError: the query does not run on this data.
        """
        keys = self._tables[table].key
        names = ", ".join(quoted(name) for name in keys)
        same = " and ".join(f"o.{quoted(name)} is not distinct from t.{quoted(name)}" for name in keys)
        rows = f"{quoted(table + ' rows')} t"
        try:
            self._connection.execute(
                f"create or replace temp table offenders as select distinct {names} from (\n{query}\n)"
            )
            found = self._rows(f"select {ROW} from {rows} semi join offenders o on {same} order by 1")
            worst = self._rows(
                f"select {self._local(table, 't.')}::date as day, count(*) filter (o.found) / count(*) as share "
                f"from {rows} left join (select *, true as found from offenders) o on {same} "
                "group by 1 order by 2 desc, 1 limit 1"
            )
        except duckdb.Error as error:
            raise RuleError(_line(error)) from error
        day, share = worst[0] if worst else (None, 0.0)
        return Offenders(tuple(row[0] for row in found), day, float(share))

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

    def arrow(self, table: str, first: date | None = None, last: date | None = None) -> Any:
        """Rows as an Arrow table of text, whole numbers and numbers, with the local hour of the event as text.

        Args:
            table: the table.
            first: the first local day, inclusive; without it, all rows.
            last: the last local day, inclusive.
        """
        columns = [f"{_plain(kind, quoted(name))} as {quoted(name)}" for name, kind in self.types(table).items()]
        where, values = "", []
        if first is not None and last is not None:
            columns.append(f"extract(hour from {self._local(table)})::varchar as {EVENT_HOUR}")
            where, values = f" where {self._local(table)}::date between ? and ?", [first, last]
        query = f"select {', '.join(columns)} from {quoted(table)}{where}"
        return self._connection.execute(query, values).fetch_arrow_table()

    def days(self, table: str, means: Collection[str]) -> dict[date, Day]:
        """What each local day with a row holds; means are of the columns asked for that are numbers."""
        types = self.types(table)
        numbers = [name for name in means if name in types and _is_number(types[name])]
        parts = [f"avg(({quoted(name)} is null)::int)" for name in types]
        parts += [f"avg({quoted(name)})" for name in numbers]
        day = f"{self._local(table)}::date"
        query = (
            f"select {day}, count(*), list(distinct extract(hour from {self._local(table)})::int), {', '.join(parts)} "
            f"from {quoted(table)} where {day} is not null group by 1 order by 1"
        )
        return {row[0]: _day(row, list(types), numbers) for row in self._rows(query)}

    def samples(self, table: str, rows: Collection[int]) -> Iterator[dict[str, str]]:
        """The given rows as text, for a person to look at."""
        source = f"{quoted(table + ' rows')} where {ROW} in (select unnest(?)) order by {ROW}"
        query = f"select columns(*)::varchar from {source}"
        result = self._connection.execute(query, [list(rows)])
        names = [column[0] for column in result.description or []]
        for row in result.fetchall():
            yield {name: value for name, value in zip(names, row, strict=True) if name != ROW}


def _day(row: tuple[Any, ...], columns: list[str], numbers: list[str]) -> Day:
    nulls, means = row[3 : 3 + len(columns)], row[3 + len(columns) :]
    return Day(
        row[1],
        frozenset(row[2]),
        dict(zip(columns, nulls, strict=True)),
        dict(zip(numbers, means, strict=True)),
    )


def _is_number(kind: str) -> bool:
    return kind in WHOLE or kind in {"FLOAT", "DOUBLE"} or kind.startswith("DECIMAL")


def _plain(kind: str, column: str) -> str:
    """A column as one of the three types that TFDV knows; times are counted in microseconds."""
    if kind.startswith("TIMESTAMP") or kind == "DATE":
        return f"epoch_us({column})"
    if kind == "BOOLEAN":
        return f"{column}::bigint"
    if kind in WHOLE:
        return f"{column}::bigint"
    return f"{column}::double" if _is_number(kind) else f"{column}::varchar"


def split_table(source: Path, rows: Mapping[int, str], judged: Path, quarantine: Path) -> tuple[int, int]:
    """Writes the rows that stay to `judged`, the others with the rules they broke to `quarantine`; counts both files.

    Args:
        source: the Parquet file of a table.
        rows: the numbers of the rows to quarantine, and for each the rules that it broke.
        judged: the file for the rest; the very bytes of `source` when nothing is quarantined.
        quarantine: the file for the quarantined rows, with a further column `rule`.
    """
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute("create table broken (row bigint primary key, rule varchar)")
        if rows:
            connection.execute("insert into broken select unnest(?), unnest(?)", [list(rows), list(rows.values())])
        table = f"read_parquet({_text(source)}, file_row_number = true) t"
        aside = f"select t.* exclude (file_row_number), rule from {table} join broken on row = file_row_number"
        connection.execute(f"copy ({aside} order by file_row_number) to {_text(quarantine)} ({PARQUET})")
        if rows:
            rest = f"select t.* exclude (file_row_number) from {table} anti join broken on row = file_row_number"
            connection.execute(f"copy ({rest} order by file_row_number) to {_text(judged)} ({PARQUET})")
        else:
            judged.write_bytes(source.read_bytes())
        counts = [connection.execute(f"select count(*) from {_text(path)}").fetchone() for path in (judged, quarantine)]
    return tuple(count[0] if count else 0 for count in counts)  # type: ignore[return-value]


PARQUET = "format parquet, compression zstd"


def _text(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
