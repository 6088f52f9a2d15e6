"""Traffic between releases, by Envoy: four methods that a release is driven through, and what stands under them.

Everything here is level-triggered. `routing.json` says what is wanted; `apply` brings Envoy there from wherever it is,
and may be stopped anywhere and run again.
"""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from windsock.contracts.files import read_json, write_json
from windsock.edge import routing as state
from windsock.edge.admin import Admin, EdgeDownError
from windsock.edge.clusters import assigned_cluster, release_cluster
from windsock.edge.render import CLUSTERS, ROUTES_FILE, discovery, render
from windsock.edge.routing import Routing, Target

CONFIG = "envoy"
SOCKET = "admin.sock"
POLL_S = 0.01
PATIENCE_S = 10.0


class EdgeStuckError(Exception):
    """Envoy runs, but does not take what it was given."""


class EnvoyTraffic:
    """The traffic of one Envoy, which reads its configuration below `directory`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.resolve()
        self.config = self.directory / CONFIG
        self.admin = Admin(self.directory / SOCKET)

    @property
    def routing(self) -> Routing:
        """What is wanted.

        Raises:
            InputError: there is no routing file, or it does not hold together.
        """
        return Routing.read(self.directory / state.FILE)

    def set_weights(self, weights: Mapping[str, int]) -> None:
        """Gives each release its share in percent; one that is not named gets 0. Returns once Envoy routes so.

        Raises:
            InputError: a release is unknown, or the sum is not 100.
            EdgeStuckError: Envoy did not take it in time.
        """
        self.apply(self.routing.with_weights(weights))

    def get_weights(self) -> dict[str, int]:
        """The share of each release as Envoy routes at this moment, whatever the files say.

        Raises:
            EdgeDownError: Envoy does not answer.
        """
        used = self.admin.weights()
        prefix = assigned_cluster("")
        return {name.removeprefix(prefix): weight for name, weight in used.items()}

    def ready(self) -> bool:
        """Whether Envoy routes as wanted, and every release that is to get requests has a healthy server."""
        return not self.waits_for()

    def finalize(self, release: str) -> None:
        """Ends a rollout: `release` keeps all the traffic, the others leave, the shadow copy ends.

        Raises:
            InputError: the release is unknown.
            EdgeStuckError: Envoy did not take it in time.
        """
        self.apply(self.routing.only(release))

    def add(self, target: Target) -> None:
        """Makes a release's servers known, without traffic; a known release gets these servers instead of its own."""
        self.apply(self.routing.with_release(target))

    def shadow(self, release: str) -> None:
        """Sends a copy of every prediction request to a release, or with an empty name to none."""
        self.apply(self.routing.with_shadow(release))

    def waits_for(self) -> str:
        """What is missing until the wanted state is there, in words; empty when it is."""
        wanted = self.routing
        try:
            used = self.admin.routes()[0] if self.admin.live() else ""
            healthy = self.admin.healthy() if used else {}
        except EdgeDownError as error:
            return str(error)
        if used != self._render(wanted)[ROUTES_FILE]["version_info"]:
            return f"the edge routes by version {used or 'none'}, another one is wanted"
        for target in wanted.releases:
            asked = target.weight > 0 or target.release == wanted.shadow
            if asked and not healthy.get(release_cluster(target.release)):
                return f"no server of {target.release} is healthy"
        return ""

    def apply(self, wanted: Routing) -> None:
        """Writes down what is wanted and brings Envoy there; before Envoy runs, it only writes.

        New clusters are known before a route names them, and old ones leave after the last route that did.
        """
        wanted.write(self.directory / state.FILE)
        files = self._render(wanted)
        running = self.admin.live()
        resources = files[CLUSTERS]["resources"]
        leaving = [] if not running else self._leaving(resources)
        for name, content in files.items():
            if name not in (CLUSTERS, ROUTES_FILE):
                self._write(name, content)
        self._write(CLUSTERS, discovery([*resources, *leaving]))
        if running:
            versions = discovery([*resources, *leaving])["version_info"]
            names = {resource["name"] for resource in resources}
            self._await(lambda: names <= self.admin.clusters().keys(), f"clusters of version {versions}")
        self._write(ROUTES_FILE, files[ROUTES_FILE])
        if running:
            version = files[ROUTES_FILE]["version_info"]
            self._await(lambda: self.admin.routes()[0] == version, f"routes of version {version}")
        if leaving:
            self._write(CLUSTERS, files[CLUSTERS])

    def _render(self, wanted: Routing) -> dict[str, dict[str, Any]]:
        return render(wanted, self.config, self.directory / SOCKET)

    def _leaving(self, resources: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The clusters that Envoy knows and the wanted state does not."""
        wanted = {resource["name"] for resource in resources}
        known = read_json(self.config / CLUSTERS, "edge clusters")["resources"]
        return [resource for resource in known if resource["name"] not in wanted]

    def _write(self, name: str, content: dict[str, Any]) -> None:
        """Replaces a watched file, if it changes: Envoy reads on every move into the directory."""
        path = self.config / name
        if not path.is_file() or read_json(path, name) != content:
            write_json(path, content)

    def _await(self, done: Callable[[], bool], what: str) -> None:
        refused = self.admin.rejected()
        until = time.monotonic() + PATIENCE_S
        while not done():
            if self.admin.rejected() > refused:
                raise EdgeStuckError(f"the edge refused {what}; its log says why")
            if time.monotonic() > until:
                raise EdgeStuckError(f"the edge did not take {what} within {PATIENCE_S:.0f} s")
            time.sleep(POLL_S)
