"""Changes the weights again and again under load, and counts what was lost.

python -m tests.drills.serving.weight_changes --changes 1000
"""

import argparse
import asyncio
import tempfile
import time
from pathlib import Path

from windsock.edge.traffic import EnvoyTraffic

from tests.drills.serving.load import Answer, Request, count_by, failed, load, quantile_ms
from tests.drills.serving.real_edge import make_routing, running_edge, table
from tests.drills.serving.servers import SwitchedServer

PER_S = 100


def change(traffic: EnvoyTraffic, changes: int) -> list[float]:
    """Sets the weights `changes` times, checks each in Envoy itself, and returns how long each took, in seconds."""
    took = []
    for number in range(changes):
        canary = (number * 37 + 10) % 101
        began = time.perf_counter()
        traffic.set_weights({"stable": 100 - canary, "canary": canary})
        took.append(time.perf_counter() - began)
        assert traffic.get_weights() == {"stable": 100 - canary, "canary": canary}
    return took


async def run(changes: int, directory: Path) -> tuple[list[Answer], list[float]]:
    """All answers, and how long each change took."""
    stable, canary, rules = [await SwitchedServer(name).start() for name in ("stable", "canary", "rules")]
    routing = make_routing({"stable": (stable.port, 100), "canary": (canary.port, 0)}, rules.port)
    answers: list[Answer] = []
    async with running_edge(directory, routing) as traffic:
        changing = asyncio.create_task(asyncio.to_thread(change, traffic, changes))
        while not changing.done():
            answers += await load(routing.listen.port, PER_S, 1, lambda _: Request("/v2/models/any/infer"))
        took = await changing
    for server in (stable, canary, rules):
        await server.die()
    return answers, took


def report(answers: list[Answer], took: list[float]) -> None:
    """The drill's table."""
    by = count_by(answers, "x-windsock-release")
    rows = [
        ("changes", "p50 ms a change", "slowest ms", "requests", "failed", "stable", "canary", "rules", "p99.9 ms"),
        (
            len(took),
            f"{1000 * sorted(took)[len(took) // 2]:.0f}",
            f"{1000 * max(took):.0f}",
            len(answers),
            len(failed(answers)),
            by["stable"],
            by["canary"],
            by["rules"],
            f"{quantile_ms(answers, 0.999):.1f}",
        ),
    ]
    table(f"weight changes under {PER_S} requests a second", rows)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--changes", type=int, default=1000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        answers, took = asyncio.run(run(arguments.changes, Path(directory)))
    report(answers, took)
    if failed(answers):
        raise SystemExit(f"{len(failed(answers))} requests failed")


if __name__ == "__main__":
    main()
