"""The one template: a routing state becomes the files that Envoy reads. Pure: no file, no clock, no network.

Envoy starts from `bootstrap.json` and watches the directory of the three others: `listeners.json` (ports and
filters), `clusters.json` (who can answer) and `routes.json` (who gets which share). A change of weights is a new
`routes.json` and nothing else, so no listener drains and no connection closes.
"""

import hashlib
import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from windsock.edge.clusters import assigned_cluster, clusters, release_cluster
from windsock.edge.extension import extension, resource
from windsock.edge.listeners import ROUTES, listeners
from windsock.edge.routing import Routing

BOOTSTRAP = "bootstrap.json"
LISTENERS = "listeners.json"
CLUSTERS = "clusters.json"
ROUTES_FILE = "routes.json"

ASSIGNED = "x-windsock-assigned-release"
ROLE = "x-windsock-role"
STICKY = "x-windsock-sticky-key"
# Only the edge may say these; what a caller sends under these names does not pass.
RESERVED = (ROLE, "x-windsock-fallback-reason")
PREDICTION = r"/v1/models/[^/]+:predict|/v2/models/[^/]+(/versions/[^/]+)?/infer"
LOST_S = 2.0
# A late answer is better than none: release and rules are tried by turns until this many deadlines are over. A disk
# that is busy holds both up, since each answer waits for its record.
PATIENCE = 8


def version(resources: Iterable[Any]) -> str:
    """The name of a set of resources, by content: Envoy repeats it once it has taken them."""
    return hashlib.sha256(json.dumps(list(resources), sort_keys=True).encode()).hexdigest()[:16]


def discovery(resources: list[dict[str, Any]]) -> dict[str, Any]:
    """A discovery response, as Envoy expects it in a watched file."""
    return {"version_info": version(resources), "resources": resources}


def render(routing: Routing, directory: Path, admin: Path) -> dict[str, dict[str, Any]]:
    """Every file, by name: the content of Envoy's configuration for one routing state.

    `directory` is where Envoy will find the files, `admin` the socket of its administration interface.
    """
    return {
        BOOTSTRAP: bootstrap(routing, directory, admin),
        LISTENERS: discovery(listeners(routing, directory / ROUTES_FILE)),
        CLUSTERS: discovery(clusters(routing)),
        ROUTES_FILE: discovery([routes(routing)]),
    }


def routes(routing: Routing) -> dict[str, Any]:
    """The route table: predictions (with the shadow copy), everything else of the two protocols, nothing more."""
    prediction = {"match": {"safe_regex": {"regex": PREDICTION}}, "route": _action(routing, shadow=routing.shadow)}
    others = ({"match": {"prefix": prefix}, "route": _action(routing)} for prefix in ("/v1/", "/v2"))
    unknown = {"match": {"prefix": "/"}, "direct_response": {"status": 404, "body": {"inline_string": "no such path"}}}
    host = {
        "name": "predictions",
        "domains": ["*"],
        "include_request_attempt_count": True,
        "request_body_buffer_limit": routing.limits.request_bytes,
        "request_headers_to_remove": list(RESERVED),
        "routes": [prediction, *others, unknown],
    }
    return resource("envoy.config.route.v3.RouteConfiguration", name=ROUTES, virtual_hosts=[host])


def _action(routing: Routing, shadow: str = "") -> dict[str, Any]:
    """Chooses a release by weight, tries its servers, then the rules."""
    try_ms = routing.deadline_ms - routing.failover_reserve_ms
    action: dict[str, Any] = {
        "weighted_clusters": {
            "clusters": [_share(target.release, target.weight) for target in routing.releases],
            # The hash of the sticky key takes the place of the random number; without the key the number is random.
            "use_hash_policy": True,
        },
        "hash_policy": [{"header": {"header_name": STICKY}}],
        "auto_host_rewrite": True,
        "timeout": f"{PATIENCE * routing.deadline_ms / 1000:.3f}s",
        "retry_policy": _failover(try_ms / 1000, math.ceil(PATIENCE * routing.deadline_ms / try_ms)),
    }
    if shadow:
        action["request_mirror_policies"] = [_copy(shadow)]
    return action


def _copy(release: str) -> dict[str, Any]:
    """A copy for the shadow release, told apart by a header that only the edge may set."""
    marks = [{"append": _header(ROLE, "shadow")}, {"append": _header(ASSIGNED, release)}]
    return {
        "cluster": release_cluster(release),
        "disable_shadow_host_suffix_append": True,
        "request_headers_mutations": marks,
    }


def _share(release: str, weight: int) -> dict[str, Any]:
    told = [_header(ASSIGNED, release)]
    name = assigned_cluster(release)
    return {"name": name, "weight": weight, "request_headers_to_add": told, "response_headers_to_add": told}


def _failover(try_s: float, tries: int) -> dict[str, Any]:
    """A second try goes to the next priority, the rules; a refusal for overload (429) is a reason as well.

    The second try comes at once, later ones at growing distances: servers that refuse quickly are not asked all the
    time.
    """
    return {
        "retry_on": "5xx,reset,connect-failure,refused-stream,retriable-status-codes",
        "retriable_status_codes": [429],
        "num_retries": tries - 1,
        "per_try_timeout": f"{try_s:.3f}s",
        "retry_priority": extension(
            "envoy.retry_priorities.previous_priorities",
            "envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig",
            update_frequency=1,
        ),
        "retry_back_off": {"base_interval": "0.001s", "max_interval": "0.050s"},
    }


def _header(name: str, value: str) -> dict[str, Any]:
    return {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}


def bootstrap(routing: Routing, directory: Path, admin: Path) -> dict[str, Any]:
    """What Envoy starts with: where to look, its administration on a socket file, and its own last bounds."""
    return {
        "node": {"id": "edge", "cluster": "windsock"},
        "admin": {"address": {"pipe": {"path": str(admin), "mode": 0o600}}},
        "dynamic_resources": {
            "lds_config": _watched(directory / LISTENERS),
            "cds_config": _watched(directory / CLUSTERS),
        },
        "static_resources": {"clusters": [_admin_cluster(admin)]},
        "overload_manager": _overload(routing),
        "stats_config": {"stats_tags": [{"tag_name": "release", "regex": r"^cluster\.(?:release|assigned)-((.+?)\.)"}]},
    }


def _watched(path: Path) -> dict[str, Any]:
    """A file that Envoy reads again when anything is moved into its directory: a rename, or a ConfigMap's new link."""
    source = {"path": str(path), "watched_directory": {"path": str(path.parent)}}
    return {"path_config_source": source, "resource_api_version": "V3"}


def _admin_cluster(admin: Path) -> dict[str, Any]:
    endpoint = {"endpoint": {"address": {"pipe": {"path": str(admin)}}}}
    return {
        "name": "admin",
        "connect_timeout": f"{LOST_S}s",
        "load_assignment": {"cluster_name": "admin", "endpoints": [{"lb_endpoints": [endpoint]}]},
    }


def _overload(routing: Routing) -> dict[str, Any]:
    """Before memory runs out Envoy gives memory back, then stops keeping connections, then takes no more requests."""
    heap = extension(
        "envoy.resource_monitors.fixed_heap",
        "envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig",
        max_heap_size_bytes=routing.limits.heap_bytes,
    )
    connections = extension(
        "envoy.resource_monitors.global_downstream_max_connections",
        "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
        max_active_downstream_connections=routing.limits.connections,
    )
    pressed = {"shrink_heap": 0.85, "disable_http_keepalive": 0.92, "stop_accepting_requests": 0.97}
    actions = (
        {
            "name": f"envoy.overload_actions.{action}",
            "triggers": [{"name": heap["name"], "threshold": {"value": share}}],
        }
        for action, share in pressed.items()
    )
    return {"refresh_interval": "0.25s", "resource_monitors": [heap, connections], "actions": list(actions)}
