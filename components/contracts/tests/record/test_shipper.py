import asyncio
import sqlite3
import threading
from pathlib import Path

import pytest
from windsock.contracts.errors import InputError
from windsock.contracts.journal import Recorder
from windsock.contracts.journal.lines import SUFFIX, decode_lines, encode_lines
from windsock.contracts.journal.reading import Reading
from windsock.contracts.journal.shipper import Encoding
from windsock.contracts.journal.sinks import DirectorySink, SinkError, directory_sink
from windsock.contracts.journal.slots import take_writer
from windsock.contracts.journal.store import DATABASE
from windsock.contracts.record_chain import Fault
from windsock.contracts.record_settings import RecordSettings

LONG_S = 30.0
LINES = Encoding(SUFFIX, encode_lines)


class Obstructed(DirectorySink):
    """A directory that can be told to fail: before it stores, after it has stored, or by storing something else."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.fails = ""
        self.puts: list[str] = []

    def put(self, name: str, content: bytes) -> None:
        self.puts.append(name)
        if self.fails == "before":
            raise SinkError("down")
        if self.fails == "defect":
            raise ZeroDivisionError("a defect")
        super().put(name, content[:-1] if self.fails == "other" else content)
        if self.fails == "after":
            raise SinkError("went down before it answered")


@pytest.fixture
def sink(tmp_path):
    return Obstructed(tmp_path / "sink")


@pytest.fixture
def start(tmp_path, sink):
    recorders = []

    def start_one(**changes):
        settings = RecordSettings(**{"capacity_mb": 4, "ship_every_s": 3600.0, **changes})
        recorders.append(Recorder.start(tmp_path / "journal", sink, LINES, settings, "local"))
        return recorders[-1]

    yield start_one
    for recorder in recorders:
        recorder.close()


def append(recorder, predictions):
    async def each():
        for made in predictions:
            await recorder.append([made], LONG_S)

    asyncio.run(each())


def read(sink, **arguments):
    reading = Reading(sink, {SUFFIX: decode_lines}, **arguments)
    return list(reading), reading


def local_rows(recorder):
    return [link.sequence for link in recorder._journal.run(lambda store: store.read(1, 10**9, 10**6))]


def test_all_that_was_recorded_arrives_once(start, sink, prediction):
    recorder = start(batch_rows=300)
    made = [prediction(number) for number in range(1000)]
    asyncio.run(recorder.append(made[:200], LONG_S))
    for begin in range(200, 1000, 200):
        asyncio.run(recorder.append(made[begin : begin + 200], LONG_S))
    assert recorder.state().unshipped == 1000
    assert recorder.ship()
    found, reading = read(sink)
    assert [one.encode() for one in found] == [one.encode() for one in made]
    assert reading.clean
    assert [name.split("/")[1] for name in sink.names()] == [
        "000000000001-000000000300_2013-07-01_2013-07-01.jsonl",
        "000000000301-000000000600_2013-07-01_2013-07-01.jsonl",
        "000000000601-000000000900_2013-07-01_2013-07-01.jsonl",
        "000000000901-000000001000_2013-07-01_2013-07-01.jsonl",
    ]
    state = recorder.state()
    assert (state.unshipped, state.shipped_rows, state.behind_s, state.ship_trouble) == (0, 1000, 0.0, "")


def test_what_was_shipped_is_removed_but_for_the_last(start, prediction):
    recorder = start()
    append(recorder, map(prediction, range(5)))
    assert recorder.ship()
    assert local_rows(recorder) == [5]
    append(recorder, [prediction(6)])
    assert local_rows(recorder) == [5, 6]


def test_what_was_shipped_is_kept_as_long_as_asked(start, prediction):
    recorder = start(keep_shipped_s=3600.0)
    append(recorder, map(prediction, range(5)))
    assert recorder.ship()
    assert local_rows(recorder) == [1, 2, 3, 4, 5]


def test_room_is_made_whatever_was_asked(start, sink, prediction):
    recorder = start(keep_shipped_s=3600.0)
    request = {"name": "x" * 4000}
    for begin in range(0, 600, 200):
        asyncio.run(recorder.append([prediction(begin + step, request=request) for step in range(200)], LONG_S))
    assert recorder._journal.run(lambda store: store.filled) > 0.5
    assert recorder.ship()
    assert local_rows(recorder) == [600]
    assert recorder._journal.run(lambda store: store.filled) < 0.1


@pytest.mark.parametrize("fails", ["before", "after", "other", "defect"])
def test_a_sink_that_fails_costs_nothing_but_disk(start, sink, prediction, fails):
    recorder = start()
    made = [prediction(number) for number in range(5)]
    append(recorder, made[:3])
    sink.fails = fails
    assert not recorder.ship()
    append(recorder, made[3:])
    assert not recorder.ship()
    assert recorder.state().ship_trouble
    assert local_rows(recorder) == [1, 2, 3, 4, 5]
    sink.fails = ""
    assert recorder.ship()
    assert recorder.state().ship_trouble == ""
    found, reading = read(sink)
    assert [one.prediction_id for one in found] == [one.prediction_id for one in made]
    assert reading.clean
    assert len(set(sink.puts)) == len(sink.names()) == 2, "what is shipped again has the name that it had"


def test_a_batch_that_was_on_its_way_when_the_process_died_is_shipped_under_its_name(start, sink, prediction):
    recorder = start()
    append(recorder, map(prediction, range(3)))
    sink.fails = "after"
    recorder.close()
    sink.fails = ""
    again = start()
    append(again, [prediction(4)])
    assert again.ship()
    found, reading = read(sink)
    assert len(found) == 4
    assert len(sink.names()) == 2
    assert reading.clean
    assert [audit.duplicates for audit in reading.audits.values()] == [0]


def test_the_end_ships_what_is_there(start, sink, prediction):
    recorder = start()
    append(recorder, map(prediction, range(3)))
    recorder.close()
    assert len(read(sink)[0]) == 3


def test_a_sink_that_hangs_does_not_hold_up_the_end(start, sink, prediction, monkeypatch):
    monkeypatch.setattr("windsock.contracts.journal.shipper.CLOSE_WITHIN_S", 0.2)
    released = threading.Event()
    monkeypatch.setattr(sink, "put", lambda _name, _content: released.wait(LONG_S))
    recorder = start()
    append(recorder, [prediction()])
    recorder.close()
    assert not released.is_set()
    released.set()


def test_it_ships_by_itself(start, sink, prediction):
    recorder = start(ship_every_s=0.05)
    append(recorder, map(prediction, range(3)))
    waited = threading.Event()
    while recorder.state().unshipped:
        assert not waited.wait(0.01)
    assert len(read(sink)[0]) == 3


def test_a_journal_that_nobody_writes_to_any_more_is_shipped_too(start, sink, tmp_path, prediction):
    settings = RecordSettings(capacity_mb=4)
    places = [take_writer(tmp_path / "journal", "local", settings) for _ in range(2)]
    for slot, store in places:
        store.append([prediction().encode()])
        store.close()
        slot.release()
    recorder = start()
    assert recorder.state().unshipped == 1
    assert recorder.ship()
    found, reading = read(sink)
    assert len(found) == len(reading.audits) == 2


def test_a_record_that_changed_on_the_disk_is_kept_back_and_missed(start, sink, tmp_path, prediction, capsys):
    recorder = start(keep_shipped_s=3600.0)
    sink.fails = "before"
    append(recorder, map(prediction, range(5)))
    recorder.close()
    database = tmp_path / "journal" / "00" / DATABASE
    with sqlite3.connect(database) as disk:
        disk.execute("UPDATE records SET body = 'bit rot' WHERE sequence = 3")
    disk.close()
    sink.fails = ""
    again = start()
    assert again.ship()
    found, reading = read(sink)
    (audit,) = reading.audits.values()
    assert len(found) == 4
    assert audit.faults == [Fault(audit.writer, 3, 3, "gap")]
    assert '"event": "record_damaged"' in capsys.readouterr().err
    kept = again._journal.run(lambda store: store._connection.execute("SELECT * FROM damaged").fetchall())
    assert [(row[0], row[3]) for row in kept] == [(3, b"bit rot")]


def test_an_address_of_another_kind_is_refused():
    for address in ("", "/tmp/x", "s3://bucket", "file://host/x"):  # noqa: S108
        with pytest.raises(InputError, match="record sink"):
            directory_sink(address)


def test_a_sink_that_is_no_directory_is_down(tmp_path):
    (tmp_path / "file").write_text("")
    sink = directory_sink((tmp_path / "file").as_uri())
    with pytest.raises(SinkError):
        sink.put("a/b", b"")
    with pytest.raises(SinkError):
        sink.get("a/b")
