"""The only door to SQLite: one writer's chain of records in one file."""

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from windsock.contracts.errors import InputError
from windsock.contracts.journal.space import allocate_log, by_pieces, keep_spare, sync_directory, sync_file
from windsock.contracts.record import new_prediction_id
from windsock.contracts.record_chain import Head, Sealed, genesis, seal

DATABASE = "journal.db"
# A record of one to four kilobytes leaves little of such a page empty.
PAGE_BYTES = 16384
PAGES_PER_MB = 1024 * 1024 // PAGE_BYTES
# The log holds 511 pages. It is emptied into the database once it holds so many; one commit adds some 70 at most.
CHECKPOINT_PAGES = 256
PRUNE_BYTES = 1024 * 1024
SCHEMA = """
CREATE TABLE chain (writer TEXT NOT NULL);
CREATE TABLE records (sequence INTEGER PRIMARY KEY, previous BLOB NOT NULL, digest BLOB NOT NULL, body BLOB NOT NULL);
CREATE TABLE batches (first INTEGER PRIMARY KEY, last INTEGER NOT NULL, shipped_at REAL);
CREATE TABLE damaged (sequence INTEGER PRIMARY KEY, previous BLOB NOT NULL, digest BLOB NOT NULL, body BLOB NOT NULL);
"""
# Whoever edits a row by hand may leave text where bytes were; it is then found by its digest.
LINK = "sequence, CAST(previous AS BLOB), CAST(digest AS BLOB), CAST(body AS BLOB)"
TABLES = {"chain", "records", "batches", "damaged"}
# Held for good from the first access on, the file can be neither locked nor changed by any other program.
PRAGMAS = (
    "locking_mode = EXCLUSIVE",
    "journal_mode = WAL",
    "synchronous = FULL",
    "fullfsync = ON",
    "wal_autocheckpoint = 0",
    "temp_store = MEMORY",
)


class StoreError(Exception):
    """The database could not do what it was asked; nothing of it was done."""


class StoreFullError(StoreError):
    """The allocated space is used up."""


class StoreLockedError(StoreError):
    """Another program holds the database."""


class StoreDamagedError(StoreError):
    """The file is no database any more, or a broken one."""


KINDS = {"SQLITE_FULL": StoreFullError, "SQLITE_BUSY": StoreLockedError, "SQLITE_LOCKED": StoreLockedError}
DAMAGE = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_MISMATCH", "SQLITE_FORMAT")


@contextmanager
def _translated() -> Iterator[None]:
    """SQLite's errors by what can be done about them."""
    try:
        yield
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", "")
        kind = StoreDamagedError if name.startswith(DAMAGE) else KINDS.get(name, StoreError)
        raise kind(f"{name or type(error).__name__}: {error}") from error


@dataclass(frozen=True, slots=True)
class Batch:
    """Records `first` to `last`, shipped or to be shipped as one object."""

    first: int
    last: int


class Store:
    """One writer's records, in order. Not safe for two threads at a time.

    `head` is the last record, `shipped_through` the last one that the sink has confirmed.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, writer: str) -> None:
        self.path = path
        self.writer = writer
        self._connection = connection
        self._log_pages = 0.0
        self.head = genesis(writer)
        for row in connection.execute(
            "SELECT sequence, CAST(digest AS BLOB) FROM records ORDER BY sequence DESC LIMIT 1"
        ):
            self.head = Head(*row)
        (through,) = connection.execute("SELECT max(last) FROM batches WHERE shipped_at IS NOT NULL").fetchone()
        self.shipped_through: int = through or 0

    @classmethod
    def open(cls, directory: Path, name: str, capacity_mb: int) -> Self:
        """Opens the chain in a directory, or begins one: a writer is `name` and an identifier of its own.

        A file that is smaller than `capacity_mb` grows to it; a larger one stays as it is.

        Raises:
            StoreError: by its kind.
            OSError: the disk is full, or the directory cannot be written.
        """
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name):
            raise InputError("writer name", name, "1 to 64 letters, digits, - or _")
        path = directory / DATABASE
        pages = capacity_mb * PAGES_PER_MB
        if not path.exists():
            _create(path, f"{name}.{new_prediction_id(datetime.now(UTC))}", pages)
        allocate_log(path)
        with _translated():
            connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
            try:
                for pragma in PRAGMAS:
                    connection.execute(f"PRAGMA {pragma}")
                writer = _writer(connection)
                _drop_filler(connection)
                _reserve(connection, path, pages)
                connection.execute(f"PRAGMA max_page_count = {max(pages, _pages(connection))}")
                return cls(path, connection, writer)
            except BaseException:
                connection.close()
                raise

    @property
    def filled(self) -> float:
        """The share of the allocated space that is in use, 0 to 1."""
        with _translated():
            return 1 - self._number("PRAGMA freelist_count") / self._number("PRAGMA page_count")

    def append(self, bodies: Sequence[bytes]) -> None:
        """Chains records and has them on disk before it returns: all of them, or none and a StoreError."""
        head, rows = self.head, []
        for body in bodies:
            link = seal(self.writer, head, body)
            head = Head(link.sequence, link.digest)
            rows.append((link.sequence, link.previous, link.digest, link.body))
        with self._commit(sum(map(len, bodies))) as connection:
            connection.executemany("INSERT INTO records VALUES (?, ?, ?, ?)", rows)
        self.head = head

    def read(self, first: int, last: int, limit: int) -> list[Sealed]:
        """At most `limit` records from `first` to `last`."""
        query = f"SELECT {LINK} FROM records WHERE sequence BETWEEN ? AND ? ORDER BY sequence LIMIT ?"
        with _translated():
            return [Sealed(self.writer, *row) for row in self._connection.execute(query, (first, last, limit))]

    def planned(self) -> Batch | None:
        """The batch that was planned and not yet confirmed."""
        with _translated():
            row = self._connection.execute("SELECT first, last FROM batches WHERE shipped_at IS NULL").fetchone()
        return Batch(*row) if row else None

    def plan(self, batch: Batch) -> None:
        """Fixes a batch before it is shipped: whoever ships after a crash ships the same one under the same name."""
        with self._commit() as connection:
            connection.execute("INSERT INTO batches VALUES (?, ?, NULL)", (batch.first, batch.last))

    def confirm(self, batch: Batch, at: datetime, damaged: Sequence[Sealed] = ()) -> None:
        """Notes that the sink has a batch, all but its damaged records, whose bytes are kept aside for good."""
        rows = [(link.sequence, link.previous, link.digest, link.body) for link in damaged]
        with self._commit() as connection:
            connection.executemany("INSERT OR REPLACE INTO damaged VALUES (?, ?, ?, ?)", rows)
            connection.execute("UPDATE batches SET shipped_at = ? WHERE first = ?", (at.timestamp(), batch.first))
        self.shipped_through = batch.last

    def prune(self, shipped_before: datetime, limit: int) -> int:
        """Removes at most `limit` records, or 1 MiB, that were shipped before a time, and says how many it was.

        The last record stays whatever its age: the next one is chained to it.
        """
        with _translated():
            query = "SELECT max(last) FROM batches WHERE shipped_at <= ?"
            (last,) = self._connection.execute(query, (shipped_before.timestamp(),)).fetchone()
            query = "SELECT sequence, length(body) FROM records WHERE sequence <= ? ORDER BY sequence LIMIT ?"
            found = self._connection.execute(query, (min(last or 0, self.head.sequence - 1), limit)).fetchall()
        rows = content_bytes = 0
        while rows < len(found) and content_bytes < PRUNE_BYTES:
            content_bytes += found[rows][1]
            rows += 1
        if rows:
            with self._commit(content_bytes) as connection:
                until = found[rows - 1][0]
                connection.execute("DELETE FROM records WHERE sequence <= ?", (until,))
                connection.execute("DELETE FROM batches WHERE last <= ? AND last < ?", (until, self.shipped_through))
        return rows

    def probe(self) -> None:
        """Commits something that changes nothing, to see whether a commit works."""
        with self._commit() as connection:
            connection.execute("UPDATE chain SET writer = writer")

    def checkpoint(self, pages: int = CHECKPOINT_PAGES) -> None:
        """Empties the log into the database once it holds about so many pages."""
        if self._log_pages >= pages:
            with _translated():
                self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
            self._log_pages = 0.0

    def close(self) -> None:
        """Lets go of the file; its disk space stays its own."""
        with _translated():
            keep_spare(self.path)
            self._connection.close()

    @contextmanager
    def _commit(self, content_bytes: int = 0) -> Iterator[sqlite3.Connection]:
        with _translated():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
        # From above, over many commits: the page that was begun, the new ones, and for these the five pages that lead
        # to them and to the free ones.
        new_pages = content_bytes / PAGE_BYTES
        self._log_pages += 1 + new_pages + 5 * min(1.0, new_pages)

    def _number(self, query: str) -> int:
        return int(self._connection.execute(query).fetchone()[0])


def _create(path: Path, writer: str, pages: int) -> None:
    """Makes a database at its full size under a temporary name, and names it once it is whole and on disk."""
    partial = path.with_name(f"{path.name}.partial")
    partial.unlink(missing_ok=True)
    try:
        with _translated():
            connection = sqlite3.connect(partial, isolation_level=None)
            try:
                connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
                connection.execute("PRAGMA journal_mode = OFF")
                connection.execute("PRAGMA synchronous = OFF")
                connection.executescript(SCHEMA)
                connection.execute("INSERT INTO chain VALUES (?)", (writer,))
                _reserve(connection, partial, pages)
                connection.execute("PRAGMA journal_mode = WAL")
            finally:
                connection.close()
        sync_file(partial)
        partial.rename(path)
        sync_directory(path.parent)
    finally:
        partial.unlink(missing_ok=True)


def _writer(connection: sqlite3.Connection) -> str:
    """Whose chain the database holds."""
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    rows = connection.execute("SELECT writer FROM chain").fetchall() if tables >= TABLES else []
    if len(rows) != 1:
        raise StoreDamagedError("the file is no journal")
    return str(rows[0][0])


def _reserve(connection: sqlite3.Connection, path: Path, pages: int) -> None:
    """Makes the file so many pages large: they are written once, then given to SQLite's own list of free pages."""
    if _pages(connection) >= pages:
        return
    connection.execute("CREATE TABLE filler (content BLOB)")
    for _ in by_pieces(path):
        if (missing := pages - _pages(connection)) <= 0:
            break
        content_bytes = max(1, min(missing, PAGES_PER_MB) - 2) * (PAGE_BYTES - 4)
        connection.execute("INSERT INTO filler VALUES (zeroblob(?))", (content_bytes,))
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
    _drop_filler(connection)


def _drop_filler(connection: sqlite3.Connection) -> None:
    """Gives the pages of the filler to SQLite's list of free ones, where there is one: also after a killed start."""
    # Some builds of SQLite write zeros over all that is deleted. These are zeros, and would be written at once.
    (zeros,) = connection.execute("PRAGMA secure_delete").fetchone()
    connection.execute("PRAGMA secure_delete = OFF")
    connection.execute("DROP TABLE IF EXISTS filler")
    connection.execute(f"PRAGMA secure_delete = {zeros}")


def _pages(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA page_count").fetchone()[0])
