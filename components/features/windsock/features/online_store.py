"""The only door to the online store beside Feast: its address, its one writer, and the ledger that lies inside it.

The ledger is part of the store, so that a store that is wiped or restored takes its memory along. For each view it
holds `until`, the latest time the store was asked to reach, and the digest of the row that lies under each key; an
empty digest says that a write under this key was begun and not seen to end.
"""

import json
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import redis
from redis.backoff import ExponentialBackoff
from redis.lock import Lock
from redis.retry import Retry
from windsock.contracts.errors import InputError

PASSWORD = "WINDSOCK_ONLINE_STORE_PASSWORD"  # noqa: S105 - the name of a variable, not a password.
EXPECTED = "sqlite:///absolute/path.db, or redis://host:port/database, or rediss:// for an encrypted connection"
IN_DOUBT = ""
# A Redis writer that died is forgotten after so long; one that lives renews its lease before each view.
LEASE_S = 600
TABLES = """
create table if not exists windsock_until (
    project text, view text, until text, primary key (project, view)
) without rowid;
create table if not exists windsock_rows (
    project text, view text, key text, digest text, primary key (project, view, key)
) without rowid;
"""


@dataclass(frozen=True)
class Address:
    """Where an online store is: `sqlite_path`, or else a Redis; `feast` is Feast's own configuration of it."""

    text: str
    feast: Mapping[str, object]
    sqlite_path: Path | None = None
    redis_settings: Mapping[str, Any] | None = None


class Ledger(Protocol):
    """What one project wrote to one online store. Each method is one atomic step."""

    def until(self, view: str) -> str:
        """The time that a view was asked to reach, as ISO 8601 in UTC; empty before the first run."""

    def digests(self, view: str, keys: Sequence[str] | None = None) -> dict[str, str]:
        """The digest of the row under each key, or of those of `keys` that have one."""

    def begin(self, view: str, until: str, keys: Sequence[str]) -> None:
        """Notes that the view is being brought to `until`, and that the rows under these keys are in doubt."""

    def end(self, view: str, written: Mapping[str, str], gone: Sequence[str]) -> None:
        """Notes the digests that were written, and forgets keys that have no row any more."""


@dataclass(frozen=True)
class SqliteLedger:
    """The ledger as two tables beside Feast's own."""

    connection: sqlite3.Connection
    project: str

    def until(self, view: str) -> str:
        """See `Ledger`."""
        sql = "select until from windsock_until where project = ? and view = ?"
        row = self.connection.execute(sql, (self.project, view)).fetchone()
        return str(row[0]) if row else ""

    def digests(self, view: str, keys: Sequence[str] | None = None) -> dict[str, str]:
        """See `Ledger`."""
        sql = "select key, digest from windsock_rows where project = ? and view = ?"
        if keys is None:
            return dict(self.connection.execute(sql, (self.project, view)))
        sql = f"{sql} and key in (select value from json_each(?))"
        return dict(self.connection.execute(sql, (self.project, view, json.dumps(keys))))

    def begin(self, view: str, until: str, keys: Sequence[str]) -> None:
        """See `Ledger`."""
        with self.connection:
            sql = "insert or replace into windsock_until values (?, ?, ?)"
            self.connection.execute(sql, (self.project, view, until))
            self._put(view, dict.fromkeys(keys, IN_DOUBT))

    def end(self, view: str, written: Mapping[str, str], gone: Sequence[str]) -> None:
        """See `Ledger`."""
        with self.connection:
            self._put(view, written)
            sql = "delete from windsock_rows where project = ? and view = ? and key = ?"
            self.connection.executemany(sql, ((self.project, view, key) for key in gone))

    def _put(self, view: str, digests: Mapping[str, str]) -> None:
        rows = ((self.project, view, key, digest) for key, digest in digests.items())
        self.connection.executemany("insert or replace into windsock_rows values (?, ?, ?, ?)", rows)


@dataclass(frozen=True)
class RedisLedger:
    """The ledger as hashes: `windsock:<project>:until`, and `windsock:<project>:rows:<view>` for the digests."""

    client: Any
    project: str
    lock: Lock

    def _rows(self, view: str) -> str:
        return f"windsock:{self.project}:rows:{view}"

    def until(self, view: str) -> str:
        """See `Ledger`."""
        return str(self.client.hget(f"windsock:{self.project}:until", view) or "")

    def digests(self, view: str, keys: Sequence[str] | None = None) -> dict[str, str]:
        """See `Ledger`."""
        if keys is None:
            return dict(self.client.hgetall(self._rows(view)))
        found = self.client.hmget(self._rows(view), keys) if keys else []
        return {key: digest for key, digest in zip(keys, found, strict=True) if digest is not None}

    def begin(self, view: str, until: str, keys: Sequence[str]) -> None:
        """See `Ledger`. Raises LockNotOwnedError if the lease ran out, for another writer may have come."""
        self.lock.reacquire()
        with self.client.pipeline(transaction=True) as pipe:
            pipe.hset(f"windsock:{self.project}:until", view, until)
            if keys:
                pipe.hset(self._rows(view), mapping=dict.fromkeys(keys, IN_DOUBT))
            pipe.execute()

    def end(self, view: str, written: Mapping[str, str], gone: Sequence[str]) -> None:
        """See `Ledger`."""
        with self.client.pipeline(transaction=True) as pipe:
            if written:
                pipe.hset(self._rows(view), mapping=dict(written))
            if gone:
                pipe.hdel(self._rows(view), *gone)
            pipe.execute()


@contextmanager
def open_ledger(address: Address, project: str) -> Iterator[Ledger]:
    """Opens a store's ledger for its one writer.

    Raises:
        InputError: the store cannot be reached, or another writer is at work.
    """
    if address.sqlite_path is not None:
        yield from _open_sqlite(address.sqlite_path, project)
    else:
        yield from _open_redis(address, project)


def _open_sqlite(path: Path, project: str) -> Iterator[Ledger]:
    """The lock is a transaction on a file of its own: it ends with the process, whatever ends that."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path.with_name(f"{path.name}.lock"), timeout=0, isolation_level=None)) as lock:
        try:
            lock.execute("begin exclusive")
        except sqlite3.OperationalError as error:
            raise InputError("online_store", str(path), f"a store that nobody else writes to now ({error})") from error
        with closing(sqlite3.connect(path)) as connection:
            # With a write-ahead log readers go on reading while a writer writes. What is written last may be lost when
            # the power fails, but never out of its order: it is written again then.
            connection.execute("pragma journal_mode = wal")
            connection.execute("pragma synchronous = normal")
            connection.executescript(TABLES)
            yield SqliteLedger(connection, project)


def _open_redis(address: Address, project: str) -> Iterator[Ledger]:
    """The lock is Redis's own recipe: a key with a random token and a time to live."""
    patience = Retry(ExponentialBackoff(cap=0.5, base=0.05), 3)
    with closing(redis.Redis(**(address.redis_settings or {}), decode_responses=True, retry=patience)) as client:
        lock = client.lock(f"windsock:{project}:writer", timeout=LEASE_S, blocking=False)
        try:
            acquired = lock.acquire()
        except redis.RedisError as error:
            raise InputError("online_store", address.text, f"a Redis that answers ({error})") from error
        if not acquired:
            raise InputError("online_store", address.text, "a store that nobody else writes to now")
        try:
            yield RedisLedger(client, project, lock)
        finally:
            if lock.owned():
                lock.release()


def parse_address(text: str) -> Address:
    """Reads `sqlite:///absolute/path.db` or `redis://host:port/database`.

    Raises:
        InputError: it is neither, or it holds a password.
    """
    scheme, _, rest = text.partition("://")
    if scheme == "sqlite" and rest.startswith("/") and rest.strip("/"):
        path = Path("/" + rest.lstrip("/"))
        return Address(text, {"type": "sqlite", "path": str(path)}, sqlite_path=path)
    if scheme in ("redis", "rediss"):
        return _parse_redis(text)
    raise InputError("online_store", text, EXPECTED)


def _parse_redis(text: str) -> Address:
    """Feast takes one text, `host:port,name=value,…`. It reads values as JSON, so the password is written as JSON.

    Feast would keep what lies in Redis over a correction of the same event time: `skip_dedup` lets the correction in.
    """
    try:
        url = urlsplit(text)
        host, port, database = url.hostname, url.port, int(url.path.strip("/") or 0)
    except ValueError as error:
        raise InputError("online_store", text, EXPECTED) from error
    if url.username or url.password:
        shown = f"{url.scheme}://***@{host}:{port}"
        raise InputError("online_store", shown, f"no password, but one in {PASSWORD}: parameters are recorded")
    if not host or not port or url.query or url.fragment:
        raise InputError("online_store", text, EXPECTED)
    password = os.environ.get(PASSWORD)
    if password and "," in password:
        raise InputError(PASSWORD, "a password with a comma", "one without: Feast separates its settings by commas")
    settings: dict[str, Any] = {"host": host, "port": port, "db": database, "ssl": url.scheme == "rediss"}
    parts = [f"{host}:{port}", f"db={database}", *(["ssl=true"] if settings["ssl"] else [])]
    if password:
        settings["password"] = password
        parts.append(f"password={json.dumps(password)}")
    feast = {"type": "redis", "connection_string": ",".join(parts), "skip_dedup": True}
    return Address(text, feast, redis_settings=settings)
