"""The online store holds what the historical join would answer, whatever came before: both kinds of store, one test."""

import random
import sqlite3
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from kiosks import STOCK, TIME, at, executor_input, sealed, write_data, write_use_case
from windsock.contracts.artifact import open_artifact
from windsock.contracts.errors import InputError
from windsock.contracts.files import read_json
from windsock.contracts.step import main
from windsock.contracts.use_case import load_use_case
from windsock.features.__main__ import STEPS
from windsock.features.history import open_history
from windsock.features.materialize_features import materialize
from windsock.features.online_store import parse_address
from windsock.features.repository import Repository, open_repository

KIOSKS = [f"k{number}" for number in range(6)]
STREETS = [1, 2]


def fact(kiosk, street, amount, seen, told, kind="7"):
    return (kiosk, street, amount, kind, at(seen), at(told))


class World:
    """One online store, and the data that grows and is corrected under it."""

    def __init__(self, tmp_path, address):
        self.tmp_path, self.address = tmp_path, address
        self.use_case = write_use_case(tmp_path / "use_case")
        self.runs = 0

    def bring(self, facts, as_of):
        """Materializes what is known of these facts at `as_of`; returns the rows written by view."""
        self.runs += 1
        self.data = write_data(self.tmp_path / f"data{self.runs}", facts=facts)
        into = self.tmp_path / f"materialized{self.runs}"
        into.mkdir()
        details = materialize(self.use_case, self.data, into, as_of, self.address)
        return {name: view["rows_written"] for name, view in details["views"].items()}

    def online(self):
        """What Feast reads from the store, by view and key: the features and the event time, or None."""
        registry = self.tmp_path / f"materialized{self.runs}" / "registry.db"
        repository = open_repository(self.use_case, self.tmp_path, registry, parse_address(self.address).feast)
        return {name: read_all(repository, name) for name in ("stock", "weather")}

    def historical(self, as_of):
        """What the historical join answers for every key at `as_of`."""
        use_case = load_use_case(self.use_case)
        registry = self.tmp_path / "elsewhere.db"
        online = {"type": "sqlite", "path": str(self.tmp_path / "elsewhere_online.db")}
        repository = open_repository(self.use_case, self.tmp_path, registry, online)
        found = {}
        with open_history(use_case, self.use_case, self.data, as_of) as history:
            for name, view in repository.views.items():
                history.compute(view)
                history.write_source(view, repository.source(view), at(-10_000), at(10_000))
                asked = pa.table({
                    **{key: [row[key] for row in keys(name)] for key in view.join_keys},
                    "event_timestamp": pa.array([as_of] * len(keys(name)), TIME),
                })  # fmt: skip
                answers = repository.historical(view, asked).to_pylist()
                found[name] = {
                    tuple(row[key] for key in view.join_keys): {
                        feature: row[f"{name}__{feature}"] for feature in view.features
                    }
                    for row in answers
                }
        return found


def keys(view):
    if view == "stock":
        return [{"kiosk": kiosk} for kiosk in KIOSKS]
    return [{"kiosk": kiosk, "street": street} for kiosk in KIOSKS for street in STREETS]


def read_all(repository: Repository, name):
    """The store's content through Feast's own online read, event times included."""
    view, store = repository.views[name], repository.store
    from feast.protos.feast.types.EntityKey_pb2 import EntityKey
    from feast.protos.feast.types.Value_pb2 import Value

    def entity(row):
        values = [Value(string_val=row[key]) if key == "kiosk" else Value(int64_val=row[key]) for key in view.join_keys]
        return EntityKey(join_keys=list(view.join_keys), entity_values=values)

    answers = store.provider.online_read(
        store.config, store.get_feature_view(name), [entity(row) for row in keys(name)], list(view.features)
    )
    plain = {}
    for row, (seen, values) in zip(keys(name), answers, strict=True):
        if seen == datetime(1970, 1, 1, tzinfo=UTC):  # How Feast's Redis store says that there is nothing.
            seen = values = None
        if values is not None:
            values = {feature: python_value(values[feature]) for feature in view.features}
        plain[tuple(row[key] for key in view.join_keys)] = (seen, values)
    return plain


def python_value(value):
    kind = value.WhichOneof("val")
    return None if kind is None else getattr(value, kind)


def valid(world, as_of):
    """The store's values as of now: one that is older than its view allows is missing, as in the historical join."""
    ttl = {"stock": timedelta(hours=2), "weather": timedelta(hours=1)}
    features = {"stock": ("amount", "pieces"), "weather": ("rain", "wet", "kind")}
    return {
        name: {
            key: values if values is not None and seen + ttl[name] >= as_of else dict.fromkeys(features[name])
            for key, (seen, values) in rows.items()
        }
        for name, rows in world.online().items()
    }


@pytest.fixture
def world(tmp_path, online_store):
    return World(tmp_path, online_store)


def test_the_first_run_writes_every_key_and_the_second_only_news(world):
    facts = [fact("k0", None, 1.0, 0, 5), fact("k1", None, 2.0, 0, 5), fact("k0", 1, 3.0, 0, 5)]
    assert world.bring(facts, at(10)) == {"stock": 2, "weather": 1}
    assert world.bring([*facts, fact("k0", None, 9.0, 12, 13)], at(20)) == {"stock": 1, "weather": 0}
    stock = world.online()["stock"]
    assert stock["k0",] == (at(12), {"amount": 9.0, "pieces": 9})
    assert stock["k1",] == (at(0), {"amount": 2.0, "pieces": 2})
    assert stock["k2",] == (None, None)


def test_the_rows_that_it_says_it_wrote_are_those_that_feast_got(world, monkeypatch):
    got = {}
    write = Repository.write_online
    monkeypatch.setattr(
        Repository,
        "write_online",
        lambda self, view, rows: (got.update({view.name: rows.num_rows}), write(self, view, rows)),
    )
    facts = [fact(kiosk, None, 10.0, 0, 1) for kiosk in KIOSKS]
    assert world.bring(facts, at(5))["stock"] == got["stock"] == len(KIOSKS)
    assert world.bring([*facts, fact(KIOSKS[0], None, 20.0, 6, 7)], at(10))["stock"] == got["stock"] == 1


def test_the_same_run_again_writes_nothing(world):
    facts = [fact("k0", None, 1.0, 0, 5), fact("k0", 1, None, 0, 5)]
    world.bring(facts, at(10))
    before = world.online()
    assert world.bring(facts, at(10)) == {"stock": 0, "weather": 0}
    assert world.online() == before


def test_an_earlier_time_moves_nothing_back(world):
    facts = [fact("k0", None, 1.0, 0, 5), fact("k0", None, 2.0, 30, 35)]
    world.bring(facts, at(60))
    before = world.online()
    assert world.bring(facts, at(20)) == {"stock": 0, "weather": 0}
    assert world.online() == before
    details = read_json(world.tmp_path / "materialized2" / "views.json", "views")
    assert details["project"] == "kiosks"


def test_nothing_later_than_as_of_gets_in(world):
    """Neither what happens later, nor what is told later, in one and the same data."""
    facts = [fact("k0", None, 1.0, 0, 5), fact("k0", None, 2.0, 9, 11), fact("k0", None, 3.0, 11, 9)]
    assert world.bring(facts, at(10)) == {"stock": 1, "weather": 0}
    assert world.online()["stock"]["k0",] == (at(0), {"amount": 1.0, "pieces": 1})


def test_a_row_that_a_view_dates_later_than_its_facts_waits_for_its_time(tmp_path):
    world = World(tmp_path, f"sqlite://{tmp_path}/online.db")
    stock = world.use_case / "views" / "stock.sql"
    stock.write_text(STOCK.replace("told_at as created", "told_at + interval 1 hour as created"))
    facts = [fact("k0", None, 1.0, 0, 5)]
    assert world.bring(facts, at(64))["stock"] == 0
    assert world.bring(facts, at(65))["stock"] == 1


def test_a_late_correction_of_the_same_time_gets_in(world):
    """Feast's Redis store would keep the first of two rows of one event time."""
    facts = [fact("k0", None, 1.0, 0, 5)]
    world.bring(facts, at(10))
    assert world.bring([*facts, fact("k0", None, 4.0, 0, 15)], at(20)) == {"stock": 1, "weather": 0}
    assert world.online()["stock"]["k0",] == (at(0), {"amount": 4.0, "pieces": 4})


def test_a_correction_that_takes_the_newest_row_away_brings_the_older_one_back(world):
    old = fact("k0", None, 1.0, 0, 5)
    world.bring([old, fact("k0", None, 2.0, 8, 9)], at(10))
    assert world.bring([old], at(20)) == {"stock": 1, "weather": 0}
    assert world.online()["stock"]["k0",] == (at(0), {"amount": 1.0, "pieces": 1})


def test_a_key_that_a_correction_took_away_holds_missing_values(world):
    world.bring([fact("k0", None, 1.0, 0, 5), fact("k0", 2, 1.0, 0, 5)], at(10))
    assert world.bring([], at(20)) == {"stock": 1, "weather": 1}
    online = world.online()
    assert online["stock"]["k0",] == (at(20), {"amount": None, "pieces": None})
    assert online["weather"]["k0", 2] == (at(20), {"rain": None, "wet": None, "kind": None})
    assert world.bring([], at(30)) == {"stock": 0, "weather": 0}


def test_a_run_that_died_on_the_way_is_completed_by_the_next(world, monkeypatch):
    """It dies after the store was written and before the ledger knows, and once before the store was written."""
    facts = [fact("k0", None, 1.0, 0, 5)]
    world.bring(facts, at(10))
    write = Repository.write_online

    def die_after(self, view, rows):
        write(self, view, rows)
        raise KeyboardInterrupt

    news = [*facts, fact("k0", None, 5.0, 11, 12)]
    monkeypatch.setattr(Repository, "write_online", die_after)
    with pytest.raises(KeyboardInterrupt):
        world.bring(news, at(20))
    monkeypatch.undo()
    # The row that was half-written is written again even though, by now, the fact is gone and the first row counts.
    assert world.bring(facts, at(30))["stock"] == 1
    assert world.online()["stock"]["k0",] == (at(0), {"amount": 1.0, "pieces": 1})

    def die_before(self, view, rows):
        raise KeyboardInterrupt

    monkeypatch.setattr(Repository, "write_online", die_before)
    with pytest.raises(KeyboardInterrupt):
        world.bring(news, at(40))
    monkeypatch.undo()
    assert world.bring(news, at(39))["stock"] == 0, "a run that began for a later time is not undone by an earlier one"
    assert world.bring(news, at(40))["stock"] == 1
    assert world.online()["stock"]["k0",] == (at(11), {"amount": 5.0, "pieces": 5})


@pytest.mark.parametrize("seed", range(3))
def test_the_store_is_what_the_historical_join_answers(world, seed):
    """Facts come, are corrected, moved in time and taken away; after each run every key is compared."""
    chance, facts, minute = random.Random(seed), {}, 0
    for _ in range(4):
        minute += chance.choice([5, 30, 120])
        for _ in range(chance.randrange(12)):
            kiosk, street = chance.choice(KIOSKS), chance.choice([None, *STREETS])
            seen = minute - chance.choice([-5, 0, 5, 10, 60, 61])
            told = max(seen, minute) + chance.choice([-3, 0, 3])
            amount = chance.choice([None, float(chance.randrange(100))])
            facts[kiosk, street, seen, told] = fact(kiosk, street, amount, seen, told, chance.choice([None, "1"]))
        for key in chance.sample(sorted(facts, key=str), k=len(facts) // 4):
            del facts[key]
        world.bring(list(facts.values()), at(minute))
        assert valid(world, at(minute)) == world.historical(at(minute))


def test_the_step_seals_what_it_wrote_and_a_server_reads_by_its_registry(tmp_path, online_store):
    data = write_data(tmp_path / "data", facts=[fact("k0", None, 1.0, 0, 5)])
    inputs = {
        "use_case": sealed(write_use_case(tmp_path / "use_case"), tmp_path / "sealed", "use_case"),
        "data": sealed(data, tmp_path / "judged", "judged"),
    }
    parameters = {"as_of": "2020-03-01T00:10:00Z", "online_store": online_store}
    given = executor_input(tmp_path / "out", inputs, parameters, ["materialized"])
    assert main("features", STEPS, ["materialize_features", given]) == 0
    artifact = open_artifact(tmp_path / "out" / "materialized", "materialized")
    assert artifact.details["views"]["stock"] == {"rows_written": 1, "from": "", "to": "2020-03-01T00:10:00Z"}
    assert artifact.details["rows_written"] == 1
    described = read_json(artifact.path / "views.json", "views")["views"]
    assert described["weather"] == {
        "join_keys": {"kiosk": "VARCHAR", "street": "BIGINT"},
        "features": {"rain": "FLOAT", "wet": "BOOLEAN", "kind": "VARCHAR"},
        "fresh_for_s": 3600.0,
    }
    from feast import FeatureStore, RepoConfig

    config = RepoConfig(
        project="kiosks",
        provider="local",
        registry=str(artifact.path / "registry.db"),
        online_store=dict(parse_address(online_store).feast),
        entity_key_serialization_version=3,
    )
    answer = FeatureStore(config=config).get_online_features(["stock:amount"], [{"kiosk": "k0"}, {"kiosk": "k9"}])
    assert answer.to_dict() == {"kiosk": ["k0", "k9"], "amount": [1.0, None]}


def test_sqlite_holds_true_seconds_since_1970_whatever_the_zone(tmp_path, monkeypatch):
    """Feast itself counts them in the writer's local zone."""
    import time

    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    world = World(tmp_path, f"sqlite://{tmp_path}/online.db")
    world.bring([fact("k0", None, 1.0, 0, 5)], at(10))
    with sqlite3.connect(tmp_path / "online.db") as connection:
        times = connection.execute("select distinct event_ts, created_ts from kiosks_stock").fetchall()
    connection.close()
    assert [tuple(datetime.fromtimestamp(second, UTC) for second in row) for row in times] == [(at(0), at(5))]


def test_a_store_out_of_reach_is_refused(tmp_path):
    world = World(tmp_path, "redis://127.0.0.1:1")
    with pytest.raises(InputError, match="a Redis that answers"):
        world.bring([], at(0))
