"""A candidate dies at 10 % of 100 requests a second: how soon is it off the traffic, and was a request lost?

    components/release/.venv/bin/python -m tests.drills.release.erring --runs 20

Real Envoy, real servers (the rules service thrice: the serving release, the candidate, the last resort), real records.
From the kill on, the edge answers the candidate's share by the last resort; the turns read that in the records.
"""

import argparse
import asyncio
import json
import shutil
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from windsock.contracts.release import Bundle, rules_release
from windsock.contracts.use_case import load_use_case
from windsock.contracts.use_case_code import pack_use_case
from windsock.release.place import open_release
from windsock.release.rollout import advance, start

from tests.drills.serving.load import Request, failed, load

ROOT = Path(__file__).parents[3]
PUMPS = ROOT / "tests" / "journeys" / "other_use_case"
EDGE = ROOT / "serving" / "edge" / ".venv" / "bin" / "python"
RULES = ROOT / "serving" / "rules" / ".venv" / "bin" / "python"
PER_S = 100
TURN_S = 1.0
SETTINGS = """
[serving.record]
capacity_mb = 8
ship_every_s = 0.5

[rollout]
copies = "never"
baseline_requests = 50
step_s = 600.0
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Stage:
    """Servers, edge and release of a drill, in a directory of their own."""

    home: Path
    processes: dict[str, subprocess.Popen] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        thresholds = {"serving": 0.25, "candidate": 0.35, "resort": 0.3}
        self.bundles = {name: self.bundle(name, threshold) for name, threshold in thresholds.items()}
        self.ports = {name: free_port() for name in (*self.bundles, "edge", "operations")}
        self.records = tuple((self.home / f"records-{name}" / "shipped").as_uri() for name in self.bundles)

    def bundle(self, name: str, threshold: float) -> Bundle:
        repository = self.home / f"use-case-{name}"
        shutil.copytree(PUMPS, repository)
        with (repository / "use_case.toml").open("a") as file:
            file.write(SETTINGS + f"false_void_rate = {threshold / 1000}\n")
        return rules_release(pack_use_case(repository, self.home / "packed"), threshold, self.home / "releases")

    def digest(self, name: str) -> str:
        return self.bundles[name].digest

    def serve(self, name: str) -> None:
        directory = str(self.home / f"records-{name}")
        command = [str(RULES), "-m", "windsock.rules", "--model_dir", str(self.bundles[name].artifact.path)]
        command += ["--record_dir", directory, "--http_port", str(self.ports[name]), "--host", "127.0.0.1"]
        with (self.home / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(command, stdout=log, stderr=log)

    def edge(self) -> None:
        def address(name: str) -> dict:
            return {"host": "127.0.0.1", "port": self.ports[name]}

        targets = [
            {"release": self.digest(name), "servers": [address(name)], "weight": weight}
            for name, weight in (("serving", 100), ("candidate", 0))
        ]
        routing = {"listen": address("edge"), "operations": address("operations"), "releases": targets,
                   "rules": [address("resort")]}  # fmt: skip
        (self.home / "routing.json").write_text(json.dumps(routing))
        command = [str(EDGE), "-m", "windsock.edge", "--directory", str(self.home / "edge")]
        subprocess.run([*command, "render", str(self.home / "routing.json")], check=True)
        with (self.home / "edge.log").open("ab") as log:
            self.processes["edge"] = subprocess.Popen([*command, "run"], stdout=log, stderr=log)
        until = time.monotonic() + 20
        while subprocess.run([*command, "ready"], check=False, capture_output=True).returncode:
            assert time.monotonic() < until, (self.home / "edge.log").read_text()[-2000:]
            time.sleep(0.2)

    def release(self, history: Path):
        use_case = load_use_case(self.bundles["serving"].use_case)
        traffic = f"edge:{self.home / 'edge'} {EDGE} -m windsock.edge"
        return open_release(use_case, str(history), traffic, self.records, "")

    def stop(self) -> None:
        for process in reversed(self.processes.values()):
            process.terminate()
        for process in self.processes.values():
            process.wait(10)


@dataclass(frozen=True)
class Outcome:
    """One run: seconds from the kill until Envoy sends the candidate nothing, requests, and those that were lost."""

    off_after_s: float
    requests: int
    lost: int
    reason: str


def shift(number: int) -> Request:
    row = {"pump": 100 + number % 50, "site": "north", "load": 50.0, "starts_at": "2024-06-01T13:00:00Z"}
    return Request("/v1/models/pumps:predict", json.dumps({"instances": [row]}).encode())


async def keep_asking(port: int, answers: list, going: asyncio.Event) -> None:
    while going.is_set():
        answers += await load(port, PER_S, 1, shift)


async def turn_until(release, holds, patience_s: float):
    """Takes a turn a second until something holds of the state."""
    until = time.monotonic() + patience_s
    while True:
        began = time.monotonic()
        turn = await asyncio.to_thread(advance, release, datetime.now(UTC))
        if holds(turn.state):
            return turn
        assert time.monotonic() < until, turn.message
        await asyncio.sleep(max(0.0, TURN_S - (time.monotonic() - began)))


async def run_once(stage: Stage, run: int) -> Outcome:
    """A rollout up to 10 %, the kill, and the turns until the candidate is off."""
    release = stage.release(stage.home / f"history-{run}")
    answers: list = []
    going = asyncio.Event()
    going.set()
    asking = asyncio.create_task(keep_asking(stage.ports["edge"], answers, going))
    await asyncio.to_thread(start, release, stage.digest("serving"), stage.digest("candidate"), datetime.now(UTC))
    await turn_until(release, lambda state: state.confirmed and state.baseline is not None, 60)
    await asyncio.sleep(2)
    stage.processes["candidate"].kill()
    stage.processes["candidate"].wait()
    killed = time.monotonic()
    turn = await turn_until(release, lambda state: state.candidate == "", 60)
    off_after_s = time.monotonic() - killed
    assert release.traffic.get_weights() == {stage.digest("serving"): 100}
    going.clear()
    await asking
    return Outcome(off_after_s, len(answers), len(failed(answers)), turn.message)


async def drill(runs: int, home: Path) -> list[Outcome]:
    """All runs, each with a stage of its own."""
    outcomes = []
    for run in range(runs):
        stage = Stage(home / f"stage-{run}")
        try:
            for name in ("serving", "candidate", "resort"):
                stage.serve(name)
            stage.edge()
            outcomes.append(await run_once(stage, run))
        finally:
            stage.stop()
        print(f"run {run + 1}: off after {outcomes[-1].off_after_s:.1f} s: {outcomes[-1].reason}", flush=True)
    return outcomes


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        outcomes = asyncio.run(drill(given.runs, Path(directory)))
    seconds = sorted(outcome.off_after_s for outcome in outcomes)
    requests, lost = (sum(getattr(outcome, name) for outcome in outcomes) for name in ("requests", "lost"))
    p95 = seconds[min(len(seconds) - 1, int(0.95 * len(seconds)))]
    print(f"{len(seconds)} runs: median {seconds[len(seconds) // 2]:.1f} s, p95 {p95:.1f} s, most {seconds[-1]:.1f} s; "
          f"{requests:,} requests, {lost} lost")  # fmt: skip
    if lost:
        raise SystemExit(f"{lost} requests were lost")


if __name__ == "__main__":
    main()
