"""The template: what it must hold for any routing state. What Envoy makes of it is tested on Envoy, in the drills."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from windsock.edge.render import BOOTSTRAP, CLUSTERS, LISTENERS, ROUTES_FILE, render
from windsock.edge.routing import Address, Routing, Target

RELEASES = tuple(
    Target(f"sha256:{number}", (Address("predictor.example", 8080 + number),), weight)
    for number, weight in enumerate((60, 30, 10))
)
ROUTING = Routing(
    Address("edge.example", 8000), Address("edge.example", 8001), RELEASES, (Address("rules.example", 8080),)
)  # fmt: skip


def rendered(routing: Routing) -> dict:
    return render(routing, Path("/config"), Path("/run/admin.sock"))


def leaves(value, path=()):
    """Every plain value, by its path."""
    if isinstance(value, dict | list):
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(inner, (*path, name))
    else:
        yield path, value


@pytest.mark.parametrize("shadow", ["", "sha256:2"])
def test_every_route_leads_to_a_cluster_that_is_there(shadow):
    files = rendered(replace(ROUTING, shadow=shadow))
    resources = files[CLUSTERS]["resources"]
    clusters = {cluster["name"] for cluster in resources}
    actions = [route["route"] for route in files[ROUTES_FILE]["resources"][0]["virtual_hosts"][0]["routes"][:-1]]
    used = {share["name"] for action in actions for share in action["weighted_clusters"]["clusters"]}
    used |= {copy["cluster"] for action in actions for copy in action.get("request_mirror_policies", [])}
    inner = [
        cluster["cluster_type"]["typed_config"] for cluster in files[CLUSTERS]["resources"] if "cluster_type" in cluster
    ]
    used |= {name for group in inner for name in group["clusters"]}
    assert used == clusters - ({"release-sha256:2"} - used)
    assert used <= clusters


def test_only_predictions_are_copied_to_the_shadow():
    routes = rendered(replace(ROUTING, shadow="sha256:2"))[ROUTES_FILE]["resources"][0]["virtual_hosts"][0]["routes"]
    assert ["request_mirror_policies" in route.get("route", {}) for route in routes] == [True, False, False, False]


def test_a_change_of_weights_touches_the_route_table_alone():
    before, after = rendered(ROUTING), rendered(ROUTING.with_weights({"sha256:0": 100}))
    assert [name for name in before if before[name] != after[name]] == [ROUTES_FILE]
    assert before[ROUTES_FILE]["version_info"] != after[ROUTES_FILE]["version_info"]


def test_the_same_state_gives_the_same_bytes():
    assert json.dumps(rendered(ROUTING)) == json.dumps(rendered(ROUTING))


def test_the_administration_interface_has_no_port():
    files = rendered(ROUTING)
    assert list(files[BOOTSTRAP]["admin"]["address"]) == ["pipe"]
    ports = {value for path, value in leaves(files[LISTENERS]) if path[-1] == "port_value"}
    assert ports == {8000, 8001}


def test_laptop_and_cluster_differ_in_addresses_only():
    local = Address("127.0.0.1", 1)
    targets = tuple(replace(target, servers=(local,)) for target in RELEASES)
    laptop = replace(ROUTING, releases=targets, rules=(local,))
    here, there = dict(leaves(rendered(laptop))), dict(leaves(rendered(ROUTING)))
    assert here.keys() == there.keys()
    different = {path[-1] for path in here if here[path] != there[path]}
    assert different == {"address", "port_value", "hostname", "version_info"}
