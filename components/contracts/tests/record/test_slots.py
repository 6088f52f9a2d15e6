import sqlite3

import pytest
from windsock.contracts.errors import InputError
from windsock.contracts.journal.slots import SLOTS, Slot, idle_writers, places, take_writer
from windsock.contracts.journal.store import DATABASE
from windsock.contracts.record_settings import RecordSettings

SETTINGS = RecordSettings(capacity_mb=4)


def taken(root):
    return take_writer(root, "local", SETTINGS)


def test_each_process_has_its_own_place(tmp_path):
    first, second = taken(tmp_path), taken(tmp_path)
    assert [slot.directory.name for slot, _ in (first, second)] == ["00", "01"]
    assert first[1].writer != second[1].writer
    for slot, store in (first, second):
        store.close()
        slot.release()
    slot, store = taken(tmp_path)
    assert store.writer == first[1].writer
    store.close()
    slot.release()


def test_a_place_is_taken_before_anything_is_in_it(tmp_path):
    slot = Slot.take(tmp_path)
    assert Slot.take(tmp_path) is None
    slot.release()
    Slot.take(tmp_path).release()


def test_a_place_whose_database_is_locked_is_left_alone(tmp_path, capsys):
    slot, store = taken(tmp_path)
    store.close()
    slot.release()
    other = sqlite3.connect(tmp_path / "00" / DATABASE, isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    slot, store = taken(tmp_path)
    assert slot.directory.name == "01"
    assert "record_journal_locked" in capsys.readouterr().err
    store.close()
    slot.release()
    other.close()


def test_a_damaged_database_is_set_aside_whole_and_a_new_chain_begun(tmp_path, capsys):
    slot, store = taken(tmp_path)
    store.close()
    slot.release()
    garbage = b"garbage" * 10_000
    (tmp_path / "00" / DATABASE).write_bytes(garbage)
    slot, again = taken(tmp_path)
    assert again.writer != store.writer
    assert (tmp_path / "00" / f"damaged-{DATABASE}-0" / DATABASE).read_bytes() == garbage
    assert "record_journal_damaged" in capsys.readouterr().err
    again.close()
    slot.release()


def test_only_what_nobody_holds_is_idle(tmp_path):
    first, second = taken(tmp_path), taken(tmp_path)
    second[1].close()
    second[0].release()
    assert [store.writer for store in idle_writers(tmp_path)] == [second[1].writer]
    first[1].close()
    first[0].release()


def test_what_is_idle_stays_as_large_as_it_is(tmp_path):
    slot, store = taken(tmp_path)
    store.close()
    slot.release()
    before = store.path.stat().st_size
    for idle in idle_writers(tmp_path):
        idle.append([b"x" * 1000] * 100)
    assert store.path.stat().st_size == before


def test_too_many_processes_are_told_so(tmp_path, monkeypatch):
    monkeypatch.setattr("windsock.contracts.journal.slots.SLOTS", 1)
    assert len(list(places(tmp_path))) == 1 < SLOTS
    slot, store = taken(tmp_path)
    with pytest.raises(InputError, match="record directory"):
        taken(tmp_path)
    store.close()
    slot.release()


def test_a_directory_that_is_none_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="record directory"):
        taken(tmp_path / "file")
