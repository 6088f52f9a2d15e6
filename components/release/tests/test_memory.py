"""What one process read the next need not read: the same look, from the memory and from what has come since."""

from datetime import timedelta

import pytest
from recorded import AT, NEW, OLD, WRITERS, record, write_batch
from windsock.release.evidence import Answer
from windsock.release.history import Directory
from windsock.release.memory import Memory, Part, Reader

LATER = AT + timedelta(days=9)


def look(records, memory=None, began_at=AT, at_least=1):
    """A process of its own."""
    reader = Reader((records.as_uri(),), Memory(Directory(memory)) if memory else None, at_least)
    reader.read(began_at)
    return reader


def same(one, other):
    known = [
        (each.answers.primary, each.answers.copies, each.answers.newest, dict(each.newest)) for each in (one, other)
    ]
    return known[0] == known[1]


def test_a_later_process_knows_what_an_earlier_one_read_and_reads_only_what_is_new(tmp_path):
    records, memory = tmp_path / "records", tmp_path / "memory"
    first = write_batch(records, [record(1), record(2, NEW, role="shadow", reason="model_slow")])
    look(records, memory)
    write_batch(records, [record(3, NEW, latency_s=0.1 + 0.2)], "b")
    whole = look(records)
    # Whoever reads it again finds nothing there any more.
    first.write_bytes(b"broken")
    assert not same(look(records), whole)
    later = look(records, memory)
    assert same(later, whole)
    assert len(later.answers.primary) == 2
    later.read(AT)
    assert same(later, whole)
    assert len(list(memory.iterdir())) == 2, "a look that finds nothing new remembers nothing"


def test_few_answers_are_not_worth_a_part_and_are_read_again(tmp_path):
    records, memory = tmp_path / "records", tmp_path / "memory"
    for number, name in enumerate(WRITERS):
        write_batch(records, [record(number)], name)
        assert same(look(records, memory, at_least=2), look(records))
    assert len(list(memory.iterdir())) == 1
    assert len(Part.decode(next(memory.iterdir()).read_bytes()).answers) == 2


def test_of_several_tries_the_worst_counts_whichever_process_read_it(tmp_path):
    records, memory = tmp_path / "records", tmp_path / "memory"
    for name, reason in zip(WRITERS, ("", "model_failed", "")):
        write_batch(records, [record(1, reason=reason)], name)
        known = look(records, memory)
    assert [one.failed for one in known.answers.primary.values()] == [True]


@pytest.mark.parametrize("broken", [b"", b"{}", b'{"format":1}', b"\xff", b"[1]", b'{"format":2,"fields":[]}'])
def test_a_broken_part_is_left_out_and_its_records_are_read_again(tmp_path, broken, capsys):
    records, memory = tmp_path / "records", tmp_path / "memory"
    for number, name in enumerate(WRITERS):
        write_batch(records, [record(number)], name)
        look(records, memory)
    sorted(memory.rglob("*.json"))[1].write_bytes(broken)
    assert same(look(records, memory), look(records))
    assert "memory_forgotten" in capsys.readouterr().err
    # What it held is remembered in a part of its own by now.
    for batch in records.rglob("*.jsonl"):
        batch.write_bytes(b"broken")
    assert len(look(records, memory).answers.primary) == len(WRITERS)


def test_a_rollout_remembers_nothing_of_the_one_before(tmp_path):
    records, memory = tmp_path / "records", tmp_path / "memory"
    write_batch(records, [record(1)])
    look(records, memory)
    write_batch(records, [record(2, predicted_at=LATER)], "b")
    known = look(records, memory, LATER)
    assert [one.key for one in known.answers.primary.values()] == ["key-2"]


def test_two_that_look_at_once_lose_nothing(tmp_path):
    records, memory = tmp_path / "records", tmp_path / "memory"
    write_batch(records, [record(1)])
    one, other = (Reader((records.as_uri(),), Memory(Directory(memory)), 1) for _ in range(2))
    one.read(AT)
    other.read(AT)
    write_batch(records, [record(2)], "b")
    other.read(AT)
    one.read(AT)
    assert same(look(records, memory), look(records))


def test_a_part_reads_back_as_it_was():
    answers = tuple(map(Answer.of, (record(1, OLD, score=0.1 + 0.2), record(2, NEW, role="shadow", reason="deadline"))))
    part = Part((("file:///records", "a/1.parquet"),), {"writer": AT + timedelta(microseconds=1)}, answers)
    assert Part.decode(part.encode()) == part
