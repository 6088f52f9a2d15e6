import os
import sqlite3
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from windsock.contracts.errors import InputError
from windsock.contracts.journal.space import LOG_BYTES, PAUSE_AT_MOST_S, by_pieces, log_path, spare_path
from windsock.contracts.journal.store import (
    DATABASE,
    Batch,
    Store,
    StoreDamagedError,
    StoreFullError,
    StoreLockedError,
)
from windsock.contracts.record_chain import Audit, accepted, genesis

CAPACITY_MB = 4
MIB = 1024 * 1024
BODY = b"x" * 1000
LATER = datetime(2100, 1, 1, tzinfo=UTC)


def opened(directory, capacity_mb=CAPACITY_MB):
    return Store.open(directory, "local", capacity_mb)


def allocated_bytes(directory):
    return sum(path.stat().st_blocks * 512 for path in directory.iterdir())


def written_bytes():
    """What this process has given to the system to write so far."""
    return int(dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())["wchar"])


def fill(store):
    with pytest.raises(StoreFullError):
        _append_more_than_there_is_room_for(store)


def _append_more_than_there_is_room_for(store):
    for _ in range(500):
        store.append([BODY] * 50)
        store.checkpoint()


def whole(store):
    """Whether the chain that a store holds is whole from its beginning."""
    audit = Audit(store.writer)
    list(accepted(store.read(1, store.head.sequence, 1_000_000), audit, genesis(store.writer), store.head))
    return not audit.faults


def test_a_chain_goes_on_where_it_ended(tmp_path):
    store = opened(tmp_path)
    store.append([b"one", b"two"])
    store.close()
    again = opened(tmp_path)
    assert (again.writer, again.head) == (store.writer, store.head)
    again.append([b"three"])
    assert [link.body for link in again.read(1, 9, 9)] == [b"one", b"two", b"three"]
    assert whole(again)
    again.close()


def test_what_a_killed_process_committed_is_there(tmp_path):
    store = opened(tmp_path)
    store.append([b"one"])
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in (tmp_path / DATABASE, log_path(tmp_path / DATABASE)):
        (copy / path.name).write_bytes(path.read_bytes())
    after = opened(copy)
    assert after.head == store.head
    store.close()
    after.close()


def test_a_lost_disk_shows_as_a_new_writer(tmp_path):
    writers = set()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        store = opened(tmp_path / name)
        writers.add(store.writer)
        store.close()
    assert len(writers) == 2
    assert all(writer.startswith("local.") for writer in writers)


@pytest.mark.parametrize("name", ["", "a/b", "a.b", "x" * 65, "é"])
def test_a_writer_has_a_plain_name(tmp_path, name):
    with pytest.raises(InputError, match="writer name"):
        Store.open(tmp_path, name, CAPACITY_MB)


def test_all_space_is_allocated_before_it_is_needed(tmp_path):
    store = opened(tmp_path)
    before = allocated_bytes(tmp_path)
    assert before >= CAPACITY_MB * 1024 * 1024 + LOG_BYTES
    fill(store)
    assert store.head.sequence * len(BODY) > CAPACITY_MB * 1024 * 1024 * 0.7
    assert store.filled > 0.95
    assert allocated_bytes(tmp_path) == before
    store.close()


def test_a_full_store_takes_nothing_in_part_and_can_be_emptied(tmp_path):
    store = opened(tmp_path)
    fill(store)
    head = store.head
    assert len(store.read(1, 1_000_000, 1_000_000)) == head.sequence
    assert whole(store)
    store.plan(Batch(1, head.sequence))
    store.confirm(Batch(1, head.sequence), datetime.now(UTC))
    while store.prune(LATER, 200):
        store.checkpoint()
    assert store.filled < 0.05
    store.append([b"next"])
    assert store.read(1, 1_000_000, 9)[0].digest == head.digest
    store.close()


def test_the_log_stays_in_its_space(tmp_path):
    store = opened(tmp_path, capacity_mb=16)
    for size in (1, 1, 1, 100, 1000, 1, 100, 1000, 1000, 1) * 20:
        store.append([BODY] * (size // 20 + 1))
        store.checkpoint()
    assert store.filled > 0.2
    assert log_path(store.path).stat().st_size == LOG_BYTES
    store.close()


def test_a_clean_stop_keeps_the_space_of_the_log(tmp_path):
    store = opened(tmp_path)
    before = log_path(store.path).stat().st_ino
    store.append([b"one"])
    store.close()
    assert not log_path(store.path).exists()
    again = opened(tmp_path)
    assert log_path(again.path).stat().st_ino == before
    assert not spare_path(again.path).exists()
    assert again.head.sequence == 1
    again.close()


def test_the_spare_brings_nothing_back(tmp_path):
    store = opened(tmp_path)
    store.append([b"one", b"two"])
    store.close()
    with sqlite3.connect(store.path) as person:
        person.execute("DELETE FROM records WHERE sequence = 2")
    person.close()
    again = opened(tmp_path)
    assert again.head.sequence == 1
    again.close()


def test_a_spare_beside_a_log_that_is_alive_is_only_a_name(tmp_path):
    store = opened(tmp_path)
    store.append([b"one"])
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in (tmp_path / DATABASE, log_path(tmp_path / DATABASE)):
        (copy / path.name).write_bytes(path.read_bytes())
    os.link(log_path(copy / DATABASE), spare_path(copy / DATABASE))
    after = opened(copy)
    assert after.head.sequence == 1
    store.close()
    after.close()


@pytest.mark.parametrize("before_mb", [None, CAPACITY_MB])
def test_space_is_written_once_and_is_on_disk_piece_by_piece(tmp_path, monkeypatch, before_mb):
    if before_mb:
        opened(tmp_path, before_mb).close()
    marks, sync = [written_bytes()], os.fsync
    monkeypatch.setattr("os.fsync", lambda file: (sync(file), marks.append(written_bytes())))
    store = opened(tmp_path, capacity_mb=32)
    pieces = [later - earlier for earlier, later in pairwise(marks)]
    # A database that grows is written to its log first.
    assert sum(pieces) < (32 + LOG_BYTES // MIB + 2) * MIB * (2 if before_mb else 1)
    assert max(pieces) < 3 * MIB
    store.close()


def test_what_is_deleted_later_is_overwritten_as_before(tmp_path):
    with sqlite3.connect(":memory:") as usual:
        wanted = usual.execute("PRAGMA secure_delete").fetchone()
    usual.close()
    opened(tmp_path).close()
    store = opened(tmp_path, capacity_mb=8)
    assert store._connection.execute("PRAGMA secure_delete").fetchone() == wanted
    store.close()


def test_between_two_pieces_the_disk_is_left_to_others_for_as_long(tmp_path, monkeypatch):
    clock, paused = iter([0.0, 0.03, 1.0, 9.0, 9.0]), []
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    monkeypatch.setattr("time.sleep", paused.append)
    (tmp_path / "file").touch()
    for _ in zip(range(3), by_pieces(tmp_path / "file"), strict=False):
        pass
    assert paused == [pytest.approx(0.03), PAUSE_AT_MOST_S]


def test_a_larger_capacity_is_allocated_at_the_next_start(tmp_path):
    store = opened(tmp_path)
    fill(store)
    store.close()
    larger = opened(tmp_path, capacity_mb=8)
    assert larger.path.stat().st_size >= 8 * 1024 * 1024
    assert 0.4 < larger.filled < 0.6
    larger.append([BODY])
    assert whole(larger)
    larger.close()


def test_a_smaller_capacity_leaves_the_file_as_it_is(tmp_path):
    store = opened(tmp_path, capacity_mb=8)
    fill(store)
    store.close()
    smaller = opened(tmp_path)
    assert smaller.path.stat().st_size >= 8 * 1024 * 1024
    assert smaller.filled > 0.9
    smaller.close()


def test_a_start_that_was_killed_while_it_grew_is_made_good(tmp_path):
    opened(tmp_path).close()
    with sqlite3.connect(tmp_path / DATABASE) as connection:
        connection.execute("CREATE TABLE filler (content BLOB)")
        connection.execute("INSERT INTO filler VALUES (zeroblob(3000000))")
    connection.close()
    before = written_bytes()
    store = opened(tmp_path)
    assert store.filled < 0.05
    # It is let go of, and not written once more.
    assert written_bytes() - before < MIB
    store.close()


def test_nobody_else_can_lock_or_read_the_database(tmp_path):
    store = opened(tmp_path)
    other = sqlite3.connect(store.path, timeout=0)
    for statement in ("BEGIN EXCLUSIVE", "SELECT * FROM records", "DELETE FROM records"):
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute(statement)
    store.append([b"one"])
    other.close()
    store.close()


def test_a_database_that_another_has_locked_says_so(tmp_path):
    opened(tmp_path).close()
    other = sqlite3.connect(tmp_path / DATABASE, isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreLockedError):
        opened(tmp_path)
    other.execute("ROLLBACK")
    other.close()
    opened(tmp_path).close()


@pytest.mark.parametrize("content", [b"", b"no database at all" * 1000])
def test_a_file_that_is_no_database_is_damaged(tmp_path, content):
    (tmp_path / DATABASE).write_bytes(content)
    with pytest.raises(StoreDamagedError):
        opened(tmp_path)


def test_a_planned_batch_waits_for_whoever_ships_next(tmp_path):
    store = opened(tmp_path)
    store.append([b"one", b"two", b"three"])
    assert store.planned() is None
    store.plan(Batch(1, 2))
    store.close()
    again = opened(tmp_path)
    assert again.planned() == Batch(1, 2)
    assert again.shipped_through == 0
    again.confirm(Batch(1, 2), datetime.now(UTC))
    assert again.planned() is None
    again.close()
    last = opened(tmp_path)
    assert last.shipped_through == 2
    last.close()
