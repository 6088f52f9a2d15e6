"""Both stores with the same tests: what Feast wrote is what is read, and a store in trouble says so in time."""

import os
import shutil
import socket
import sqlite3
import threading
import time
from contextlib import ExitStack, suppress

import pytest
import stage
from windsock.contracts.errors import InputError
from windsock.predictor.encoding import GarbageError
from windsock.predictor.plan import Plan
from windsock.predictor.store import NOTHING, DownError, SlowError, open_reader

ULM = {"line": "RE1", "station": "Ulm", "platform": 7}
FRESH_S = stage.NOW.timestamp() - 600


@pytest.fixture(params=["sqlite", "redis"])
def store(request):
    return str(request.getfixturevalue(f"{request.param}_store"))


@pytest.fixture
def reader(store, plan):
    reader = open_reader(store, plan, 5.0)
    yield reader
    reader.close()


def test_all_views_of_all_rows_are_read(reader):
    other = {"line": "nowhere", "station": "Halle", "platform": -1}
    ulm, halle, again = reader.read([ULM, other, ULM])
    assert ulm["station_now"].event_at_s == FRESH_S
    assert ulm["station_now"].values == {"waiting": 40, "delay": 2.5, "weather": "rain"}
    assert ulm["line_record"].values == {"late_share": 0.25, "runs": 12}
    assert ulm["platform_record"].values == {"closed": True, "since": 1356998400, "late_share": 0.5}
    assert halle["station_now"].values == {"waiting": 7, "delay": None, "weather": ""}
    assert halle["line_record"] == halle["platform_record"] == NOTHING
    assert again == ulm


@pytest.fixture
def far_zone(monkeypatch):
    """Puts this process into a zone that is far from UTC."""
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_a_readers_own_zone_changes_no_time(far_zone, reader):
    assert time.localtime(FRESH_S).tm_hour != time.gmtime(FRESH_S).tm_hour
    assert reader.read([ULM])[0]["station_now"].event_at_s == FRESH_S


def test_what_is_not_there_is_nothing(reader):
    row = {"line": "x" * 256, "station": "Nirgendwo 無", "platform": 2**63 - 1}
    assert reader.read([row]) == [{"station_now": NOTHING, "line_record": NOTHING, "platform_record": NOTHING}]


def test_a_stale_value_comes_with_its_own_time(reader):
    assert reader.read([ULM | {"station": "Bonn"}])[0]["station_now"].event_at_s == stage.NOW.timestamp() - 7200


def test_no_views_need_no_store():
    assert open_reader("/nowhere", Plan("p", ()), 1.0).read([ULM]) == [{}]


def test_another_kind_of_store_is_refused(plan):
    with pytest.raises(InputError, match="online_store: got 'postgres://"):
        open_reader("postgres://localhost", plan, 1.0)


def test_a_missing_file_is_down_and_comes_back(sqlite_store, plan, tmp_path):
    reader = open_reader(str(tmp_path / "online.db"), plan, 0.2)
    with pytest.raises(DownError):
        reader.read([ULM])
    shutil.copy(sqlite_store, tmp_path / "online.db")
    assert reader.read([ULM])[0]["line_record"].values["runs"] == 12
    (tmp_path / "online.db").unlink()
    with pytest.raises(DownError):
        reader.read([ULM])


def test_a_replaced_file_is_opened_anew(sqlite_store, plan, tmp_path):
    path = tmp_path / "online.db"
    shutil.copy(sqlite_store, path)
    reader = open_reader(str(path), plan, 0.2)
    assert reader.read([ULM])[0]["line_record"] != NOTHING
    shutil.copy(sqlite_store, tmp_path / "next.db")
    with sqlite3.connect(tmp_path / "next.db") as connection:
        connection.execute("delete from trains_line_record")
    connection.close()
    os.replace(tmp_path / "next.db", path)
    assert reader.read([ULM])[0]["line_record"] == NOTHING
    reader.close()


def test_a_locked_file_is_slow_within_its_time(sqlite_store, plan, tmp_path):
    shutil.copy(sqlite_store, tmp_path / "online.db")
    lock = sqlite3.connect(tmp_path / "online.db", isolation_level=None)
    lock.execute("begin exclusive")
    reader = open_reader(str(tmp_path / "online.db"), plan, 0.1)
    with pytest.raises(SlowError):
        reader.read([ULM])
    lock.execute("rollback")
    lock.close()
    assert reader.read([ULM])[0]["line_record"] != NOTHING
    reader.close()


@pytest.mark.parametrize("content", [b"\x29\x01", "text", 7, b"\x12\x01", None])
def test_garbage_in_the_file_is_named(sqlite_store, plan, tmp_path, content):
    shutil.copy(sqlite_store, tmp_path / "online.db")
    with sqlite3.connect(tmp_path / "online.db") as connection:
        connection.execute("update trains_station_now set value = ? where feature_name = 'delay'", [content])
    connection.close()
    reader = open_reader(str(tmp_path / "online.db"), plan, 1.0)
    with pytest.raises(GarbageError):
        reader.read([ULM])
    reader.close()


def test_a_file_that_is_no_database_is_down(plan, tmp_path):
    (tmp_path / "online.db").write_bytes(os.urandom(8192))
    with pytest.raises(DownError):
        open_reader(str(tmp_path / "online.db"), plan, 1.0).read([ULM])


def silent_server(answer=None):
    """A server that takes connections and says nothing, or one fixed thing."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        # Open until the listener or a caller is gone, then closed: one left to chance warns in another test.
        with ExitStack() as kept, suppress(OSError):
            while True:
                connection = kept.enter_context(listener.accept()[0])
                if answer is not None:
                    connection.recv(65536)
                    connection.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    return listener, f"redis://127.0.0.1:{listener.getsockname()[1]}"


def test_a_frozen_redis_is_slow_within_its_time(plan):
    listener, url = silent_server()
    reader = open_reader(url, plan, 0.1)
    began = time.monotonic()
    with pytest.raises((SlowError, DownError)):
        reader.read([ULM])
    assert time.monotonic() - began < 5
    listener.close()


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 400 no\r\n\r\n", b"-ERR no\r\n" * 9, b"+OK\r\n" * 9, b"*1\r\n:7\r\n" * 9]
)
def test_a_server_that_is_no_redis_is_down(plan, answer):
    listener, url = silent_server(answer)
    reader = open_reader(url, plan, 0.2)
    with pytest.raises((SlowError, DownError, GarbageError)):
        reader.read([ULM])
    listener.close()


def test_a_redis_that_is_gone_is_down_and_comes_back(redis_store, plan):
    import redis

    reader = open_reader(redis_store, plan, 1.0)
    assert reader.read([ULM])[0]["line_record"] != NOTHING
    with redis.Redis.from_url(redis_store) as client:
        client.client_kill_filter(_type="normal", skipme=True)
    with pytest.raises(DownError):
        reader.read([ULM])
    assert reader.read([ULM])[0]["line_record"] != NOTHING
    reader.close()
