import asyncio

import pytest
from windsock.contracts.journal.slots import take_writer
from windsock.contracts.record_settings import RecordSettings
from windsock.predictor.record import open_recorder
from windsock.predictor.record.__main__ import main

SETTINGS = RecordSettings(capacity_mb=4, ship_every_s=3600.0)


@pytest.fixture
def sink(tmp_path, prediction):
    """A directory with two batches of one writer, as its address."""
    address = (tmp_path / "sink").as_uri()
    recorder = open_recorder(tmp_path / "journal", address, SETTINGS, "local")
    for numbers in (range(3), range(3, 6)):
        asyncio.run(recorder.append([prediction(number) for number in numbers], 60.0))
        assert recorder.ship()
    recorder.close()
    return address


def objects(tmp_path):
    return sorted((tmp_path / "sink").rglob("*.parquet"))


def test_a_whole_sink_is_said_to_be_whole(sink, capsys):
    assert main(["check", sink]) == 0
    said = capsys.readouterr().out.splitlines()
    assert "6 records to 6, 0 copies, 0 faults" in said[0]
    assert said[-1] == "6 predictions, 0 repeated, 1 writers: whole"


def test_what_is_missing_is_named(sink, tmp_path, capsys):
    objects(tmp_path)[0].unlink()
    assert main(["check", sink]) == 1
    said = capsys.readouterr().out
    assert "  gap: 1 to 3" in said
    assert "not whole" in said


def test_an_end_that_was_cut_off_is_found_with_the_head_of_the_log(sink, tmp_path, capsys):
    last = objects(tmp_path)[-1]
    writer = last.parent.name.removeprefix("writer=")
    last.unlink()
    assert main(["check", sink]) == 0
    assert main(["check", sink, "--head", writer, "6", "00" * 32]) == 1
    assert "  gap: 4 to 6" in capsys.readouterr().out


def test_an_address_without_records_is_not_whole(tmp_path, capsys):
    assert main(["check", (tmp_path / "elsewhere").as_uri()]) == 1
    assert "nothing there" in capsys.readouterr().out


def test_an_unreadable_object_is_named(sink, tmp_path, capsys):
    objects(tmp_path)[0].write_bytes(b"garbage")
    assert main(["check", sink]) == 1
    assert "unreadable: writer=" in capsys.readouterr().out


def test_a_journal_that_was_left_is_shipped(tmp_path, prediction, capsys):
    slot, store = take_writer(tmp_path / "journal", "local", SETTINGS)
    store.append([prediction(number).encode() for number in range(4)])
    store.close()
    slot.release()
    address = (tmp_path / "sink").as_uri()
    assert main(["ship", str(tmp_path / "journal"), address]) == 0
    assert main(["ship", str(tmp_path / "journal"), address]) == 0
    assert main(["check", address]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[:2] == ["4 records shipped", "0 records shipped"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "ftp://somewhere"],
        ["check", "file:///nowhere", "--head", "w", "one", "00"],
        ["ship", "/nowhere/at/all", "file:///nowhere"],
    ],
)
def test_bad_input_is_one_line(arguments, capsys):
    assert main(arguments) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
