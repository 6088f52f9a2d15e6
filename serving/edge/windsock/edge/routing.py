"""The routing state: which releases get which share of the traffic, and the bounds that every request meets.

One JSON file holds it. Everything that Envoy reads is rendered from it, on a laptop and in a cluster alike.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Self

from windsock.contracts.errors import InputError
from windsock.contracts.files import read_json, write_json
from windsock.contracts.settings import parse

FILE = "routing.json"
TOTAL_WEIGHT = 100
# A release's name goes into cluster names, headers and statistics: a digest fits, and so does a plain word.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}")


@dataclass(frozen=True)
class Address:
    """Where a server listens; `host` is an IP address or a DNS name, of which every address is used."""

    host: str
    port: int = field(metadata={"low": 1, "high": 65535})


@dataclass(frozen=True)
class Target:
    """The servers of one release, and its share of the traffic in percent."""

    release: str
    servers: tuple[Address, ...]
    weight: int = field(default=0, metadata={"low": 0, "high": TOTAL_WEIGHT})

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.release):
            raise InputError("target.release", self.release, "a release's digest or a plain name")
        if not self.servers:
            raise InputError(f"servers of {self.release}", self.servers, "at least one address")


@dataclass(frozen=True)
class Limits:
    """What the edge refuses, so that one caller cannot exhaust it."""

    request_bytes: int = field(default=1_048_576, metadata={"low": 1024})
    header_kib: int = field(default=16, metadata={"low": 1, "high": 96})
    headers: int = field(default=64, metadata={"low": 8, "high": 1000})
    connections: int = field(default=2_000, metadata={"low": 1})
    requests_at_once: int = field(default=1_024, metadata={"low": 1})
    request_received_s: float = field(default=10.0, metadata={"low": 0.1})
    heap_bytes: int = field(default=512 * 1_048_576, metadata={"low": 64 * 1_048_576})


@dataclass(frozen=True)
class Ejection:
    """When a server counts as failed: by its answers (passive) and by its readiness (active).

    By its answers: `failed_percent` of at least `requests_at_least` in `window_s` seconds went wrong. It is a share,
    not a number in a row: one stall of a busy machine makes every open request late at once, and then it is over.
    """

    failed_percent: int = field(default=50, metadata={"low": 1, "high": 100})
    requests_at_least: int = field(default=5, metadata={"low": 1})
    window_s: float = field(default=1.0, metadata={"low": 0.05})
    ejected_s: float = field(default=2.0, metadata={"low": 0.1})
    ejected_at_most_s: float = field(default=30.0, metadata={"low": 0.1})
    probe_path: str = "/v2/health/ready"
    probe_interval_s: float = field(default=1.0, metadata={"low": 0.05})
    probe_failures: int = field(default=2, metadata={"low": 1})


@dataclass(frozen=True)
class Routing:
    """All that the edge knows.

    `releases` keep their order, the stable one first: an entity that asks to stay with its release (sticky) then moves
    only when the weights do, and only between the two releases whose weights changed. `rules` answer when a release's
    servers cannot. `shadow` names the release that gets a copy of every prediction request; its answers go nowhere.

    A release's servers have `deadline_ms - failover_reserve_ms`; what is left is for the rules.
    """

    listen: Address
    operations: Address
    releases: tuple[Target, ...]
    rules: tuple[Address, ...]
    shadow: str = ""
    deadline_ms: int = field(default=250, metadata={"low": 10, "high": 60_000})
    failover_reserve_ms: int = field(default=25, metadata={"low": 1})
    limits: Limits = field(default_factory=Limits)
    ejection: Ejection = field(default_factory=Ejection)

    def __post_init__(self) -> None:
        names = [target.release for target in self.releases]
        if not names or len(set(names)) != len(names):
            raise InputError("routing.releases", names, "at least one release, each named once")
        total = sum(target.weight for target in self.releases)
        if total != TOTAL_WEIGHT:
            raise InputError("routing weights", self.weights, f"a sum of {TOTAL_WEIGHT}, not {total}")
        if self.shadow and self.shadow not in names:
            raise InputError("routing.shadow", self.shadow, f"one of {', '.join(names)}")
        if not self.rules:
            raise InputError("routing.rules", self.rules, "at least one address")
        if self.failover_reserve_ms >= self.deadline_ms:
            raise InputError("routing.failover_reserve_ms", self.failover_reserve_ms, f"less than {self.deadline_ms}")

    @property
    def weights(self) -> dict[str, int]:
        """The share of each release, in percent."""
        return {target.release: target.weight for target in self.releases}

    def with_weights(self, weights: Mapping[str, int]) -> Self:
        """The same routing with other weights; a release that is not named gets 0.

        Raises:
            InputError: a release is unknown, a weight is no whole percentage, or the sum is not 100.
        """
        for release, weight in weights.items():
            if release not in self.weights:
                raise InputError("weight", release, f"one of {', '.join(self.weights)}")
            if type(weight) is not int or not 0 <= weight <= TOTAL_WEIGHT:
                raise InputError(f"weight of {release}", weight, f"a whole number from 0 to {TOTAL_WEIGHT}")
        changed = (replace(target, weight=weights.get(target.release, 0)) for target in self.releases)
        return replace(self, releases=tuple(changed))

    def with_release(self, target: Target) -> Self:
        """The same routing with one more release, last in order and without traffic; a known one gets these servers."""
        if target.release in self.weights:
            target = replace(target, weight=self.weights[target.release])
            kept = tuple(target if known.release == target.release else known for known in self.releases)
            return replace(self, releases=kept)
        return replace(self, releases=(*self.releases, replace(target, weight=0)))

    def with_shadow(self, release: str) -> Self:
        """The same routing with a copy of every prediction request going to `release`; an empty name ends it."""
        return replace(self, shadow=release)

    def only(self, release: str) -> Self:
        """The routing when `release` alone is left: all traffic, no shadow.

        Raises:
            InputError: the release is unknown.
        """
        kept = tuple(replace(target, weight=TOTAL_WEIGHT) for target in self.releases if target.release == release)
        if not kept:
            raise InputError("release", release, f"one of {', '.join(self.weights)}")
        return replace(self, releases=kept, shadow="")

    @classmethod
    def read(cls, path: Path) -> Self:
        """Reads a routing file.

        Raises:
            InputError: the file is missing, or a value is unknown, missing or out of range.
        """
        return parse(cls, read_json(path, "routing"), "routing")

    def write(self, path: Path) -> None:
        """Writes the routing whole or not at all."""
        write_json(path, asdict(self))
