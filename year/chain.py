"""The chain of a year: each stage by the very command that a person would type, in a home of the year's own."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from windsock.contracts.errors import EXIT_BAD_INPUT, EXIT_REFUSED, InputError
from windsock.contracts.files import read_json
from windsock.contracts.release import Bundle, Registry
from windsock.contracts.use_case_code import pack_use_case

from pipelines.workspace import REPOSITORY, Workspace
from year.plan import Due, Stage
from year.scenario import Scenario

READY_S = 600.0
STOP_S = 60.0
SHIPPED_S = 40.0
# A rollout that is undecided when the replayed time is over was asked to stop; it goes on in the next period.
UNDECIDED = 130


@dataclass(frozen=True)
class Said:
    """How a command ended, and its last line on standard output."""

    exit_code: int
    last_line: str


class Chain:
    """Runs stages; everything they make lies below `home`."""

    def __init__(self, home: Path, scenario: Scenario | None = None) -> None:
        self.home, self.scenario = home, scenario
        self.workspace = Workspace(home)
        self.log = home / "year.log"
        self.registry = Registry(self.workspace.releases)

    def run(self, due: Due) -> tuple[int, dict[str, Any]]:
        """Runs a stage; returns its exit code and its figures.

        Raises:
            InputError: it broke: what a gate or a judge refuses is no break.
        """
        return self._stages[due.stage](due)

    @property
    def _stages(self) -> Mapping[Stage, Callable[[Due], tuple[int, dict[str, Any]]]]:
        return {
            Stage.TRAIN: self._train,
            Stage.DELIVER: self._deliver,
            Stage.LEAD: self._lead,
            Stage.REPLAY: self._replay,
            Stage.MONITOR: self._monitor,
            Stage.COUNT: self._count,
            Stage.RETRAIN: self._retrain,
        }

    def command(self, folder: str, *words: str) -> Said:
        """Runs a command in a folder's environment; what it says goes to the year's log."""
        python = REPOSITORY / folder / ".venv" / "bin" / "python"
        if not python.exists():
            raise InputError("environment", f"{folder}/.venv", "a prepared one: run `make environments`")
        environment = {**os.environ, "WINDSOCK_HOME": str(self.home)}
        with self.log.open("a", encoding="utf-8") as log:
            print(f"$ {folder} {' '.join(words)}", file=log, flush=True)
            done = subprocess.run(
                [python, *words],
                cwd=REPOSITORY,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                check=False,
            )
            log.write(done.stdout)
        return Said(done.returncode, done.stdout.strip().rpartition("\n")[2])

    def must(self, folder: str, *words: str, also: tuple[int, ...] = ()) -> Said:
        """The same, for a command that may end with 0 or with one of `also`.

        Raises:
            InputError: it ended otherwise.
        """
        said = self.command(folder, *words)
        if said.exit_code not in (0, *also):
            raise InputError(f"{folder} {' '.join(words[:4])}", said.exit_code, f"an exit code of 0; see {self.log}")
        return said

    def production(self) -> str:
        """The digest of the release in production."""
        bundle = self.registry.production()
        return "" if bundle is None else bundle.digest

    @contextmanager
    def serving(self, as_of: str) -> Iterator[None]:
        """`make serve` for the length of the block, its features no older than where the replay stands.

        Raises:
            InputError: it does not come up.
        """
        clock, log = self.workspace.serving / "replayed.json", self.home / "serve.log"
        known = read_json(clock, "replay")["at"] if clock.exists() else as_of
        # The servers of a year that was killed may still be there; where there are none this says so, and that is all.
        self.command("serving/edge", "-m", "serving.local", "stop")
        python = REPOSITORY / "serving" / "edge" / ".venv" / "bin" / "python"
        command = [python, "-m", "serving.local", "up", "--port", "0", "--as-of", known]
        with log.open("wb") as said:
            process = subprocess.Popen(
                command, cwd=REPOSITORY, env={**os.environ, "WINDSOCK_HOME": str(self.home)}, stdout=said, stderr=said
            )
        try:
            self._await(process, log)
            yield
        finally:
            process.terminate()
            process.wait(STOP_S)

    @staticmethod
    def _await(process: "subprocess.Popen[bytes]", log: Path) -> None:
        until = time.monotonic() + READY_S
        while b"POST http" not in log.read_bytes():
            if process.poll() is not None or time.monotonic() > until:
                raise InputError("serving", "not ready", f"servers that come up; see {log}")
            time.sleep(0.2)

    def _source(self, until: date) -> int:
        source = ["feature_repo/source.py", "--into", str(self.workspace.landing), "--until", str(until)]
        source += ["--incidents", str(self.scenario.path)] if self.scenario else []
        return self.must("feature_repo", *source).exit_code

    def _deliver(self, due: Due) -> tuple[int, dict[str, Any]]:
        return self._source(due.period.until), {}

    def _train(self, due: Due) -> tuple[int, dict[str, Any]]:
        self._source(due.period.since)
        self.must("pipelines", "-m", "pipelines.run", "training", "--as-of", str(due.period.since))
        return 0, {"production": self.production()}

    def _lead(self, due: Due) -> tuple[int, dict[str, Any]]:
        for bad in self.scenario.tried_in(due.period) if self.scenario else ():
            bad.propose(self.registry, self.home / "scenario")
        candidate = self.registry.candidate()
        if candidate is None:
            return 0, {}
        words = ["-m", "serving.local", "release", "--until", str(due.period.until), "--per-s", "60"]
        # Data that the gates refuse end with code 2: the canary waits for better ones.
        said = self.must("serving/edge", *words, also=(EXIT_BAD_INPUT, EXIT_REFUSED, UNDECIDED))
        promoted = self.production() == candidate.digest
        return said.exit_code, {
            "candidate": candidate.digest,
            "promoted": promoted,
            "refused": self._refused(candidate),
        }

    def _refused(self, candidate: Bundle) -> bool:
        return self.registry.refused(candidate.digest) is not None

    def _replay(self, due: Due) -> tuple[int, dict[str, Any]]:
        clock = self.workspace.serving / "replayed.json"
        known = read_json(clock, "replay") if clock.exists() else {"at": ""}
        if known.pop("at") >= f"{due.period.until}T00:00:00Z":
            # All was asked before a kill, or during a canary: what the servers had not shipped yet goes first.
            time.sleep(SHIPPED_S)
            return 0, {"in_all": known}
        words = ["-m", "serving.local", "replay", "--until", str(due.period.until)]
        said = self.must("serving/edge", *words, also=(EXIT_REFUSED,))
        return said.exit_code, dict(json.loads(said.last_line))

    def _monitor(self, due: Due) -> tuple[int, dict[str, Any]]:
        words = ["-m", "pipelines.run", "monitoring", "--as-of", str(due.period.until)]
        said = self.must("pipelines", *words, also=(EXIT_REFUSED,))
        newest = sorted((self.workspace.monitoring / "history").glob("*.json"))[-1:]
        entry = read_json(newest[0], "history") if newest else {}
        if not str(entry.get("as_of", "")).startswith(str(due.period.until)) or entry.get("kind") == "ended":
            return said.exit_code, {}
        details = entry.get("details", {})
        alerts = [alert["labels"] for alert in details.get("raised", {}).get("alerts", ()) if not alert["ends_at"]]
        named = [f"{labels['alertname']}: {labels['check']}" for labels in alerts]
        return said.exit_code, {"alerts": named, "why": details.get("why", ""), "request": details.get("request")}

    def _count(self, due: Due) -> tuple[int, dict[str, Any]]:
        runs = sorted(self.workspace.runs.glob("monitoring-*/join-labels/labelled"))
        if due.counted.until <= due.counted.since or not runs:
            return 0, {}
        use_case = pack_use_case(REPOSITORY / "feature_repo", self.workspace.use_cases).path
        words = ["-m", "windsock.drift.compare", "--use-case", str(use_case), "--labelled", str(runs[-1])]
        words += ["--since", str(due.counted.since), "--until", str(due.counted.until)]
        words += ["--model", f"first={self.first().artifact.path}"]
        counted = (str(due.counted.since), str(due.counted.until))
        return 0, {"counted": counted, **json.loads(self.must("components/drift", *words).last_line)}

    def first(self) -> Bundle:
        """The first release, which the year began with."""
        return self.registry.get(str(read_json(self.home / "first.json", "first release")["digest"]))

    def _retrain(self, _: Due) -> tuple[int, dict[str, Any]]:
        before = self.registry.candidate()
        said = self.command("pipelines", "-m", "pipelines.retrain")
        after = self.registry.candidate()
        new = after is not None and (before is None or before.digest != after.digest)
        return said.exit_code, {"candidate": after.digest} if new and after else {}
