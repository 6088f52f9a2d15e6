"""Releases that join and leave while everything runs: a candidate before its rollout, the former release after it.

Level-triggered: `wanted.json` says who is to be here, the edge's routing who is still sent anything. Whoever is wanted
is started and made known to the edge, without traffic, once it answers; whoever is neither wanted nor routed to ends.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from windsock.contracts.errors import InputError
from windsock.edge.routing import Address, Target
from windsock.edge.traffic import EdgeStuckError, EnvoyTraffic

from serving.local.place import Place
from serving.local.stack import HOST, Server
from serving.local.supervisor import Kept, Supervisor

LOOK_S = 0.3


@dataclass
class Guest:
    """A running server of one release; `known` once the edge has been told of it."""

    server: Server
    kept: Kept
    known: bool


class Guests:
    """Call it between two rounds of the supervisor."""

    def __init__(
        self, place: Place, supervisor: Supervisor, make: Callable[[str], Server], say: Callable[[str], None]
    ) -> None:
        self._place, self._supervisor, self._make, self._say = place, supervisor, make, say
        self._traffic = EnvoyTraffic(place.edge)
        self._here: dict[str, Guest] = {}
        self._refused: set[str] = set()
        self._due = 0.0

    def hosts(self, server: Server, kept: Kept) -> None:
        """Takes over a server that was there from the start."""
        self._here[server.bundle.digest] = Guest(server, kept, known=True)

    def __call__(self) -> None:
        """One look, at most every `LOOK_S` seconds."""
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + LOOK_S
        try:
            wanted = self._place.wanted
            self._welcome(wanted)
            self._see_off({*wanted, *self._traffic.routing.weights})
        except (InputError, EdgeStuckError) as error:
            self._say(f"releases: {error}")
            self._due = time.monotonic() + 10 * LOOK_S

    def _welcome(self, wanted: tuple[str, ...]) -> None:
        self._refused &= set(wanted)
        for release in wanted:
            guest = self._here.get(release)
            if guest is None and release not in self._refused:
                self._begin(release)
            elif guest is not None and not guest.known and guest.server.program.ready():
                address = Address(HOST, guest.server.port)
                self._traffic.add(Target(release, (address,)))
                guest.known = True
                self._say(f"{guest.server.program.name} joined  {guest.server.where}")

    def _begin(self, release: str) -> None:
        try:
            server = self._make(release)
        except InputError:
            self._refused.add(release)
            raise
        self._here[release] = Guest(server, self._supervisor.launch(server.program), known=False)

    def _see_off(self, staying: set[str]) -> None:
        for release in [release for release in self._here if release not in staying]:
            guest = self._here.pop(release)
            self._supervisor.release(guest.kept)
            self._say(f"{guest.server.program.name} left  {guest.server.where}")
