"""Batches that a server without a network left in a directory reach the sink, each once by name, and then leave it."""

import signal
import subprocess
import sys
import time

import pytest
from windsock.contracts.journal.sinks import SinkError, batch_name, directory_sink
from windsock.predictor.record.carry import carry_all

WRITER = "rules.0192a1b2-0000-7000-8000-000000000001"
NAMES = [batch_name(WRITER, n, n + 4, "2013-07-01", "2013-07-01", "jsonl") for n in (1, 6, 11)]


@pytest.fixture
def shipped(tmp_path):
    source = directory_sink((tmp_path / "shipped").as_uri())
    for name in NAMES:
        source.put(name, name.encode())
    return tmp_path / "shipped"


@pytest.fixture
def sink(tmp_path):
    return directory_sink((tmp_path / "sink").as_uri())


def test_whole_batches_move_and_nothing_else(shipped, sink):
    (shipped / f"writer={WRITER}" / "notes.txt").write_text("not a batch")
    (shipped / f"writer={WRITER}" / ".half.jsonl").write_text("half-written")
    assert carry_all(shipped, sink) == 3
    assert sink.names() == NAMES
    assert [sink.get(name) for name in NAMES] == [name.encode() for name in NAMES]
    assert sorted(path.name for path in shipped.rglob("*") if path.is_file()) == [".half.jsonl", "notes.txt"]
    assert carry_all(shipped, sink) == 0


def test_a_directory_that_is_not_there_yet_is_empty(tmp_path, sink):
    assert carry_all(tmp_path / "none", sink) == 0


def test_what_was_put_and_not_removed_is_carried_again_under_its_name(shipped, sink):
    sink.put(NAMES[0], b"half of it")
    assert carry_all(shipped, sink) == 3
    assert sink.get(NAMES[0]) == NAMES[0].encode()


class Forgetful:
    """Takes objects, and gives back other bytes for one of them."""

    def __init__(self, sink, name):
        self.sink, self.name = sink, name

    def __getattr__(self, name):
        return getattr(self.sink, name)

    def get(self, name):
        return b"" if name == self.name else self.sink.get(name)


def test_a_batch_stays_until_the_sink_gives_it_back(shipped, sink):
    with pytest.raises(SinkError, match="gave back other bytes"):
        carry_all(shipped, Forgetful(sink, NAMES[1]))
    assert directory_sink(shipped.as_uri()).names() == NAMES[1:]


def test_the_command_carries_what_comes_at_the_very_end(shipped, tmp_path, sink):
    (tmp_path / "sink").write_text("a sink that is down: its directory cannot be made")
    command = [sys.executable, "-m", "windsock.predictor.record", "carry", str(shipped), (tmp_path / "sink").as_uri()]
    process = subprocess.Popen([*command, "--every_s", "0.1", "--linger_s", "1"], stderr=subprocess.PIPE, text=True)
    assert "record_not_carried" in process.stderr.readline()
    (tmp_path / "sink").unlink()
    while directory_sink(shipped.as_uri()).names():
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    last = batch_name(WRITER, 16, 20, "2013-07-01", "2013-07-01", "jsonl")
    directory_sink(shipped.as_uri()).put(last, b"the last ones")
    said = process.communicate(timeout=30)[1]
    assert process.returncode == 0, said
    assert sink.get(last) == b"the last ones"
    assert said.count("record_carrying_recovered") == 1
