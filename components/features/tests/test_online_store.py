import pytest
from windsock.contracts.errors import InputError
from windsock.features.online_store import PASSWORD, open_ledger, parse_address


@pytest.mark.parametrize("text", ["sqlite:///data/online.db", "sqlite:////data/online.db"])
def test_a_sqlite_address_is_an_absolute_path(text):
    address = parse_address(text)
    assert address.feast == {"type": "sqlite", "path": "/data/online.db"}
    assert str(address.sqlite_path) == "/data/online.db"


def test_a_redis_address_is_host_port_and_database():
    address = parse_address("redis://store:6380/3")
    assert address.feast == {"type": "redis", "connection_string": "store:6380,db=3", "skip_dedup": True}
    assert address.redis_settings == {"host": "store", "port": 6380, "db": 3, "ssl": False}
    assert parse_address("rediss://store:6380").feast["connection_string"] == "store:6380,db=0,ssl=true"


def test_the_password_comes_from_the_environment_and_arrives_whole_at_feast(monkeypatch):
    from feast.infra.online_stores.redis import RedisOnlineStore

    monkeypatch.setenv(PASSWORD, 'p"a=s\\s 1')
    address = parse_address("redis://store:6380")
    nodes, settings = RedisOnlineStore._parse_connection_string(address.feast["connection_string"])
    assert (nodes, settings["password"]) == ([{"host": "store", "port": "6380"}], 'p"a=s\\s 1')
    assert address.redis_settings["password"] == 'p"a=s\\s 1'
    assert "p" not in address.text.removeprefix("redis://store:6380")
    monkeypatch.setenv(PASSWORD, "a,b")
    with pytest.raises(InputError, match="one without"):
        parse_address("redis://store:6380")


@pytest.mark.parametrize(
    "text",
    ["", "online.db", "sqlite://", "sqlite:///", "sqlite://online.db", "redis://", "redis://store", "redis://store:x",
     "redis://store:1/x", "redis://store:99999999", "redis://store:1?a=b", "postgres://store:1", "redis:///0"],
)  # fmt: skip
def test_another_address_is_refused(text):
    with pytest.raises(InputError, match="online_store: got"):
        parse_address(text)


def test_a_password_in_the_address_is_refused_and_not_repeated():
    with pytest.raises(InputError) as refusal:
        parse_address("redis://user:secret@store:1")
    assert "secret" not in str(refusal.value)
    assert PASSWORD in str(refusal.value)


def test_a_redis_that_does_not_answer_is_refused_in_one_line():
    with (
        pytest.raises(InputError, match=r"online_store: got 'redis://127\.0\.0\.1:1', expected a Redis that answers"),
        open_ledger(parse_address("redis://127.0.0.1:1"), "kiosks"),
    ):
        pass


def test_there_is_one_writer_at_a_time(online_store):
    address = parse_address(online_store)
    with (
        open_ledger(address, "kiosks"),
        pytest.raises(InputError, match="a store that nobody else writes to now"),
        open_ledger(address, "kiosks"),
    ):
        pass
    with open_ledger(address, "kiosks"):
        pass


def test_a_ledger_remembers_what_began_and_what_ended(online_store):
    address = parse_address(online_store)
    with open_ledger(address, "kiosks") as ledger:
        assert (ledger.until("stock"), ledger.digests("stock")) == ("", {})
        ledger.begin("stock", "2020-01-01T00:00:00Z", ["a", "b"])
        ledger.begin("weather", "2019-01-01T00:00:00Z", [])
    with open_ledger(address, "kiosks") as ledger:
        assert ledger.until("stock") == "2020-01-01T00:00:00Z"
        assert ledger.until("weather") == "2019-01-01T00:00:00Z"
        assert ledger.digests("stock") == {"a": "", "b": ""}
        assert ledger.digests("stock", ["b", "c"]) == {"b": ""}
        assert ledger.digests("stock", []) == {}
        ledger.end("stock", {"a": "1"}, ["b"])
        ledger.end("weather", {}, [])
        assert ledger.digests("stock") == {"a": "1"}
    with open_ledger(address, "another project") as ledger:
        assert (ledger.until("stock"), ledger.digests("stock")) == ("", {})


def test_a_writer_whose_lease_ran_out_writes_no_more(redis_server):
    import redis
    from redis.exceptions import LockNotOwnedError

    client = redis.Redis.from_url(redis_server)
    client.flushall()
    with open_ledger(parse_address(redis_server), "kiosks") as ledger:
        client.delete("windsock:kiosks:writer")
        with pytest.raises(LockNotOwnedError):
            ledger.begin("stock", "2020-01-01T00:00:00Z", ["a"])
        assert ledger.until("stock") == ""
