"""The disk space of a journal, allocated before it is needed: a disk that others fill takes nothing from it.

The database is made at its full size, and its log (SQLite's `-wal` file) too. SQLite overwrites both in place, so no
write of a record asks the file system for a block. SQLite deletes its log at a clean stop; a second name, the spare,
keeps the blocks for the next start.

Space is written a piece at a time, each on disk before the next: other servers on the same disk wait for theirs with
every answer, and a server that fills a quarter of a gigabyte at once would hold them all up.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path

LOG_BYTES = 8 * 1024 * 1024
LOG_HEADER_BYTES = 32
BLOCK_BYTES = 1024 * 1024
# A disk that stands still is no reason to stand still for as long once more.
PAUSE_AT_MOST_S = 0.1


def log_path(database: Path) -> Path:
    """SQLite's write-ahead log of a database."""
    return database.with_name(f"{database.name}-wal")


def spare_path(database: Path) -> Path:
    """The second name of the log, from just before a clean stop to the next start."""
    return database.with_name(f"{database.name}-spare")


def allocate_log(database: Path) -> None:
    """Gives SQLite a log of the full size to overwrite. Call it before the database is opened.

    A log that is there may hold records of a process that was killed, and stays. The spare holds none that the database
    lacks; its header is wiped, so that SQLite takes it for an empty log whatever was done to the database meanwhile.

    Raises:
        OSError: the disk is full and there was no spare, or the directory cannot be written.
    """
    log, spare = log_path(database), spare_path(database)
    if not log.exists() and spare.exists():
        with spare.open("r+b") as file:
            file.write(bytes(LOG_HEADER_BYTES))
            os.fsync(file.fileno())
        spare.rename(log)
    spare.unlink(missing_ok=True)
    with log.open("ab", buffering=0) as file:
        for _ in by_pieces(log):
            if (missing := LOG_BYTES - file.tell()) <= 0:
                break
            file.write(bytes(min(missing, BLOCK_BYTES)))
        os.fsync(file.fileno())
    sync_directory(database.parent)


def by_pieces(path: Path) -> Iterator[None]:
    """Lets its caller write a piece of a file each turn. Between two the first is brought to disk, and the disk is left
    to others for as long as that piece took.
    """
    while True:
        began = time.monotonic()
        yield
        sync_file(path)
        time.sleep(min(time.monotonic() - began, PAUSE_AT_MOST_S))


def keep_spare(database: Path) -> None:
    """Gives the log its second name. Call it before the database is closed."""
    spare = spare_path(database)
    spare.unlink(missing_ok=True)
    if log_path(database).exists():
        os.link(log_path(database), spare)


def make_directory(path: Path) -> None:
    """Makes a directory and those above it, and has their names on disk, each before anything is put into it.

    One that is there already may have been made by a process that was killed before it could sync the name.
    """
    if not path.exists():
        make_directory(path.parent)
        path.mkdir(exist_ok=True)
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Has the names in a directory on disk."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> None:
    """Has a file's bytes on disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
