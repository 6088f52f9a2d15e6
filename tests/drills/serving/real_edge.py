"""A real Envoy in a directory of its own, for the length of a test."""

import asyncio
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from windsock.edge.envoy_binary import command
from windsock.edge.routing import Address, Ejection, Routing, Target
from windsock.edge.traffic import EnvoyTraffic

LOOPBACK = "127.0.0.1"
START_S = 20.0


def free_ports(count: int) -> list[int]:
    """Loopback ports that nobody listens on at this moment, all different."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind((LOOPBACK, 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def make_routing(releases: dict[str, tuple[int, int]], rules: int, shadow: str = "", deadline_ms: int = 250) -> Routing:
    """A routing on loopback: `releases` maps a release to its port and weight."""
    listen, operations = (Address(LOOPBACK, port) for port in free_ports(2))
    targets = tuple(Target(name, (Address(LOOPBACK, port),), weight) for name, (port, weight) in releases.items())
    quick = Ejection(window_s=0.25, ejected_s=0.5, ejected_at_most_s=1.0, probe_interval_s=0.2)
    return Routing(
        listen, operations, targets, (Address(LOOPBACK, rules),), shadow, deadline_ms=deadline_ms, ejection=quick
    )


@asynccontextmanager
async def running_edge(directory: Path, routing: Routing, threads: int = 1) -> AsyncIterator[EnvoyTraffic]:
    """Runs Envoy on a routing until the block ends; it is ready when the block begins."""
    traffic = EnvoyTraffic(directory)
    traffic.apply(routing)
    with (directory / "envoy.log").open("wb") as log:
        process = subprocess.Popen(command(directory, threads), stdout=log, stderr=log)
    try:
        await until(traffic.ready, START_S, traffic.waits_for)
        yield traffic
        assert process.poll() is None, (directory / "envoy.log").read_text()
    finally:
        process.terminate()
        process.wait(timeout=10)


async def until(holds, seconds: float, describe=lambda: "") -> float:
    """Waits until something holds; returns how long it took, in seconds."""
    began = time.monotonic()
    while not await asyncio.to_thread(holds):
        assert time.monotonic() - began < seconds, f"not within {seconds} s: {describe()}"
        await asyncio.sleep(0.02)
    return time.monotonic() - began


def table(title: str, rows: Iterable[tuple[object, ...]]) -> None:
    """Prints a drill's figures as a small table."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    print(f"\n{title}")
    for row in cells:
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
