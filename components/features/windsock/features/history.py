"""The only door to DuckDB: tables as known at one time, the label and the views that the use case computes from them.

Inside, the tables of the use case bear their own names, `labels` is what `labels.sql` gives, and the rows of a view lie
in `features.<view>`. One thread, so that sums of fractions come out the same in every run.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]
from windsock.contracts.errors import InputError
from windsock.contracts.use_case import UseCase
from windsock.features.policy import LABEL_KNOWN_AT, REQUEST_KNOWN_AT, FeatureView

EVENT = "event_timestamp"
CREATED = "created_timestamp"
# How many questions Feast is asked at once. A join compares each with all rows of its key in the part, so that small
# parts compare less; but each asks anew. Half a year of the flights took least at 20,000 to 40,000, and half as long
# again at 80,000.
QUESTIONS = 25_000
REQUEST_TYPES = {"string": "VARCHAR", "integer": "BIGINT", "number": "DOUBLE", "timestamp": "TIMESTAMPTZ"}


def quoted(names: Sequence[str], prefix: str = "") -> str:
    """Names as a list of SQL identifiers."""
    return ", ".join(f'{prefix}"{name}"' for name in names)


@dataclass(frozen=True)
class History:
    """What was known at `as_of`, ready to be asked."""

    connection: duckdb.DuckDBPyConnection
    use_case: UseCase
    directory: Path
    as_of: datetime

    def _run(self, sql: str, values: Sequence[object] = ()) -> None:
        self.connection.execute(sql, list(values))

    def _rows(self, sql: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        return self.connection.execute(sql, list(values)).fetchall()

    def _count(self, sql: str, values: Sequence[object] = ()) -> int:
        return int(str(self._rows(f"select count(*) from ({sql})", values)[0][0]))

    def load(self, data: Path, facts_from: datetime | None = None) -> None:
        """Reads the tables up to `as_of` and computes the labels from them.

        With `facts_from` it reads only what happened from then on (see `UseCase.facts_from`).

        Raises:
            InputError: a table is missing, or `labels.sql` does not give what a training set needs.
        """
        for name, table in self.use_case.tables.items():
            path = data / f"{name}.parquet"
            if not path.is_file():
                raise InputError(f"data {name}", str(path), "a Parquet file for every table of the use case")
            known = f'select * from read_parquet(?) where "{table.created_time}" <= ?'
            recent = f' and "{table.event_time}" >= ?' if facts_from else ""
            try:
                values = [str(path), self.as_of, *([facts_from] if facts_from else [])]
                self._run(f'create table "{name}" as {known}{recent}', values)
            except duckdb.Error as error:
                raise InputError(f"data {name}", str(path), f"a table with {table.created_time} ({error})") from error
        self._create("labels", "labels.sql")
        self._check_labels()

    def _create(self, table: str, file: str) -> None:
        """Fills a table by one of the use case's queries."""
        path = self.directory / file
        if not path.is_file():
            raise InputError(file, str(path), "a file with one query")
        try:
            self._run(f"create table {table} as {path.read_text(encoding='utf-8')}")
        except (duckdb.Error, UnicodeDecodeError) as error:
            raise InputError(file, str(error), "a query that runs on the tables of the use case") from error

    def _columns(self, table: str) -> dict[str, str]:
        return {str(row[0]): str(row[1]) for row in self._rows(f"describe {table}")}

    def _check_labels(self) -> None:
        request, label = self.use_case.request, self.use_case.label.column
        expected = {*request.fields, label, LABEL_KNOWN_AT, REQUEST_KNOWN_AT}
        found = self._columns("labels")
        if expected != found.keys():
            raise InputError("columns of labels.sql", sorted(found), f"{sorted(expected)}")
        refusals = {
            f"rows with a {label} other than 0, 1 or null": f'select 1 from labels where "{label}" not in (0, 1)',
            "rows whose request is known at no time": f"select 1 from labels where {REQUEST_KNOWN_AT} is null",
            "rows whose label is known at no time": f"""
                select 1 from labels where "{label}" is not null and {LABEL_KNOWN_AT} is null""",
            "rows that share their key with another": f"select 1 from labels group by {quoted(request.key)} "
            "having count(*) > 1",
        }
        for what, sql in refusals.items():
            if count := self._count(sql):
                raise InputError("labels.sql", f"{count} {what}", "none")

    def compute(self, view: FeatureView) -> int:
        """Computes the rows of a view and returns their number.

        A row that happens or becomes known after `as_of` is left out: such as the sum of an hour that is not over.

        Raises:
            InputError: the query does not run, or its rows are not what the feature view declares.
        """
        file, raw = f"views/{view.name}.sql", f'raw."{view.name}"'
        self._create(raw, file)
        found = self._columns(raw)
        expected = {*view.join_keys, *view.features, EVENT, CREATED}
        if expected != found.keys():
            raise InputError(f"columns of {file}", sorted(found), f"{sorted(expected)}, as features.py declares")
        casts = [f'"{name}"::{kind} as "{name}"' for name, kind in view.columns.items()]
        casts += [f'"{name}"::TIMESTAMPTZ as "{name}"' for name in (EVENT, CREATED)]
        known = f"select {', '.join(casts)} from {raw} where {EVENT} <= ? and {CREATED} <= ?"
        unusable = " or ".join(f'"{name}" is null' for name in (*view.join_keys, EVENT, CREATED))
        if count := self._count(f"select 1 from {raw} where {unusable}"):
            raise InputError(file, f"{count} rows without a key or a time", "none")
        try:
            self._run(f'create table features."{view.name}" as {known}', [self.as_of, self.as_of])
        except duckdb.Error as error:
            raise InputError(file, str(error), "values of the types that features.py declares") from error
        self._run(f"drop table {raw}")
        # Which of two such rows Feast takes would be chance, and so would be the digest of the training set.
        twins = f'select 1 from features."{view.name}" group by {quoted(view.join_keys)}, {EVENT}, {CREATED}'
        if count := self._count(f"{twins} having count(*) > 1"):
            raise InputError(file, f"{count} keys with several rows of the same two times", "one row each")
        return self._count(f'from features."{view.name}"')

    def keep_news(self, view: FeatureView, since: datetime, valid_only: bool = False) -> None:
        """Forgets the rows of a computed view that can be nobody's newest from `since` on: all but what becomes known
        later, and each key's newest row by then. With `valid_only` also those that were too old to be used by then.
        """
        name, known = f'features."{view.name}"', f"{EVENT} <= $since and {CREATED} <= $since"
        valid = f"where {EVENT} >= $since - to_seconds({view.ttl_s})" if valid_only else ""
        self.connection.execute(
            f"""
            create table features.kept as
            select * from (
                from {name} where not ({known})
                union all
                from {name} where {known}
                qualify row_number() over (
                    partition by {quoted(view.join_keys)} order by {EVENT} desc, {CREATED} desc
                ) = 1
            ) {valid}
            """,
            {"since": since},
        )
        self._run(f'drop table {name}; alter table features.kept rename to "{view.name}"')

    def write_source(self, view: FeatureView, path: Path, since: datetime, until: datetime) -> None:
        """Writes the rows of a view that happened from `since` to `until`, both included, as Feast reads them."""
        rows = f'select * from features."{view.name}" where {EVENT} between ? and ?'
        order = f"order by {quoted(view.join_keys)}, {EVENT}, {CREATED}"
        self._run(f"copy ({rows} {order}) to '{path}' (format parquet)", [since, until])

    def ask(self) -> dict[str, int]:
        """Sets up the requests that get a training row; returns how many are left out, by reason.

        Not due: the label may still change hands, and the labels that come early are not like those that come late.
        Asked too late: what the request says was known only after the question had to be asked.
        """
        request, label = self.use_case.request, self.use_case.label
        if taken := {EVENT, LABEL_KNOWN_AT, label.column} & request.fields.keys():
            raise InputError("request.fields", sorted(taken), "other names: these are columns of the training set")
        lead, mature = timedelta(minutes=request.lead_time_minutes), timedelta(hours=label.mature_after_hours)
        fields = ", ".join(f'"{name}"::{REQUEST_TYPES[kind]} as "{name}"' for name, kind in request.fields.items())
        self._run(
            f"""
            create table asked as
            select {fields}, "{label.column}"::TINYINT as "{label.column}",
                {LABEL_KNOWN_AT}::TIMESTAMPTZ as {LABEL_KNOWN_AT},
                "{request.event_time}"::TIMESTAMPTZ - ?::INTERVAL as {EVENT},
                case
                    when "{request.event_time}" is null or "{request.event_time}" + ?::INTERVAL > ? then 'not_due'
                    when "{label.column}" is null then 'unlabelled'
                    when {REQUEST_KNOWN_AT} > "{request.event_time}" - ?::INTERVAL then 'asked_too_late'
                end as left_out
            from labels
            """,
            [lead, mature, self.as_of, lead],
        )
        counts = {"not_due": 0, "unlabelled": 0, "asked_too_late": 0}
        for reason, count in self._rows("select left_out, count(*) from asked where left_out is not null group by 1"):
            counts[str(reason)] = int(str(count))
        self._run("create table requests as select * exclude (left_out) from asked where left_out is null")
        return counts

    def questions(self, view: FeatureView) -> Iterator[pa.Table]:
        """The different keys and times at which a view is asked, in order of time, part by part.

        Prepares an empty table that `accept` fills and `answer` joins.
        """
        order = f"order by {EVENT}, {quoted(view.join_keys)}"
        usable = " and ".join(f'"{name}" is not null' for name in view.join_keys)
        keys = ", ".join(f'"{name}"::{view.columns[name]} as "{name}"' for name in view.join_keys)
        self._run(
            f"""
            create or replace table questions as
            select *, (row_number() over ({order}) - 1) // {QUESTIONS} as part
            from (select distinct {keys}, {EVENT} from requests where {usable})
            """
        )
        features = ", ".join(f'null::{view.columns[name]} as "{view.name}__{name}"' for name in view.features)
        self._run(f"create or replace table answers as select * exclude (part), {features} from questions limit 0")
        for (part,) in self._rows("select distinct part from questions order by part"):
            chosen = f"select * exclude (part) from questions where part = {part} {order}"
            yield self.connection.execute(chosen).fetch_arrow_table()

    def accept(self, answers: pa.Table) -> None:
        """Takes the answers to one part of the questions."""
        self.connection.register("accepted", answers)
        self._run("insert into answers by name select * from accepted")
        self.connection.unregister("accepted")

    def answer(self, view: FeatureView) -> float:
        """Joins a view's answers to the requests as `view__feature`; returns the share of requests without any value.

        Raises:
            RuntimeError: rows were lost or multiplied on the way.
        """
        names = [f"{view.name}__{feature}" for feature in view.features]
        before = self._count("from requests")
        keys = quoted([*view.join_keys, EVENT])
        joined = f"select requests.*, {quoted(names)} from requests left join answers using ({keys})"
        self._run(f"create or replace table joined as {joined}")
        after = self._count("from joined")
        if before != after:
            raise RuntimeError(f"{view.name}: {before} requests became {after} rows")
        self._run("drop table requests; alter table joined rename to requests")
        empty = " and ".join(f'"{name}" is null' for name in names)
        return self._count(f"select 1 from requests where {empty}") / before if before else 0.0

    def training_rows(self) -> pa.Table:
        """All requests with label, times and features, by event time, then key."""
        request = self.use_case.request
        order = quoted([request.event_time, *(name for name in request.key if name != request.event_time)])
        return self.connection.execute(f"select * from requests order by {order}").fetch_arrow_table()

    def serve(self, answers: pa.Table) -> None:
        """Takes answers that were given: the request's fields, `answered_at`, and `at__<view>` for every view."""
        self.connection.register("given", answers)
        self._run("create table served as select *, row_number() over () as position from given")
        self.connection.unregister("given")

    def missing(self, view: FeatureView) -> int:
        """How many answers used values of a view that the history does not have."""
        return self._count(
            f"""
            select 1 from served anti join features."{view.name}" as found on {_served_by(view)}
            where served."at__{view.name}" is not null
            """
        )

    def look_up(self, views: Sequence[FeatureView], version: int) -> pa.Table:
        """The answers in the order in which they were given, with the values of all views that they were given by.

        Of a row that was corrected `version` says which: 1 is the one that was known last when the answer was given, 2
        the one before; the first, where there are fewer.
        """
        self._run("create or replace table current as select * from served")
        for view in views:
            values = ", ".join(f'found."{name}" as "{view.name}__{name}"' for name in view.features)
            self._run(
                f"""
                create or replace table looked_up as
                select served.*, {values} from current as served left join features."{view.name}" as found
                on {_served_by(view)}
                qualify row_number() over (partition by position order by found.{CREATED} desc)
                    = least({version}, count(*) over (partition by position))
                """
            )
            self._run("drop table current; alter table looked_up rename to current")
        return self.connection.execute("select * from current order by position").fetch_arrow_table()

    def latest(self, view: FeatureView, since: datetime | None = None) -> pa.Table:
        """Each key's newest row as known at `as_of`; `key` and `digest` name the key and the whole content.

        With `since` only of keys that have a row which was not known by then.
        """
        keys, news = quoted(view.join_keys), f"greatest({EVENT}, {CREATED})"
        fresh = f'select distinct {keys} from features."{view.name}" where {news} > $since and {news} <= $as_of'
        chosen = f"semi join ({fresh}) as fresh using ({keys})" if since else ""
        times = {"as_of": self.as_of} | ({"since": since} if since else {})
        row_key = ", ".join(f"'{name}': \"{name}\"" for name in view.join_keys)
        content = ", ".join(f"'{name}': \"{name}\"" for name in (*view.features, EVENT, CREATED))
        return self.connection.execute(
            f"""
            select *, to_json({{{row_key}}})::VARCHAR as key, md5(to_json({{{content}}})::VARCHAR) as digest
            from features."{view.name}" {chosen}
            where {EVENT} <= $as_of and {CREATED} <= $as_of
            qualify row_number() over (
                partition by {quoted(view.join_keys)} order by {EVENT} desc, {CREATED} desc
            ) = 1
            order by {quoted(view.join_keys)}
            """,
            times,
        ).fetch_arrow_table()

    def earlier(self, as_of: datetime) -> "History":
        """The same history as known at an earlier time: views that were computed already are read as of then."""
        return replace(self, as_of=as_of)

    def asked_between(self, since: datetime, until: datetime) -> pa.Table:
        """The requests that were put from `since` on and before `until`: known by then, in order of time."""
        request = self.use_case.request
        fields = ", ".join(f'"{name}"::{REQUEST_TYPES[kind]} as "{name}"' for name, kind in request.fields.items())
        event, lead = f'"{request.event_time}"::TIMESTAMPTZ', timedelta(minutes=request.lead_time_minutes)
        return self.connection.execute(
            # The bounds are moved and not each row's time, which DuckDB does by a calendar.
            f"""
            select {fields} from labels
            where {event} >= $since and {event} < $until and {REQUEST_KNOWN_AT} <= {event} - $lead
            order by "{request.event_time}", {quoted(request.key)}
            """,
            {"since": since + lead, "until": until + lead, "lead": lead},
        ).fetch_arrow_table()

    def labels_due(self, since: datetime) -> pa.Table:
        """Key fields, event time and label of what happened from `since` on and is settled at `as_of`."""
        request, label = self.use_case.request, self.use_case.label
        names = list(dict.fromkeys([*request.key, request.event_time]))
        fields = ", ".join(f'"{name}"::{REQUEST_TYPES[request.fields[name]]} as "{name}"' for name in names)
        return self.connection.execute(
            f"""
            select {fields}, "{label.column}"::TINYINT as label from labels
            where "{label.column}" is not null and {LABEL_KNOWN_AT} <= $as_of
                and "{request.event_time}"::TIMESTAMPTZ >= $since
                and "{request.event_time}"::TIMESTAMPTZ + to_hours({label.mature_after_hours}) <= $as_of
            order by "{request.event_time}", {quoted(request.key)}
            """,
            {"as_of": self.as_of, "since": since},
        ).fetch_arrow_table()

    def rows_to_write(
        self, view: FeatureView, latest: pa.Table, changed: Sequence[str], gone: Sequence[str]
    ) -> pa.Table:
        """The rows of `latest` under the changed keys; for each key that is gone, a row of missing values as of now."""
        if not gone:
            rows = latest.filter(pc.is_in(latest["key"], pa.array(changed, pa.string())))
            return rows.drop_columns(["key", "digest"])
        nothing = {name: f"json_extract_string(key, '$.\"{name}\"')::{view.columns[name]}" for name in view.join_keys}
        nothing |= {name: f"null::{view.columns[name]}" for name in view.features}
        nothing |= {EVENT: "$as_of", CREATED: "$as_of"}
        tables = {"latest": latest, "changed": _keys(changed), "gone": _keys(gone)}
        for name, table in tables.items():
            self.connection.register(name, table)
        return self.connection.execute(
            f"""
            select * exclude (key, digest) from latest semi join changed using (key)
            union all by name
            select {", ".join(f'{value} as "{name}"' for name, value in nothing.items())} from gone
            order by {quoted(view.join_keys)}
            """,
            {"as_of": self.as_of},
        ).fetch_arrow_table()


def _served_by(view: FeatureView) -> str:
    """Which rows of a view, as `found`, an answer in `served` may have been given by."""
    keys = " and ".join(f'found."{name}" = served."{name}"::{view.columns[name]}' for name in view.join_keys)
    return f'{keys} and found.{EVENT} = served."at__{view.name}" and found.{CREATED} <= served.answered_at'


def _keys(keys: Sequence[str]) -> pa.Table:
    return pa.table({"key": pa.array(keys, pa.string())})


@contextmanager
def open_history(
    use_case: UseCase, directory: Path, data: Path, as_of: datetime, facts_from: datetime | None = None
) -> Iterator[History]:
    """Opens the judged data at `data` as known at `as_of`; `directory` holds the use case's queries.

    With `facts_from` only what happened from then on is read.
    """
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'; set threads = 1")
        connection.execute("create schema raw; create schema features")
        history = History(connection, use_case, directory, as_of)
        history.load(data, facts_from)
        yield history
