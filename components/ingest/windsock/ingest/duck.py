"""The only door to DuckDB: a table's delivered rows go in as text, and the ones known at a time come out typed.

Inside, columns are called `c0`, `c1`, …, since DuckDB does not tell `Carrier` from `carrier` and a delivery may.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
from windsock.contracts.errors import InputError
from windsock.contracts.use_case import Table
from windsock.ingest.arrow import Decoded, with_places
from windsock.ingest.policy import Kind, duplicated, settle

# What a text must look like to be more than text. Leading zeros are kept: `007` names something and counts nothing.
# Times outside what nanoseconds in 64 bits can hold (1677 to 2262) stay text, since not every reader has larger ones.
MACROS = r"""
create macro is_integer(text) as
    regexp_full_match(text, '-?(0|[1-9][0-9]{0,18})') and try_cast(text as bigint) is not null;
create macro is_number(text) as
    regexp_full_match(text, '-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]{1,3})?')
    and isfinite(try_cast(text as double));
create macro as_time(text) as
    case when regexp_full_match(text, '(1[789]|2[01])[0-9]{2}-[0-9]{2}-[0-9]{2}'
        '([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[-+][0-9]{2}(:?[0-9]{2})?)?)?')
    then try_cast(text as timestamptz) end;
"""
TYPED = {
    Kind.STRING: "{0}",
    Kind.INTEGER: "cast({0} as bigint)",
    Kind.NUMBER: "cast({0} as double)",
    Kind.TIMESTAMP: "as_time({0})",
}
# Narrowest type first: the first one that no text stands against is the column's.
MISFITS = {
    Kind.INTEGER: "{0} is not null and not is_integer({0})",
    Kind.NUMBER: "{0} is not null and not is_number({0})",
    Kind.TIMESTAMP: "{0} is not null and as_time({0}) is null",
}
BATCH_ROWS = 65_536


@dataclass(frozen=True)
class Counts:
    """What became of a table's delivered rows: `delivered = after_as_of + duplicates + corrections + kept`.

    `conflicts` of the corrections bear the time of the row that they replace; of those the one delivered last counts.
    """

    delivered: int
    after_as_of: int
    duplicates: int
    corrections: int
    conflicts: int
    kept: int


@contextmanager
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    """A database in memory that goes on in a temporary directory when memory is short, and then disappears."""
    with TemporaryDirectory(prefix="windsock-ingest-") as scratch, duckdb.connect() as connection:
        connection.execute("set temp_directory = ?", [scratch])
        connection.execute("set timezone = 'UTC'")
        connection.execute(MACROS)
        yield connection


class Staging:
    """The delivered rows of one table, as text, each with the file and the row number it came from."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, settings: Table) -> None:
        self._connection = connection
        self._settings = settings
        self._columns: dict[str, str] = {}
        self._delivered_as: dict[str, set[Kind]] = {}
        self._files: list[str] = []
        connection.execute(
            "create or replace table staged (place integer, row integer, created_at timestamptz, event_at timestamptz)"
        )

    def add(self, file: str, decoded: Decoded) -> None:
        """Takes the rows of one file, whose name is for messages. Columns that earlier files had not are added.

        Raises:
            InputError: a column is there twice, or one that identifies or dates a row is missing.
        """
        self._check_header(file, decoded.names)
        for name, kind in zip(decoded.names, decoded.kinds, strict=True):
            if name not in self._columns:
                self._columns[name] = f"c{len(self._columns)}"
                self._connection.execute(f"alter table staged add column {self._columns[name]} varchar")
            self._delivered_as.setdefault(name, set()).update({kind} if kind else ())
        columns = [self._columns[name] for name in decoded.names]
        self._connection.register("delivery", with_places(decoded, columns, len(self._files)))
        self._files.append(file)
        texts = ", ".join(f"cast({column} as varchar) as {column}" for column in columns)
        self._connection.execute(
            f"insert into staged by name select place, row, {self._as_time(self._settings.created_time)} as created_at,"
            f" {self._as_time(self._settings.event_time)} as event_at, {texts} from delivery"
        )
        self._connection.unregister("delivery")

    def _as_time(self, name: str) -> str:
        return f"as_time(cast({self._columns[name]} as varchar))"

    def _check_header(self, file: str, names: tuple[str, ...]) -> None:
        twice = duplicated(names)
        if twice is not None:
            raise InputError(file, f"column {twice} twice", "columns with names of their own")
        for name in (*self._settings.key, self._settings.event_time, self._settings.created_time):
            if name not in names:
                raise InputError(file, f"columns {', '.join(names)}", f"the column {name} among them")

    def keep_known(self, as_of: datetime) -> Counts:
        """Keeps of each key the row that was created last and not after `as_of`.

        Raises:
            InputError: a row has no usable created time, event time or key, or no row is left.
        """
        self._refuse_where("created_at is null", self._settings.created_time)
        self._connection.execute(f"create or replace view known as select * from staged where created_at <= '{as_of}'")
        for name in self._settings.key:
            self._refuse_where(f"{self._columns[name]} is null and created_at <= '{as_of}'", name)
        self._refuse_where(f"event_at is null and created_at <= '{as_of}'", self._settings.event_time)
        keys = ", ".join(self._typed(name, self._kind(name, "known")) for name in self._settings.key)
        self._connection.execute(
            "create or replace table latest as select * from known"
            f" qualify row_number() over (partition by {keys} order by created_at desc, place desc, row desc) = 1"
        )
        counts = self._counts(keys)
        if counts.kept == 0:
            raise InputError("as_of", as_of.isoformat(), f"a time at which {self._files[0]} and later hold a row")
        return counts

    def _counts(self, keys: str) -> Counts:
        delivered, known = self._count("staged"), self._count("known")
        different = self._count(f"(select distinct {', '.join(self._columns.values())} from known)")
        moments = self._count(f"(select distinct {keys}, created_at from known)")
        kept = self._count("latest")
        return Counts(delivered, delivered - known, known - different, different - kept, different - moments, kept)

    def _count(self, rows: str) -> int:
        found = self._connection.execute(f"select count(*) from {rows}").fetchone()
        return int(found[0]) if found else 0

    def _refuse_where(self, condition: str, name: str) -> None:
        """Names the first delivered row that meets a condition which none may meet."""
        found = self._connection.execute(
            f"select place, row, {self._columns[name]} from staged where {condition} order by place, row limit 1"
        ).fetchone()
        if found:
            timed = name in (self._settings.created_time, self._settings.event_time)
            expected = "a time such as 2013-01-05T06:00:00Z" if timed else "a value, since it is part of the key"
            raise InputError(f"{self._files[found[0]]} row {found[1]} {name}", found[2], expected)

    def _kind(self, name: str, rows: str) -> Kind:
        """A column's type: the one its files declare, else the narrowest that fits the text in all these rows."""
        if name in (self._settings.created_time, self._settings.event_time):
            return Kind.TIMESTAMP
        if self._settings.format != "csv":
            return settle(self._delivered_as[name])
        column = self._columns[name]
        if not self._exists(f"{column} is not null", rows):
            return settle(())
        fits = (kind for kind, misfit in MISFITS.items() if not self._exists(misfit.format(column), rows))
        return next(fits, Kind.STRING)

    def _exists(self, condition: str, rows: str) -> bool:
        return self._connection.execute(f"select 1 from {rows} where {condition} limit 1").fetchone() is not None

    def _typed(self, name: str, kind: Kind) -> str:
        return TYPED[kind].format(self._columns[name])

    def rows(self) -> tuple[dict[str, Kind], Iterator[Any]]:
        """The columns' types by name, in the order of delivery, and the kept rows as Arrow record batches, sorted."""
        kinds = {name: self._kind(name, "latest") for name in self._columns}
        columns = ", ".join(self._typed(name, kind) for name, kind in kinds.items())
        order = ", ".join(self._typed(name, kinds[name]) for name in self._settings.key)
        found = self._connection.execute(f"select {columns} from latest order by {order}, event_at")
        return kinds, iter(found.fetch_record_batch(BATCH_ROWS))
