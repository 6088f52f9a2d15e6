"""`make serve`, `make predict` and `make stop` on day zero: no release yet, so the rules of the use case serve."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PUMPS = ROOT / "tests" / "journeys" / "other_use_case"
SHIFTS = """pump,site,starts_at,load,planned_at
101,south,2024-01-02T08:00:00Z,90.5,2024-01-01T08:00:00Z
"""


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "serving.local", *words]


def run(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "WINDSOCK_HOME": str(home)}
    return subprocess.run(command(*words), cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "landing" / "shifts" / "2024-01"
    folder.mkdir(parents=True)
    (folder / "2024-01-01.csv").write_text(SHIFTS)
    return tmp_path


@pytest.fixture
def up(home):
    environment = {**os.environ, "WINDSOCK_HOME": str(home)}
    words = command("up", "--port", "0", "--use-case", str(PUMPS))
    with (home / "up.log").open("w") as said:
        process = subprocess.Popen(words, cwd=ROOT, env=environment, stdout=said, stderr=said)
    until = time.monotonic() + 60
    while "POST http" not in (home / "up.log").read_text():
        assert process.poll() is None, (home / "up.log").read_text()
        assert time.monotonic() < until
        time.sleep(0.05)
    yield process
    process.kill()
    process.wait()


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.parametrize("name", ["SIGINT", "stop"])
def test_it_serves_answers_and_leaves_nothing_behind(home, up, name):
    predicted = run(home, "predict")
    assert predicted.returncode == 0, predicted.stderr
    assert "will this pump trip" in predicted.stdout
    assert "answered by the rules" in predicted.stdout
    assert "90.5" in predicted.stdout
    second = run(home, "up", "--port", "0")
    assert (second.returncode, len(second.stderr.splitlines())) == (2, 1)
    assert f"process {up.pid}" in second.stderr
    processes = children(up.pid)
    assert len(processes) == 2
    if name == "stop":
        assert run(home, "stop").returncode == 0
    else:
        up.send_signal(signal.SIGINT)
    assert up.wait(30) == 0
    assert (home / "up.log").read_text().endswith("stopped\n")
    assert not any(Path(f"/proc/{process}").exists() for process in processes)
    assert not list((home / "serve").rglob("*.sock"))
    assert not (home / "serve" / "serving.json").exists()


def test_without_anything_running_a_command_says_so(home):
    for verb in ("predict", "stop"):
        ended = run(home, verb)
        assert (ended.returncode, len(ended.stderr.splitlines())) == (1, 1)
        assert "nothing serves here" in ended.stderr


@pytest.mark.parametrize("port", ["70000", "-1"])
def test_a_wrong_port_is_one_line(home, port):
    ended = run(home, "up", f"--port={port}", "--use-case", str(PUMPS))
    assert (ended.returncode, len(ended.stderr.splitlines())) == (2, 1)
    assert "--port" in ended.stderr
