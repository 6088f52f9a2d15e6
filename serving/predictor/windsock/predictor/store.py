"""Reads the online store directly: Feast's own bytes, without Feast on the path. One reader belongs to one thread."""

import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import mmh3
import redis
from windsock.contracts.errors import InputError
from windsock.predictor.encoding import GarbageError, Value, key_encoder, read_timestamp, read_value
from windsock.predictor.plan import Plan, ViewPlan

SQLITE_STEPS_BETWEEN_LOOKS = 10_000


class SlowError(Exception):
    """The store did not answer in time."""


class DownError(Exception):
    """The store cannot be reached, or cannot answer this."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the store holds of one view for one entity; `event_at_s`, seconds since 1970, is None if that is nothing."""

    event_at_s: float | None
    values: Mapping[str, Value]


NOTHING = Reading(None, {})
Readings = dict[str, Reading]


class Reader(Protocol):
    """One connection to an online store."""

    def read(self, rows: Sequence[Mapping[str, Any]]) -> list[Readings]:
        """For each row, each view's name and what the store holds of it.

        Raises:
            SlowError, DownError, GarbageError: the store is late, cannot be read, or holds what it should not.
        """

    def close(self) -> None:
        """Lets the connection go."""


def open_reader(store: str, plan: Plan, timeout_s: float) -> Reader:
    """A reader of the store at `store`: the path of a SQLite file, or a Redis URL. Connects when first read."""
    if not plan.views:
        return NoReader()
    if store.startswith(("redis://", "rediss://", "unix://")):
        return RedisReader(store, plan, timeout_s)
    if "://" in store:
        raise InputError("online_store", store, "the path of a SQLite file, or redis://host:port")
    return SqliteReader(Path(store), plan, timeout_s)


class NoReader:
    """For a use case without features."""

    def read(self, rows: Sequence[Mapping[str, Any]]) -> list[Readings]:
        """Nothing for each row."""
        return [{} for _ in rows]

    def close(self) -> None:
        """Nothing to let go."""


def _sqlite_time(stored: object) -> float:
    """Seconds since 1970 as they stand there: who writes does so in UTC, and this process may run in any zone.

    Feast itself counts them in the zone of its process, which is why materialization sets that to UTC.
    """
    if type(stored) is not int:
        raise GarbageError(f"an event time of type {type(stored).__name__}")
    return float(stored)


class SqliteReader:
    """Reads the file that Feast's SQLite store writes; all views of a row in one statement, so from one moment."""

    def __init__(self, path: Path, plan: Plan, timeout_s: float) -> None:
        self._path = path
        self._timeout_s = timeout_s
        self._views = plan.views
        self._encoders = [key_encoder(view.keys) for view in plan.views]
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._give_up_at = 0.0
        self._query = " union all ".join(
            f'select {index}, feature_name, value, event_ts from "{plan.project}_{view.name}" where entity_key = ?'
            for index, view in enumerate(plan.views)
        )

    def _connected(self) -> sqlite3.Connection:
        """The connection; a new one if the file was replaced, for the old one would read what was deleted."""
        status = self._path.stat()
        file = (status.st_dev, status.st_ino)
        if self._connection is None or file != self._file:
            self.close()
            self._connection = sqlite3.connect(
                f"file:{self._path}?mode=ro", uri=True, timeout=self._timeout_s, check_same_thread=False
            )
            self._connection.set_progress_handler(self._late, SQLITE_STEPS_BETWEEN_LOOKS)
            self._file = file
        return self._connection

    def _late(self) -> bool:
        return time.monotonic() > self._give_up_at

    def read(self, rows: Sequence[Mapping[str, Any]]) -> list[Readings]:
        """See `Reader`."""
        self._give_up_at = time.monotonic() + self._timeout_s
        try:
            connection = self._connected()
            found = [
                connection.execute(self._query, [encode(row) for encode in self._encoders]).fetchall() for row in rows
            ]
        except (sqlite3.Error, OSError) as error:
            self.close()
            if "interrupted" in str(error) or "locked" in str(error):
                raise SlowError(str(error)) from error
            raise DownError(str(error)) from error
        return [self._readings(cells) for cells in found]

    def _readings(self, cells: Sequence[tuple[int, str, bytes, int]]) -> Readings:
        views: list[dict[str, Value]] = [{} for _ in self._views]
        times: list[int | None] = [None for _ in self._views]
        for index, feature, content, event_at in cells:
            kind = self._views[index].features.get(feature)
            if kind is not None:
                views[index][feature] = read_value(content, kind)
            times[index] = event_at
        return {
            view.name: NOTHING if at is None else Reading(_sqlite_time(at), values)
            for view, values, at in zip(self._views, views, times)
        }

    def close(self) -> None:
        """See `Reader`."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _redis_field(view: ViewPlan, feature: str) -> bytes:
    """The name of a feature's field in an entity's hash: MurmurHash3 of `view:feature`, little-endian."""
    return mmh3.hash(f"{view.name}:{feature}", signed=False).to_bytes(4, "little")


class RedisReader:
    """Reads the hashes that Feast's Redis store writes; all views of all rows in one round trip."""

    def __init__(self, url: str, plan: Plan, timeout_s: float) -> None:
        self._project = plan.project.encode()
        self._views = plan.views
        self._encoders = [key_encoder(view.keys) for view in plan.views]
        self._fields = [
            (f"_ts:{view.name}".encode(), *(_redis_field(view, feature) for feature in view.features))
            for view in plan.views
        ]
        pool = redis.ConnectionPool.from_url(url, socket_timeout=timeout_s, socket_connect_timeout=timeout_s)
        self._connection: Any = pool.make_connection()

    def read(self, rows: Sequence[Mapping[str, Any]]) -> list[Readings]:
        """See `Reader`."""
        commands = [
            ("HMGET", encode(row) + self._project, *fields)
            for row in rows
            for encode, fields in zip(self._encoders, self._fields)
        ]
        try:
            self._connection.connect()
            self._connection.send_packed_command(self._connection.pack_commands(commands), check_health=False)
            replies = [self._connection.read_response() for _ in commands]
        except redis.TimeoutError as error:
            self.close()
            raise SlowError(str(error)) from error
        except (redis.RedisError, OSError) as error:
            self.close()
            raise DownError(str(error)) from error
        found = iter(replies)
        try:
            return [{view.name: self._reading(view, next(found)) for view in self._views} for _ in rows]
        except GarbageError:
            self.close()
            raise

    def _reading(self, view: ViewPlan, reply: object) -> Reading:
        if not isinstance(reply, list) or len(reply) != len(view.features) + 1:
            raise GarbageError(f"a {type(reply).__name__} where the fields of {view.name} are due")
        at, *contents = reply
        if at is None:
            return NOTHING
        values = {
            feature: None if content is None else read_value(content, kind)
            for (feature, kind), content in zip(view.features.items(), contents)
        }
        return Reading(read_timestamp(at), values)

    def close(self) -> None:
        """See `Reader`."""
        self._connection.disconnect()
