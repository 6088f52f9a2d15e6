"""Real data by the real programs, each in its own environment: the feed fills a landing zone, ingest reads it."""

import json
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def deliver(landing: Path, until: str) -> Path:
    """Has the upstream feed deliver what was known before a day."""
    command = [_python("feature_repo"), str(ROOT / "feature_repo/source.py"), "--into", str(landing), "--until", until]
    subprocess.run(command, check=True, stderr=subprocess.PIPE)
    return landing


def snapshot(use_case: Path, landing: Path, as_of: str, work: Path) -> Path:
    """Takes a snapshot that must succeed, and returns its directory."""
    code, line = take_snapshot(use_case, landing, as_of, work)
    if code:
        raise AssertionError(f"no snapshot of a good landing zone as of {as_of}: {line}")
    return work / "snapshot"


def take_snapshot(use_case: Path, landing: Path, as_of: str, work: Path) -> tuple[int, str]:
    """Runs `snapshot_data` in ingest's environment; returns its exit code and the last line it said."""
    artifacts = {"use_case": use_case, "landing": landing}
    executor_input = {
        "inputs": {
            "parameterValues": {"as_of": as_of, "recent": False},
            "artifacts": {name: {"artifacts": [{"name": name, "uri": str(path)}]} for name, path in artifacts.items()},
        },
        "outputs": {
            "artifacts": {"snapshot": {"artifacts": [{"name": "snapshot", "uri": str(work / "snapshot")}]}},
            "outputFile": str(work / "output.json"),
        },
    }
    command = [_python("components/ingest"), "-m", "windsock.ingest", "snapshot_data", json.dumps(executor_input)]
    done = subprocess.run(command, check=False, stderr=subprocess.PIPE, text=True)
    return done.returncode, (done.stderr.splitlines() or [""])[-1]


def _python(folder: str) -> str:
    python = ROOT / folder / ".venv/bin/python"
    if not python.exists():
        raise AssertionError(f"{folder} has no environment; `make environments` prepares it")
    return str(python)
