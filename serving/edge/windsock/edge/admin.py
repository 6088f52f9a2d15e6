"""Envoy's administration interface, over its socket file: what Envoy has really taken, and who is healthy."""

import http.client
import json
import socket
from pathlib import Path
from typing import Any

from windsock.contracts.errors import InputError

ANSWER_S = 5.0
# The kernel's bound on the path of a socket file, its closing zero left out.
SOCKET_PATH_BYTES = 107


class EdgeDownError(Exception):
    """Envoy's administration interface does not answer."""


class _SocketConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=ANSWER_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(ANSWER_S)
        self.sock.connect(str(self._path))


class Admin:
    """Reads the state of one running Envoy."""

    def __init__(self, path: Path) -> None:
        if len(str(path).encode()) > SOCKET_PATH_BYTES:
            raise InputError("edge socket", str(path), f"a path of at most {SOCKET_PATH_BYTES} bytes")
        self._path = path

    def get(self, page: str) -> bytes:
        """One page of the interface.

        Raises:
            EdgeDownError: nothing answers, or not with 200.
        """
        connection = _SocketConnection(self._path)
        try:
            connection.request("GET", page)
            response = connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise EdgeDownError(f"edge socket {self._path}: {error}") from error
        finally:
            connection.close()
        if response.status != http.client.OK:
            raise EdgeDownError(f"edge {page}: {response.status} {body[:200]!r}")
        return body

    def live(self) -> bool:
        """Whether Envoy has its first configuration and serves."""
        try:
            return self.get("/ready").strip() == b"LIVE"
        except EdgeDownError:
            return False

    def routes(self) -> tuple[str, dict[str, Any]]:
        """The version of the route table that is in use, and the table; empty before the first one."""
        dumped = json.loads(self.get("/config_dump?resource=dynamic_route_configs")).get("configs", [])
        if not dumped:
            return "", {}
        return dumped[0].get("version_info", ""), dumped[0]["route_config"]

    def weights(self) -> dict[str, int]:
        """The share of each cluster in use, in percent, by cluster name."""
        _, table = self.routes()
        if not table:
            return {}
        shares = table["virtual_hosts"][0]["routes"][0]["route"]["weighted_clusters"]["clusters"]
        return {share["name"]: share.get("weight", 0) for share in shares}

    def clusters(self) -> dict[str, str]:
        """The version of each cluster that is in use; one that still warms up is not."""
        dumped = json.loads(self.get("/config_dump?resource=dynamic_active_clusters")).get("configs", [])
        return {cluster["cluster"]["name"]: cluster.get("version_info", "") for cluster in dumped}

    def healthy(self) -> dict[str, int]:
        """The number of healthy servers of each cluster."""
        listed = json.loads(self.get("/clusters?format=json")).get("cluster_statuses", [])
        return {
            cluster["name"]: sum(_is_healthy(host["health_status"]) for host in cluster.get("host_statuses", []))
            for cluster in listed
        }

    def counters(self, prefix: str) -> dict[str, int]:
        """The counters and gauges whose names begin with `prefix`."""
        listed = json.loads(self.get(f"/stats?format=json&filter=^{prefix}"))["stats"]
        return {stat["name"]: stat["value"] for stat in listed if isinstance(stat.get("value"), int)}

    def rejected(self) -> int:
        """How many configurations Envoy has refused since it started."""
        pattern = r"(listener_manager.lds|cluster_manager.cds|rds.*)\.update_rejected"
        listed = json.loads(self.get(f"/stats?format=json&filter={pattern}"))["stats"]
        return sum(stat["value"] for stat in listed if "value" in stat)


def _is_healthy(status: dict[str, Any]) -> bool:
    failed = (
        "failed_active_health_check",
        "failed_outlier_check",
        "failed_active_degraded_check",
        "pending_dynamic_removal",
    )
    return not any(status.get(reason) for reason in failed) and status.get("eds_health_status", "HEALTHY") == "HEALTHY"
