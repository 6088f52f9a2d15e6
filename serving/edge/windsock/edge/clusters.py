"""Who can answer: each release's servers, the rules, and for each release the order of both."""

from typing import Any

from windsock.edge.extension import extension, resource
from windsock.edge.routing import Address, Routing

RULES = "rules"
CONNECT_S = 0.1
# Servers keep idle connections for a minute or more; the edge closes them first, so that none is used as it closes.
IDLE_S = 30


def release_cluster(release: str) -> str:
    """The cluster of a release's own servers."""
    return f"release-{release}"


def assigned_cluster(release: str) -> str:
    """The cluster that the traffic of a release goes to: its servers, and the rules behind them."""
    return f"assigned-{release}"


def clusters(routing: Routing) -> list[dict[str, Any]]:
    """Every cluster of a routing state."""
    own = (_servers(release_cluster(target.release), target.servers, routing) for target in routing.releases)
    ordered = (_ordered(target.release, routing) for target in routing.releases)
    return [*own, *ordered, _servers(RULES, routing.rules, routing)]


def _servers(name: str, servers: tuple[Address, ...], routing: Routing) -> dict[str, Any]:
    endpoints = [{"endpoint": _endpoint(server)} for server in servers]
    return resource(
        "envoy.config.cluster.v3.Cluster",
        name=name,
        type="STRICT_DNS",
        dns_lookup_family="V4_PREFERRED",
        lb_policy="LEAST_REQUEST",
        connect_timeout=f"{CONNECT_S}s",
        load_assignment={"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}]},
        circuit_breakers=_breakers(routing),
        typed_extension_protocol_options=_http1(),
        health_checks=[_probe(routing)],
        ignore_health_on_host_removal=True,
        # The rules are the last resort: an ejected last resort would be worse than a slow one.
        **({} if name == RULES else {"outlier_detection": _outliers(routing)}),
        # By default Envoy gathers changes of health for a second before it acts on them.
        common_lb_config={"update_merge_window": "0s"},
    )


def _endpoint(server: Address) -> dict[str, Any]:
    """A server, and the name that requests and probes ask it by: behind a gateway the name alone says which it is."""
    named = {"hostname": server.host}
    return {"address": socket_address(server), **named, "health_check_config": named}


def _ordered(release: str, routing: Routing) -> dict[str, Any]:
    """The servers of a release first; the rules when none of them is healthy, or on a second try."""
    return resource(
        "envoy.config.cluster.v3.Cluster",
        name=assigned_cluster(release),
        connect_timeout=f"{CONNECT_S}s",
        lb_policy="CLUSTER_PROVIDED",
        cluster_type=extension(
            "envoy.clusters.aggregate",
            "envoy.extensions.clusters.aggregate.v3.ClusterConfig",
            clusters=[release_cluster(release), RULES],
        ),
        circuit_breakers=_breakers(routing),
    )


def socket_address(address: Address) -> dict[str, Any]:
    """An address as Envoy writes it."""
    return {"socket_address": {"address": address.host, "port_value": address.port}}


def _breakers(routing: Routing) -> dict[str, Any]:
    """All open requests may need their second try together; Envoy's default is three."""
    most = routing.limits.requests_at_once
    bounds = {"max_connections": most, "max_pending_requests": most, "max_requests": most, "max_retries": most}
    return {"thresholds": [bounds]}


def _http1() -> dict[str, Any]:
    options = resource(
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        common_http_protocol_options={"idle_timeout": f"{IDLE_S}s"},
        explicit_http_config={"http_protocol_options": {}},
    )
    return {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options}


def _probe(routing: Routing) -> dict[str, Any]:
    ejection = routing.ejection
    every = f"{ejection.probe_interval_s:.3f}s"
    return {
        "timeout": every,
        "interval": every,
        "no_traffic_interval": every,
        "unhealthy_threshold": ejection.probe_failures,
        "healthy_threshold": 1,
        "http_health_check": {"path": ejection.probe_path},
    }


def _outliers(routing: Routing) -> dict[str, Any]:
    """Ejects a server when too large a share of its answers fail.

    Timeouts and resets count with the 5xx, as Envoy does unless it is told to split them: counted apart, a server that
    hangs is never ejected. A ready answer does not end an ejection, for a server may be ready and hang on predictions.
    """
    ejection = routing.ejection
    return {
        "interval": f"{ejection.window_s:.3f}s",
        "failure_percentage_threshold": ejection.failed_percent,
        "failure_percentage_request_volume": ejection.requests_at_least,
        "failure_percentage_minimum_hosts": 1,
        "enforcing_failure_percentage": 100,
        "enforcing_consecutive_5xx": 0,
        "base_ejection_time": f"{ejection.ejected_s:.3f}s",
        "max_ejection_time": f"{ejection.ejected_at_most_s:.3f}s",
        "max_ejection_percent": 100,
        "enforcing_success_rate": 0,
        "successful_active_health_check_uneject_host": False,
    }
