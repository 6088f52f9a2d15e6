"""The edge's promises, on a real Envoy before small real servers."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from windsock.contracts.errors import InputError
from windsock.edge.routing import Address, Limits, Routing, Target
from windsock.edge.traffic import EnvoyTraffic

from tests.drills.serving import weight_changes
from tests.drills.serving.load import Answer, Client, Request, count_by, failed, load, quantile_ms
from tests.drills.serving.real_edge import make_routing, running_edge, table, until
from tests.drills.serving.servers import SwitchedServer

INFER = "/v2/models/any/infer"
RELEASE, ASSIGNED = "x-windsock-release", "x-windsock-assigned-release"


@dataclass
class Stage:
    """Two releases and the rules behind a running edge."""

    traffic: EnvoyTraffic
    stable: SwitchedServer
    canary: SwitchedServer
    rules: SwitchedServer

    @property
    def port(self) -> int:
        return self.traffic.routing.listen.port

    async def ask(self, headers: dict[str, str] | None = None, path: str = INFER, body: bytes = b"{}") -> Answer:
        client = Client(self.port)
        answer = await client.ask(Request(path, body, headers or {}))
        client.close()
        return answer

    async def load(self, per_s: float = 200, seconds: float = 2, key: str = "") -> list[Answer]:
        def make(number: int) -> Request:
            return Request(INFER, headers={"x-windsock-sticky-key": key.format(number)} if key else {})

        return await load(self.port, per_s, seconds, make)


@asynccontextmanager
async def stage(
    directory: Path, weights: tuple[int, int] = (90, 10), shadow: str = "", limits: Limits | None = None
) -> AsyncIterator[Stage]:
    stable, canary, rules = [await SwitchedServer(name).start() for name in ("stable", "canary", "rules")]
    releases = {"stable": (stable.port, weights[0]), "canary": (canary.port, weights[1])}
    try:
        routing = make_routing(releases, rules.port, shadow)
        routing = replace(routing, limits=limits) if limits else routing
        async with running_edge(directory, routing) as traffic:
            yield Stage(traffic, stable, canary, rules)
    finally:
        for server in (stable, canary, rules):
            await server.die()


def test_weights_split_the_traffic(tmp_path):
    async def drill():
        async with stage(tmp_path) as on:
            answers = await on.load(per_s=200, seconds=5)
            split = count_by(answers, RELEASE)
            table("weights 90/10", [("answers", "stable", "canary"), (len(answers), split["stable"], split["canary"])])
            assert not failed(answers)
            # Six standard deviations of a binomial of 1,000 at 10 % are 57.
            assert abs(split["canary"] - 100) < 57
            assert count_by(answers, ASSIGNED) == split
            assert on.traffic.get_weights() == {"stable": 90, "canary": 10}

    asyncio.run(drill())


@pytest.mark.parametrize("behaviour", ["fail", "shed", "reset", "hang", "die"])
def test_a_failing_release_is_answered_for_by_the_rules(tmp_path, behaviour):
    async def drill():
        async with stage(tmp_path, (100, 0)) as on:
            if behaviour == "die":
                await on.stable.die()
            on.stable.behaviour = behaviour
            answers = await on.load(per_s=100, seconds=6)
            by = count_by(answers, RELEASE)
            figures = (behaviour, len(answers), len(failed(answers)), by["rules"])
            late = f"{quantile_ms(answers, 0.5):.1f}", f"{quantile_ms(answers, 0.999):.1f}"
            table("failover", [("release", "answers", "failed", "by rules", "p50 ms", "p99.9 ms"), (*figures, *late)])
            assert not failed(answers)
            assert by == {"rules": len(answers)}
            assert count_by(answers, ASSIGNED) == {"stable": len(answers)}
            retried = {seen["x-envoy-attempt-count"] for seen in on.rules.seen}
            assert retried <= {"1", "2"}
            if behaviour in ("fail", "reset", "hang"):
                assert on.traffic.admin.counters("cluster.release-stable.outlier")[
                    "cluster.release-stable.outlier_detection.ejections_enforced_total"
                ]
                # Here an ejection lasts about as long as it takes to see that a server hangs: far from all may meet it.
                assert len(on.stable.seen) < len(answers) * 2 / 3

    asyncio.run(drill())


def test_a_stall_of_release_and_rules_costs_time_and_no_answer(tmp_path):
    stalled_s = 1.3

    async def drill():
        async with stage(tmp_path, (100, 0)) as on:
            servers = (on.stable, on.canary, on.rules)
            loaded = asyncio.create_task(on.load(per_s=50, seconds=3))
            await asyncio.sleep(0.5)
            for server in servers:
                server.behaviour = "hang"
            await asyncio.sleep(stalled_s)
            for server in servers:
                server.behaviour = "answer"
            answers = await loaded
            figures = (f"{stalled_s:g}", len(answers), len(failed(answers)), f"{quantile_ms(answers, 1.0):.0f}")
            table("stall", [("stalled s", "answers", "failed", "slowest ms"), figures])
            assert not failed(answers)
            assert quantile_ms(answers, 1.0) > 1000

    asyncio.run(drill())


def test_a_release_that_recovers_gets_its_traffic_back(tmp_path):
    async def drill():
        async with stage(tmp_path, (100, 0)) as on:
            on.stable.behaviour = "fail"
            assert count_by(await on.load(seconds=1), RELEASE)["rules"] == 200
            on.stable.behaviour = "answer"
            await until(lambda: on.traffic.admin.healthy()["release-stable"] == 1, 5)
            assert count_by(await on.load(seconds=1), RELEASE) == {"stable": 200}

    asyncio.run(drill())


def test_a_release_that_is_not_ready_gets_nothing(tmp_path):
    async def drill():
        async with stage(tmp_path, (100, 0)) as on:
            on.stable.ready = False
            await until(lambda: on.traffic.admin.healthy()["release-stable"] == 0, 5)
            assert "no server of stable" in on.traffic.waits_for()
            on.stable.seen.clear()
            answers = await on.load(seconds=1)
            assert not failed(answers)
            assert not on.stable.seen

    asyncio.run(drill())


def test_when_the_rules_are_down_as_well_the_release_still_answers(tmp_path):
    async def drill():
        async with stage(tmp_path, (100, 0)) as on:
            await on.rules.die()
            answers = await on.load(seconds=1)
            assert not failed(answers)
            assert count_by(answers, RELEASE) == {"stable": 200}

    asyncio.run(drill())


def test_when_nobody_is_healthy_all_are_tried(tmp_path):
    async def drill():
        async with stage(tmp_path, (100, 0)) as on:
            on.stable.ready = on.rules.ready = False
            await until(lambda: sum(on.traffic.admin.healthy()[name] for name in ("release-stable", "rules")) == 0, 5)
            assert not failed(await on.load(seconds=1))

    asyncio.run(drill())


def test_a_sticky_key_stays_and_moves_only_to_the_growing_release(tmp_path):
    async def assigned(on: Stage) -> dict[str, str]:
        answers = await on.load(per_s=400, seconds=2, key="{}")
        assert not failed(answers)
        return {answer.request.headers["x-windsock-sticky-key"]: answer.headers[ASSIGNED] for answer in answers}

    async def drill():
        async with stage(tmp_path, (75, 25)) as on:
            before, again = await assigned(on), await assigned(on)
            assert before == again
            await asyncio.to_thread(on.traffic.set_weights, {"stable": 50, "canary": 50})
            after = await assigned(on)
            moved = {(before[key], after[key]) for key in before if before[key] != after[key]}
            shares = [sum(value == "canary" for value in one.values()) for one in (before, after)]
            table("sticky keys of 800", [("canary at 25 %", "canary at 50 %", "moved"), (*shares, moved)])
            assert moved == {("stable", "canary")}
            assert 130 < shares[0] < 270
            assert 320 < shares[1] < 480

    asyncio.run(drill())


def test_the_shadow_gets_a_marked_copy_and_nobody_else_can_mark(tmp_path):
    async def drill():
        async with stage(tmp_path, (100, 0), shadow="canary") as on:
            forged = {"x-windsock-role": "shadow", "x-windsock-fallback-reason": "forged", "x-request-id": "mine"}
            for _ in range(20):
                assert (await on.ask(forged)).headers[RELEASE] == "stable"
            await until(lambda: len(on.canary.seen) == 20, 5)
            assert {seen["x-windsock-role"] for seen in on.canary.seen} == {"shadow"}
            assert {seen[ASSIGNED] for seen in on.canary.seen} == {"canary"}
            assert {seen["x-request-id"] for seen in on.canary.seen + on.stable.seen} == {"mine"}
            assert not any("x-windsock-role" in seen or "x-windsock-fallback-reason" in seen for seen in on.stable.seen)
            on.canary.behaviour = "hang"
            answers = await on.load(seconds=1)
            assert not failed(answers)
            assert count_by(answers, RELEASE) == {"stable": 200}
            await asyncio.to_thread(on.traffic.shadow, "")
            on.canary.seen.clear()
            assert not failed(await on.load(seconds=0.5))
            assert not on.canary.seen

    asyncio.run(drill())


def test_callers_cannot_steer_the_edge(tmp_path):
    async def drill():
        async with stage(tmp_path, (100, 0)) as on:
            steering = {"x-envoy-upstream-rq-timeout-ms": "1", "x-envoy-max-retries": "0", "x-envoy-retry-on": "none"}
            answer = await on.ask({**steering, ASSIGNED: "forged"})
            assert (answer.status, answer.headers[RELEASE]) == (200, "stable")
            assert on.stable.seen[0]["x-envoy-expected-rq-timeout-ms"] == "225"
            assert on.stable.seen[0][ASSIGNED] == "stable"
            on.stable.behaviour = "fail"
            assert (await on.ask(steering)).headers[RELEASE] == "rules"

    asyncio.run(drill())


def test_limits_are_refused_by_the_edge_itself(tmp_path):
    async def drill():
        async with stage(tmp_path, (100, 0)) as on:
            refusals = {
                "body": (await on.ask(body=b" " * 1_100_000), 413),
                "header size": (await on.ask({"x-long": "x" * 20_000}), 431),
                "header count": (await on.ask({f"x-{number}": "1" for number in range(80)}), 431),
                "underscore": (await on.ask({"x_windsock_role": "shadow"}), 400),
                "path": (await on.ask(path="/config_dump"), 404),
                "escaped": (await on.ask(path="/v2/models%2fany/infer"), 400),
            }
            rows = [(what, answer.status, answer.body[:60]) for what, (answer, _) in refusals.items()]
            table("limits", [("what", "status", "body"), *rows])
            assert {what: answer.status for what, (answer, _) in refusals.items()} == {
                what: status for what, (_, status) in refusals.items()
            }
            assert not on.stable.seen
            assert (await on.ask()).status == 200

    asyncio.run(drill())


def test_memory_that_runs_out_refuses_requests_and_comes_back(tmp_path):
    """Slow senders fill the heap with bodies that never become whole: others are refused at once, and Envoy lives."""
    limits = Limits(heap_bytes=64 * 1_048_576, request_received_s=4.0)

    async def begin(port: int) -> asyncio.StreamWriter:
        head = f"POST {INFER} HTTP/1.1\r\nhost: edge\r\ncontent-length: 1000000\r\n\r\n".encode()
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head + b" " * 900_000)
        return writer

    async def refused(on: Stage) -> list[Answer]:
        """Answers of a second from when the first was refused, or none if that does not come to pass."""
        for _ in range(100):
            if (await on.ask()).status == 503:
                return [await on.ask() for _ in range(20)]
            await asyncio.sleep(0.02)
        return []

    async def drill():
        async with stage(tmp_path, (100, 0), limits=limits) as on:
            assert (await on.ask()).status == 200
            senders = [await begin(on.port) for _ in range(100)]
            answers = await refused(on)
            statuses = Counter(answer.status for answer in answers)
            waits = []
            while (await on.ask()).status != 200:
                waits.append(0.1)
                assert len(waits) < 100, "memory does not come back"
                await asyncio.sleep(0.1)
            for sender in senders:
                sender.close()
            figures = (dict(statuses), f"{quantile_ms(answers, 1.0):.0f}", f"{sum(waits):.1f}")
            table("memory runs out", [("answers", "slowest ms", "answers again after s"), figures])
            assert set(statuses) == {503}
            assert not failed(await on.load(seconds=1))

    asyncio.run(drill())


def test_a_rollout_from_new_release_to_the_only_one_loses_nothing(tmp_path):
    async def drill():
        async with stage(tmp_path, (100, 0)) as on:
            third = await SwitchedServer("third").start()

            def roll_out() -> None:
                on.traffic.add(Target("third", (Address("127.0.0.1", third.port),)))
                on.traffic.shadow("third")
                for weight in (10, 25, 50):
                    on.traffic.set_weights({"stable": 100 - weight, "third": weight})
                on.traffic.finalize("third")

            answers, _ = await asyncio.gather(on.load(per_s=400, seconds=3), asyncio.to_thread(roll_out))
            assert not failed(answers)
            assert on.traffic.get_weights() == {"third": 100}
            assert on.traffic.ready()
            assert set(on.traffic.admin.clusters()) == {"release-third", "assigned-third", "rules"}
            await third.die()

    asyncio.run(drill())


def test_weights_change_under_load_without_a_loss(tmp_path):
    answers, took = asyncio.run(weight_changes.run(60, tmp_path))
    weight_changes.report(answers, took)
    assert not failed(answers)
    assert count_by(answers, RELEASE)["rules"] == 0


def test_wrong_weights_are_refused_and_change_nothing(tmp_path):
    async def drill():
        async with stage(tmp_path) as on:
            for weights in (
                {"stable": 50},
                {"stable": 100, "unknown": 0},
                {"stable": 110, "canary": -10},
                {"canary": True},
            ):
                with pytest.raises(InputError):
                    on.traffic.set_weights(weights)
            assert on.traffic.get_weights() == {"stable": 90, "canary": 10}
            assert Routing.read(tmp_path / "routing.json").weights == {"stable": 90, "canary": 10}

    asyncio.run(drill())


def test_operators_see_readiness_and_statistics_and_nothing_else(tmp_path):
    async def drill():
        async with stage(tmp_path) as on:
            await on.load(seconds=0.5)
            client = Client(on.traffic.routing.operations.port)
            ready, metrics = [await client.ask(Request(path, b"", method="GET")) for path in ("/ready", "/metrics")]
            quit_page = await client.ask(Request("/quitquitquit", b""))
            client.close()
            assert (ready.status, metrics.status, quit_page.status) == (200, 200, 404)
            assert b'release="stable"' in metrics.body

    asyncio.run(drill())
