"""The journeys' words on one machine: deliver, train, and look at what is there afterwards."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 900


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code, all that it said, and the reason in its last line."""

    code: int
    said: str

    @property
    def reason(self) -> str:
        return self.said.strip().splitlines()[-1] if self.said.strip() else ""


class Laptop:
    """A fresh place to work in, without Docker or a cluster; `use_case` may be edited as a fork would."""

    def __init__(self, home: Path, use_case: Path) -> None:
        self.home = home
        self.use_case = home / "feature_repo"
        shutil.copytree(use_case, self.use_case, ignore=shutil.ignore_patterns(".venv", "__pycache__", "tests"))

    @property
    def landing(self) -> Path:
        return self.home / "landing"

    def _run(self, command: list[str], timeout_s: float = TIMEOUT_S) -> Ended:
        environment = {**os.environ, "WINDSOCK_HOME": str(self.home)}
        result = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=timeout_s, check=False
        )
        return Ended(result.returncode, result.stdout + result.stderr)

    def deliver(self, until: str) -> None:
        """The upstream system delivers all that it knew before a day."""
        python = ROOT / "feature_repo" / ".venv" / "bin" / "python"
        source = self.use_case / "source.py"
        ended = self._run([str(python), str(source), "--into", str(self.landing), "--until", until])
        assert ended.code == 0, ended.said

    def train(self, as_of: str, override: str = "") -> Ended:
        """Runs the training pipeline as a user does."""
        command = [sys.executable, "-m", "pipelines.run", "training", "--as-of", as_of]
        command += ["--use-case", str(self.use_case), "--override", override]
        return self._run(command)

    def materialize(self, as_of: str) -> Ended:
        """Brings the online store up to a time."""
        command = [sys.executable, "-m", "pipelines.run", "materialization", "--as-of", as_of]
        return self._run([*command, "--use-case", str(self.use_case)])

    def monitor(self, as_of: str) -> Ended:
        """Holds the answers up to a time against the release in production."""
        command = [sys.executable, "-m", "pipelines.run", "monitoring", "--as-of", as_of]
        return self._run([*command, "--use-case", str(self.use_case)])

    def watchdog(self) -> Ended:
        """Looks whether a monitoring run is missing."""
        return self._run([sys.executable, "-m", "pipelines.watchdog", "--use-case", str(self.use_case)])

    def retrain(self, *options: str) -> Ended:
        """Takes the retraining that waits, or asks for one."""
        return self._run([sys.executable, "-m", "pipelines.retrain", "--use-case", str(self.use_case), *options])

    def production(self) -> str:
        """The digest of the release in production; empty before the first."""
        pointer = self.home / "releases" / "production.json"
        return str(json.loads(pointer.read_text())["digest"]) if pointer.exists() else ""

    def newest_run(self, pipeline: str = "training") -> Path:
        """The folder of the last run."""
        return max((self.home / "runs").glob(f"{pipeline}-*"))

    def verdict(self, step: str) -> dict:
        """The verdict that a gate wrote in the last run."""
        return self.verdict_of("training", step)

    def verdict_of(self, pipeline: str, step: str) -> dict:
        """The same of another pipeline."""
        return json.loads((self.newest_run(pipeline) / step / "verdict" / "verdict.json").read_text())

    def manifest(self, step: str, output: str) -> dict:
        """The manifest of an artifact of the last run."""
        return json.loads((self.newest_run() / step / output / "manifest.json").read_text())

    def leftovers(self) -> list[Path]:
        """What a killed or failed run must not leave: files and directories that are half of something."""
        return [path for path in self.home.rglob("*") if ".partial" in path.name or path.name.startswith(".keeping")]
