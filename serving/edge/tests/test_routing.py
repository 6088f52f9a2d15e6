"""A routing state is right or refused by name."""

import json
from dataclasses import asdict, replace

import pytest
from windsock.contracts.errors import InputError
from windsock.edge.routing import Address, Routing, Target

LISTEN, OPERATIONS = Address("127.0.0.1", 8000), Address("127.0.0.1", 8001)
STABLE = Target("sha256:aa", (Address("127.0.0.1", 8101),), 90)
CANARY = Target("sha256:bb", (Address("127.0.0.1", 8102),), 10)
RULES = (Address("127.0.0.1", 8103),)


@pytest.fixture
def routing():
    return Routing(LISTEN, OPERATIONS, (STABLE, CANARY), RULES)


def test_what_is_written_is_read(routing, tmp_path):
    routing.write(tmp_path / "routing.json")
    assert Routing.read(tmp_path / "routing.json") == routing


@pytest.mark.parametrize(
    "change, named",
    [
        ({"unknown": 1}, "routing.unknown"),
        ({"deadline_ms": 5}, "routing.deadline_ms"),
        ({"deadline_ms": "soon"}, "routing.deadline_ms"),
        ({"failover_reserve_ms": 250}, "routing.failover_reserve_ms"),
        ({"shadow": "sha256:cc"}, "routing.shadow"),
        ({"rules": []}, "routing.rules"),
        ({"releases": []}, "routing.releases"),
        ({"listen": {"host": "127.0.0.1", "port": 0}}, "routing.listen.port"),
        ({"limits": {"request_bytes": 1}}, "routing.limits.request_bytes"),
        ({"ejection": {"probe_failures": 0}}, "routing.ejection.probe_failures"),
    ],
)
def test_a_wrong_value_is_refused_by_name(routing, tmp_path, change, named):
    path = tmp_path / "routing.json"
    path.write_text(json.dumps({**asdict(routing), **change}))
    with pytest.raises(InputError, match=named):
        Routing.read(path)


@pytest.mark.parametrize("release", ["", "a b", "a/b", "a\r\nx-injected: 1", "ü", "x" * 129])
def test_a_release_name_cannot_reach_into_headers_or_cluster_names(release):
    with pytest.raises(InputError, match=r"target\.release"):
        Target(release, RULES)


def test_a_release_is_named_once(routing):
    with pytest.raises(InputError, match="each named once"):
        replace(routing, releases=(STABLE, replace(CANARY, release=STABLE.release)))


def test_weights_keep_the_order_of_releases(routing):
    changed = routing.with_weights({"sha256:bb": 25, "sha256:aa": 75})
    assert list(changed.weights.items()) == [("sha256:aa", 75), ("sha256:bb", 25)]
    assert routing.with_weights({"sha256:bb": 100}).weights == {"sha256:aa": 0, "sha256:bb": 100}


def test_a_new_release_comes_last_and_without_traffic(routing):
    new = Target("sha256:cc", RULES, 50)
    assert routing.with_release(new).weights == {"sha256:aa": 90, "sha256:bb": 10, "sha256:cc": 0}
    moved = routing.with_release(replace(CANARY, servers=RULES, weight=0))
    assert moved.weights == routing.weights
    assert moved.releases[1].servers == RULES


def test_the_last_release_gets_everything(routing):
    last = replace(routing, shadow="sha256:bb").only("sha256:bb")
    assert (last.weights, last.shadow) == ({"sha256:bb": 100}, "")
    with pytest.raises(InputError, match="release"):
        routing.only("sha256:cc")
