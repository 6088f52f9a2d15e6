import asyncio
import threading
import time

import pytest
from windsock.contracts.errors import InputError
from windsock.contracts.journal.journal import Journal, NotRecorded
from windsock.contracts.journal.slots import take_writer
from windsock.contracts.journal.space import LOG_BYTES, log_path
from windsock.contracts.journal.store import Batch, Store, StoreDamagedError, StoreError
from windsock.contracts.record_chain import Audit, accepted, genesis
from windsock.contracts.record_settings import RecordSettings

BODY = b"x" * 1000
LONG_S = 30.0


@pytest.fixture
def open_journal(tmp_path):
    journals = []

    def open_one(**changes):
        settings = RecordSettings(**{"capacity_mb": 4, **changes})
        journals.append(Journal(*take_writer(tmp_path, "local", settings), "local", settings))
        return journals[-1]

    yield open_one
    for journal in journals:
        journal.close()


class Blocked:
    """Keeps the writer's thread busy, as a disk that does not answer would."""

    def __init__(self, journal):
        self.journal, self.go, self.begun = journal, threading.Event(), threading.Event()

    def _wait(self, _store):
        self.begun.set()
        self.go.wait(LONG_S)

    def __enter__(self):
        self.thread = threading.Thread(target=self.journal.run, args=(self._wait,))
        self.thread.start()
        self.begun.wait(LONG_S)
        return self

    def __exit__(self, *_):
        self.go.set()
        self.thread.join()


def refused(journal, bodies=(BODY,), within_s=LONG_S):
    with pytest.raises(NotRecorded) as error:
        asyncio.run(journal.append(bodies, within_s))
    return error.value.reason


def until(condition):
    deadline = time.monotonic() + LONG_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def bodies_of(journal):
    links = journal.run(lambda store: store.read(1, store.head.sequence, 1_000_000))
    audit = Audit(journal.writer)
    kept = list(accepted(links, audit, genesis(journal.writer)))
    assert not audit.faults
    return [link.body for link in kept]


def test_what_was_appended_is_committed_when_append_returns(open_journal):
    journal = open_journal()
    asyncio.run(journal.append([b"one", b"two"], LONG_S))
    assert bodies_of(journal) == [b"one", b"two"]
    assert journal.head.sequence == 2


def test_appends_that_come_together_are_committed_together(open_journal, monkeypatch):
    journal = open_journal(group_rows=100)
    groups = []
    commit = Store.append
    monkeypatch.setattr(Store, "append", lambda store, bodies: (groups.append(len(bodies)), commit(store, bodies)))

    async def appends():
        await asyncio.gather(*(journal.append([b"%d" % number], LONG_S) for number in range(500)))

    asyncio.run(appends())
    assert sorted(bodies_of(journal)) == sorted(b"%d" % number for number in range(500))
    assert sum(groups) == 500
    assert len(groups) <= 10
    assert max(groups) <= 100


def test_an_append_is_committed_whole(open_journal):
    journal = open_journal(group_rows=10)

    async def appends():
        await asyncio.gather(*(journal.append([b"%d" % number] * 4, LONG_S) for number in range(50)))

    asyncio.run(appends())
    bodies = bodies_of(journal)
    assert all(len(set(bodies[start : start + 4])) == 1 for start in range(0, 200, 4))


def test_the_log_is_emptied_before_it_outgrows_its_space(open_journal):
    journal = open_journal(capacity_mb=16)
    for _ in range(20):
        asyncio.run(journal.append([b"x" * 4000] * 128, LONG_S))
    path = journal.run(lambda store: store.path)
    assert journal.filled > 0.6
    assert log_path(path).stat().st_size == LOG_BYTES


def test_more_than_fits_into_a_commit_is_refused(open_journal):
    with pytest.raises(InputError, match="at most 10"):
        asyncio.run(open_journal(group_rows=10).append([BODY] * 11, LONG_S))


def test_a_disk_that_does_not_answer_is_too_late_and_the_event_loop_goes_on(open_journal):
    journal = open_journal()

    async def append_while_ticking():
        ticks = 0
        append = asyncio.create_task(journal.append([BODY], 0.2))
        while not append.done():
            await asyncio.sleep(0.01)
            ticks += 1
        with pytest.raises(NotRecorded, match="too_late"):
            await append
        return ticks

    with Blocked(journal):
        assert asyncio.run(append_while_ticking()) >= 5
    asyncio.run(journal.append([b"next"], LONG_S))
    assert bodies_of(journal) == [b"next"]


def test_the_queue_has_a_bound(open_journal):
    journal = open_journal(waiting_appends=3)

    async def appends():
        waiting = [asyncio.create_task(journal.append([b"%d" % number], LONG_S)) for number in range(3)]
        await asyncio.sleep(0)
        assert journal.waiting == 3
        with pytest.raises(NotRecorded, match="queue_full"):
            await journal.append([b"one more"], LONG_S)
        blocked.go.set()
        await asyncio.gather(*waiting)

    with Blocked(journal) as blocked:
        asyncio.run(appends())
    assert bodies_of(journal) == [b"0", b"1", b"2"]


def test_a_caller_that_went_away_disturbs_nobody(open_journal):
    journal = open_journal()

    async def appends():
        gone = asyncio.create_task(journal.append([b"gone"], LONG_S))
        stays = asyncio.create_task(journal.append([b"stays"], LONG_S))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        blocked.go.set()
        await stays

    with Blocked(journal) as blocked:
        asyncio.run(appends())
    assert bodies_of(journal) == [b"stays"]


def test_an_event_loop_that_was_closed_disturbs_nobody(open_journal, capsys):
    journal = open_journal()
    loop = asyncio.new_event_loop()

    async def begin():
        return asyncio.create_task(journal.append([b"abandoned"], LONG_S))

    with Blocked(journal):
        task = loop.run_until_complete(begin())
        loop.run_until_complete(asyncio.sleep(0))
        task.get_coro().close()
        task._log_destroy_pending = False
        loop.close()
    until(lambda: "record_answer_abandoned" in capsys.readouterr().err)
    asyncio.run(journal.append([b"next"], LONG_S))
    assert bodies_of(journal)[-1] == b"next"


def test_a_full_journal_says_so_early_and_recovers_when_it_was_shipped(open_journal):
    journal = open_journal()
    reason = None
    could_record_when_refused = True
    for _ in range(1000):
        try:
            asyncio.run(journal.append([BODY] * 20, LONG_S))
        except NotRecorded as error:
            reason = error.reason
            break
        else:
            could_record_when_refused = journal.can_record
    assert reason == "journal_full"
    assert not could_record_when_refused, "readiness must fall while there is still room"
    assert not journal.can_record
    _ship_and_prune(journal)
    until(lambda: journal.can_record)
    asyncio.run(journal.append([BODY], LONG_S))


def _ship_and_prune(journal):
    from datetime import UTC, datetime

    batch = Batch(1, journal.head.sequence)
    journal.run(lambda store: store.plan(batch))
    journal.run(lambda store: store.confirm(batch, datetime.now(UTC)))
    while journal.run(lambda store: store.prune(datetime.now(UTC), 200)):
        pass


def test_a_broken_database_is_opened_anew_and_goes_on(open_journal, capsys):
    journal = open_journal()
    asyncio.run(journal.append([b"one"], LONG_S))
    journal.run(lambda store: store._connection.close())
    assert refused(journal) == "broken"
    assert not journal.can_record
    until(lambda: journal.can_record)
    asyncio.run(journal.append([b"two"], LONG_S))
    assert bodies_of(journal) == [b"one", b"two"]
    assert "record_recovered" in capsys.readouterr().err


def test_a_database_that_was_removed_is_noticed_and_begun_anew(open_journal):
    journal = open_journal()
    writer = journal.writer
    journal.run(lambda store: store.path.unlink())
    until(lambda: journal.writer != writer and journal.can_record)
    asyncio.run(journal.append([b"one"], LONG_S))
    assert bodies_of(journal) == [b"one"]


def test_a_job_that_fails_fails_alone(open_journal):
    journal = open_journal()
    with pytest.raises(ZeroDivisionError):
        journal.run(lambda _store: 1 / 0)
    asyncio.run(journal.append([b"one"], LONG_S))
    assert journal.can_record


def test_after_the_end_nothing_is_taken(open_journal):
    journal = open_journal()
    journal.close()
    assert refused(journal) == "closed"
    with pytest.raises(StoreError, match="closed"):
        journal.run(lambda store: store.head)
    assert not journal.can_record


def test_what_waits_at_the_end_is_committed_first(open_journal):
    journal = open_journal()

    async def appends():
        waiting = asyncio.create_task(journal.append([b"last"], LONG_S))
        await asyncio.sleep(0)
        closing = threading.Thread(target=journal.close)
        closing.start()
        blocked.go.set()
        await waiting
        closing.join()

    with Blocked(journal) as blocked:
        asyncio.run(appends())
    again = open_journal()
    assert bodies_of(again) == [b"last"]


def test_a_database_that_turns_out_to_be_damaged_is_set_aside_and_a_new_chain_begun(open_journal, tmp_path):
    journal = open_journal()
    writer = journal.writer
    asyncio.run(journal.append([b"one"], LONG_S))

    def damaged(_store):
        raise StoreDamagedError("database disk image is malformed")

    with pytest.raises(StoreDamagedError):
        journal.run(damaged)
    until(lambda: journal.writer != writer and journal.can_record)
    asyncio.run(journal.append([b"two"], LONG_S))
    assert bodies_of(journal) == [b"two"]
    assert len(list((tmp_path / "00").glob("damaged-*/journal.db"))) == 1
