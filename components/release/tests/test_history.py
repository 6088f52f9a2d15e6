"""The history on disk: whole entries, each number once, whoever writes and whoever dies."""

import json
import multiprocessing
import os
import signal
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from windsock.contracts.errors import InputError
from windsock.release.history import Directory, Entry, History, Kind, Phase, fold
from windsock.release.traffic import Fence, OvertakenError, Unsplit, Wanted

AT = datetime(2013, 7, 1, 12, tzinfo=UTC)
STARTED = Entry(1, AT, Kind.STARTED, "old", "new", 0, "a new candidate")
FORK = multiprocessing.get_context("fork")


def entries(*kinds_and_weights):
    made = [STARTED]
    for kind, weight in kinds_and_weights:
        made.append(replace(STARTED, number=len(made) + 1, kind=kind, weight=weight, at=AT + timedelta(len(made))))
    return made


def test_an_entry_reads_back_as_it_was_written(tmp_path):
    entry = replace(STARTED, details={"operation": {"outcome": "passed", "findings": [{"interval": [0.1, 0.2]}]}})
    store = History(Directory(tmp_path / "history"))
    assert store.read() == []
    assert store.append(entry)
    assert store.read() == [entry]


def test_a_number_is_given_once(tmp_path):
    store = History(Directory(tmp_path))
    assert store.append(STARTED)
    assert not store.append(replace(STARTED, candidate="another"))
    assert store.read() == [STARTED]
    assert [path.name for path in tmp_path.iterdir()] == ["000001.json"]


def write_many(path, name):
    store = History(Directory(path))
    while len(known := store.read()) < 40:
        store.append(replace(STARTED, number=len(known) + 1, candidate=name))


def test_of_processes_that_write_at_once_one_wins_each_number(tmp_path):
    writers = [FORK.Process(target=write_many, args=(tmp_path, f"writer {index}")) for index in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    found = History(Directory(tmp_path)).read()
    assert [entry.number for entry in found] == list(range(1, 41))


def test_a_writer_that_is_killed_leaves_no_half_entry(tmp_path):
    for _ in range(15):
        writer = FORK.Process(target=write_forever, args=(tmp_path,))
        writer.start()
        time.sleep(0.02)
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
        known = History(Directory(tmp_path)).read()
        assert [entry.number for entry in known] == list(range(1, len(known) + 1))
    assert known


def write_forever(path):
    store = History(Directory(path))
    while True:
        store.append(replace(STARTED, number=len(store.read()) + 1))


def test_a_missing_or_broken_entry_is_an_error_and_not_a_shorter_history(tmp_path):
    store = History(Directory(tmp_path))
    for number in (1, 2, 3):
        store.append(replace(STARTED, number=number))
    (tmp_path / "000002.json").unlink()
    with pytest.raises(InputError, match="entry 2"):
        store.read()
    (tmp_path / "000002.json").write_text(json.dumps({"number": 2}))
    with pytest.raises(InputError, match="history 000002"):
        store.read()


def test_the_state_is_what_the_entries_say():
    state = fold(entries((Kind.CONFIRMED, 0), (Kind.MOVED, 10), (Kind.CONFIRMED, 10), (Kind.MOVED, 25)))
    assert (state.phase, state.weight, state.confirmed) == (Phase.ROLLING, 25, False)
    assert state.weights == {"old": 75, "new": 25}
    assert [(span.weight, span.ended_at is not None) for span in state.spans] == [(0, True), (10, True)]
    assert (state.number, state.decided) == (5, 5)


def test_full_traffic_is_probation_and_settling_ends_it():
    probation = entries((Kind.MOVED, 100))
    assert fold(probation).phase is Phase.PROBATION
    assert fold(probation).weights == {"old": 0, "new": 100}
    settled = [*probation, Entry(3, AT, Kind.SETTLED, "new", "old", 100, "fine")]
    assert fold(settled).weights == {"new": 100}
    assert fold(settled).previous == "old"


def test_a_refused_candidate_is_remembered_and_a_void_one_is_not():
    refused = fold(entries((Kind.ROLLED_BACK, 0)))
    assert (refused.phase, refused.serving, refused.failed) == (Phase.IDLE, "old", {"new"})
    assert fold(entries((Kind.VOIDED, 0))).failed == set()


def test_notes_change_no_weight_and_need_no_new_wish():
    state = fold(entries((Kind.CONFIRMED, 0), (Kind.HELD, 0)))
    assert state.held
    assert state.decided == 1
    assert state.number == 3


def test_the_fence_lets_only_newer_numbers_through(tmp_path):
    fence = Fence(tmp_path)
    with fence.passed(3):
        pass
    with pytest.raises(OvertakenError), fence.passed(2):
        pytest.fail("an older number came through")
    with fence.passed(3):
        pass
    assert fence.number == 3


def test_an_equal_share_with_an_older_number_is_not_ready_yet(tmp_path):
    """Else a process that slept through could still bring its older wish."""
    traffic = Unsplit(tmp_path)
    traffic.set_weights(Wanted(1, {"old": 100}))
    assert traffic.ready(Wanted(1, {"old": 100})) == ""
    assert traffic.ready(Wanted(2, {"old": 100})) != ""


@pytest.mark.parametrize("weights", [{}, {"old": 90}, {"old": 110, "new": -10}])
def test_shares_that_do_not_sum_to_all_cannot_be_wanted(weights):
    with pytest.raises((InputError, ValueError)):
        Wanted(1, weights)


def test_what_cannot_be_split_is_refused_in_words(tmp_path):
    with pytest.raises(InputError, match="no traffic to split"):
        Unsplit(tmp_path).set_weights(Wanted(1, {"old": 90, "new": 10}))
