"""Where the edge listens: one port for predictions, one for operators and their probes."""

from pathlib import Path
from typing import Any

from windsock.edge.clusters import socket_address
from windsock.edge.extension import extension, resource
from windsock.edge.routing import Address, Routing

ROUTES = "predictions"
# The edge refuses in the words of the servers, an object with `error`; `detail` says which bound it was.
ERROR = {"error": "%LOCAL_REPLY_BODY%", "detail": "%RESPONSE_CODE_DETAILS%"}
HTTP_FILTERS = "envoy.extensions.filters.http"


def listeners(routing: Routing, routes: Path) -> list[dict[str, Any]]:
    """Both listeners; `routes` is the file of the watched route table."""
    return [_predictions(routing, routes), _operations(routing)]


def _listener(name: str, address: Address, manager: dict[str, Any], **options: Any) -> dict[str, Any]:
    chain = {
        "filters": [
            extension(
                "envoy.filters.network.http_connection_manager",
                "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
                stat_prefix=name,
                **manager,
            )
        ]
    }
    return resource(
        "envoy.config.listener.v3.Listener",
        name=name,
        address=socket_address(address),
        filter_chains=[chain],
        **options,
    )


def _router() -> dict[str, Any]:
    return extension("envoy.filters.http.router", f"{HTTP_FILTERS}.router.v3.Router")


def _predictions(routing: Routing, routes: Path) -> dict[str, Any]:
    limits = routing.limits
    # The whole request is held before a server sees it: a slow sender occupies the edge alone.
    buffer = extension(
        "envoy.filters.http.buffer", f"{HTTP_FILTERS}.buffer.v3.Buffer", max_request_bytes=limits.request_bytes
    )
    watched = {"path": str(routes), "watched_directory": {"path": str(routes.parent)}}
    source = {"path_config_source": watched, "resource_api_version": "V3", "initial_fetch_timeout": "5s"}
    manager = {
        "rds": {"route_config_name": ROUTES, "config_source": source},
        "http_filters": [buffer, _router()],
        "local_reply_config": {"body_format": {"json_format": ERROR}},
        "use_remote_address": True,
        # A caller finds its own request in the records again.
        "preserve_external_request_id": True,
        "server_header_transformation": "PASS_THROUGH",
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
        "max_request_headers_kb": limits.header_kib,
        "request_headers_timeout": f"{limits.request_received_s:.3f}s",
        "request_timeout": f"{limits.request_received_s:.3f}s",
        "stream_idle_timeout": f"{limits.request_received_s:.3f}s",
        "common_http_protocol_options": {
            "max_headers_count": limits.headers,
            "idle_timeout": "300s",
            "headers_with_underscores_action": "REJECT_REQUEST",
        },
        "http2_protocol_options": {"max_concurrent_streams": 100},
    }
    return _listener(
        "predictions", routing.listen, manager, per_connection_buffer_limit_bytes=max(limits.request_bytes, 65_536)
    )


def _operations(routing: Routing) -> dict[str, Any]:
    """Of the administration interface only two pages are shown: whether Envoy is ready, and its statistics."""
    to_admin = {"cluster": "admin", "timeout": "5s"}
    shown = [
        {"match": {"path": "/ready"}, "route": to_admin},
        {"match": {"path": "/metrics"}, "route": {**to_admin, "prefix_rewrite": "/stats/prometheus?usedonly"}},
    ]
    host = {"name": "operations", "domains": ["*"], "routes": shown}
    manager = {"route_config": {"name": "operations", "virtual_hosts": [host]}, "http_filters": [_router()]}
    return _listener("operations", routing.operations, manager, ignore_global_conn_limit=True)
