"""The only door to DuckDB: a table's delivered rows go in as text, and the ones known at a time come out typed.

The labels of a snapshot are computed here too. In a table that is staged, columns are called `c0`, `c1`, …, since
DuckDB does not tell `Carrier` from `carrier` and a delivery may.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
from windsock.contracts.clock import format_time
from windsock.contracts.errors import InputError
from windsock.contracts.record import entity_key
from windsock.contracts.threads import threads
from windsock.contracts.use_case import Table, UseCase
from windsock.ingest.arrow import Decoded, concatenate, with_places
from windsock.ingest.labels import Label
from windsock.ingest.policy import Kind, duplicated, settle

# What a text must look like to be more than text. Leading zeros are kept: `007` names something and counts nothing.
# Years before 1700 and after 2199 stay text: a reader that counts nanoseconds in 64 bits cannot hold many of them.
MACROS = r"""
create macro is_integer(text) as
    coalesce(regexp_full_match(text, '-?(0|[1-9][0-9]{0,18})') and try_cast(text as bigint) is not null, false);
create macro is_number(text) as
    coalesce(regexp_full_match(text, '-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]{1,3})?')
        and isfinite(try_cast(text as double)), false);
create macro as_time(text) as
    case when regexp_full_match(text, '(1[789]|2[01])[0-9]{2}-[0-9]{2}-[0-9]{2}'
        '([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?(Z|[-+][0-9]{2}(:?[0-9]{2})?)?)?)?')
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
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
INSERT_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class Counts:
    """What became of a table's rows: `delivered = after_as_of + earlier + duplicates + corrections + kept`.

    A duplicate is equal to another row in every field. A correction replaced a row of the same key; `conflicts` of them
    say something else at the very time of the row they replace, and the one that was delivered last counts.
    `earlier` rows tell of what happened before the snapshot's time. `misdated` rows say that they were created on
    another day than the one whose file delivered them.
    """

    delivered: int
    after_as_of: int
    earlier: int
    duplicates: int
    corrections: int
    conflicts: int
    misdated: int
    kept: int


@contextmanager
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    """A database in memory that goes on in a temporary directory when memory is short, and then disappears."""
    offline = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
    with TemporaryDirectory(prefix="windsock-ingest-") as scratch, duckdb.connect(config=offline) as connection:
        connection.execute("set temp_directory = ?", [scratch])
        connection.execute("set timezone = 'UTC'")
        if number := threads(os.environ):
            connection.execute(f"set threads = {number}")
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
        self._waiting: list[Any] = []
        self._waiting_bytes = 0
        # What is kept of a delivery: all that is known by its time, until a key is there twice.
        self._kept = "known"
        connection.execute(
            "create or replace table staged"
            " (place integer, row integer, day date, created_at timestamptz, event_at timestamptz)"
        )

    def add(self, file: str, day: date, decoded: Decoded) -> None:
        """Takes the rows that one file delivered on one day. Columns that earlier files had not are added.

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
        self._waiting.append(with_places(decoded, columns, len(self._files), day))
        self._waiting_bytes += self._waiting[-1].nbytes
        self._files.append(file)
        if self._waiting_bytes >= INSERT_BYTES:
            self._insert()

    def _insert(self) -> None:
        """Hands the waiting rows to the database, many files at once: an insert a file would take most of the time."""
        if not self._waiting:
            return
        self._connection.register("waiting", concatenate(self._waiting))
        self._connection.execute(
            f"insert into staged by name select *, as_time({self._columns[self._settings.created_time]}) as created_at,"
            f" as_time({self._columns[self._settings.event_time]}) as event_at from waiting"
        )
        self._connection.unregister("waiting")
        self._waiting.clear()
        self._waiting_bytes = 0

    def _check_header(self, file: str, names: tuple[str, ...]) -> None:
        twice = duplicated(names)
        if twice is not None:
            raise InputError(file, f"column {twice!r} twice", "columns with names of their own")
        if "" in names:
            raise InputError(file, f"columns {', '.join(names)}", "a name for each column")
        for name in (*self._settings.key, self._settings.event_time, self._settings.created_time):
            if name not in names:
                raise InputError(file, f"columns {', '.join(names)}", f"the column {name} among them")

    def keep_known(self, as_of: datetime, since: datetime | None = None) -> Counts:
        """Keeps of each key the row that was created last and not after `as_of`; with `since` of what happened later.

        Raises:
            InputError: a row has no usable created time, event time or key, or no row is left.
        """
        self._insert()
        self._refuse_where("created_at is null", self._settings.created_time)
        happened = f" and event_at >= '{since}'" if since else ""
        self._connection.execute(
            f"create or replace view known as select * from staged where created_at <= '{as_of}'{happened}"
        )
        for name in self._settings.key:
            self._refuse_where(f"{self._columns[name]} is null and created_at <= '{as_of}'", name)
        self._refuse_where(f"event_at is null and created_at <= '{as_of}'", self._settings.event_time)
        keys = ", ".join(self._typed(name, self._kind(name, "known")) for name in self._settings.key)
        # As a rule no key is there twice, and to know that takes less than to choose.
        if self._exists("true", f"(select 1 from known group by {keys} having count(*) > 1)"):
            self._connection.execute(
                "create or replace table latest as select * from known"
                f" qualify row_number() over (partition by {keys} order by created_at desc, place desc, row desc) = 1"
            )
            self._kept = "latest"
        counts = self._counts(keys, as_of)
        if counts.kept == 0:
            first = f"{self._files[0]} or later"
            raise InputError("as_of", format_time(as_of), f"a time by which a row of {first} was created")
        return counts

    def _counts(self, keys: str, as_of: datetime) -> Counts:
        delivered, known, kept = self._count("staged"), self._count("known"), self._count(self._kept)
        after = self._count(f"staged where created_at > '{as_of}'")
        misdated = self._count("staged where cast(created_at as date) <> day")
        # Where every key is there once, all rows are different, and so are their moments.
        different = moments = known
        if kept != known:
            different = self._count(f"(select distinct {', '.join(self._columns.values())} from known)")
            moments = self._count(f"(select distinct {keys}, created_at from known)")
        return Counts(
            delivered=delivered,
            after_as_of=after,
            earlier=delivered - after - known,
            duplicates=known - different,
            corrections=different - kept,
            conflicts=different - moments,
            misdated=misdated,
            kept=kept,
        )

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
        column = self._columns[name]
        if self._settings.format != "csv":
            kind = settle(self._delivered_as[name])
            far_off = kind is Kind.TIMESTAMP and self._exists(MISFITS[kind].format(column), rows)
            return Kind.STRING if far_off else kind
        if not self._exists(f"{column} is not null", rows):
            return settle(())
        fits = (kind for kind, misfit in MISFITS.items() if not self._exists(misfit.format(column), rows))
        return next(fits, Kind.STRING)

    def _exists(self, condition: str, rows: str) -> bool:
        return self._connection.execute(f"select 1 from {rows} where {condition} limit 1").fetchone() is not None

    def _typed(self, name: str, kind: Kind) -> str:
        # These two were read as times when they came in.
        read = {self._settings.created_time: "created_at", self._settings.event_time: "event_at"}
        return read.get(name) or TYPED[kind].format(self._columns[name])

    def rows(self) -> tuple[dict[str, Kind], Iterator[Any]]:
        """The columns' types by name, in the order of delivery, and the kept rows as Arrow record batches, sorted."""
        kinds = {name: self._kind(name, self._kept) for name in self._columns}
        columns = ", ".join(self._typed(name, kind) for name, kind in kinds.items())
        order = ", ".join(self._typed(name, kinds[name]) for name in self._settings.key)
        found = self._connection.execute(f"select {columns} from {self._kept} order by {order}, event_at")
        return kinds, iter(found.fetch_record_batch(BATCH_ROWS))


def read_labels(directory: Path, snapshot: Path, use_case: UseCase, since: datetime) -> list[Label]:
    """What came true of events from `since` on, as `labels.sql` in the use case's directory says it of a snapshot.

    Raises:
        InputError: a table or the query is missing, it does not run, or it gives something else than labels.
    """
    with database() as connection:
        for name in use_case.tables:
            path = snapshot / f"{name}.parquet"
            if not path.is_file():
                raise InputError(f"snapshot {name}", str(path), "a Parquet file for every table of the use case")
            connection.read_parquet(str(path)).create_view(name)
        query = directory / "labels.sql"
        if not query.is_file():
            raise InputError("labels.sql", str(query), "a file with one query")
        label, fields = use_case.label.column, use_case.request.fields
        timed = [fields[name] == "timestamp" for name in use_case.request.key]
        # Times as numbers: DuckDB makes Python times with a library that nothing else needs.
        read = ", ".join(
            f'epoch_us("{name}"::timestamptz)' if is_time else f'"{name}"'
            for name, is_time in zip(use_case.request.key, timed)
        )
        try:
            connection.execute(f"create table labels as {query.read_text(encoding='utf-8')}")
            rows = connection.execute(
                f'select "{label}"::tinyint, epoch_us(label_known_at), {read} from labels'
                f' where "{label}" is not null and "{use_case.request.event_time}"::timestamptz >= ?',
                [since],
            ).fetchall()
        except duckdb.Error as error:
            expected = f"a query that gives {', '.join(use_case.request.key)}, {label} and label_known_at"
            raise InputError("labels.sql", str(error), expected) from error
    return [_label(label, timed, *row) for row in rows]


def _label(column: str, timed: Sequence[bool], value: int, known_us: int | None, *key: Any) -> Label:
    if value not in (0, 1) or known_us is None:
        raise InputError(f"labels.sql {column}", (value, known_us), "0 or 1, and when it became known")
    parts = (EPOCH + timedelta(microseconds=part) if is_time else part for part, is_time in zip(key, timed))
    return Label(entity_key(parts), int(value), EPOCH + timedelta(microseconds=known_us))
