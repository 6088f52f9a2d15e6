"""The supervisor of local serving: restarts with a bound, an order, and nothing left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import serving.local.supervisor as supervisor
from serving.local.supervisor import Program, Supervisor

SERVE = "import sys, time; print('serving', flush=True); time.sleep(600)"
FAIL = "import sys; sys.exit('the reason')"


def program(directory: Path, name: str, code: str, vital: bool = False) -> Program:
    log = directory / f"{name}.log"
    return Program(name, (sys.executable, "-c", code), log, lambda: "serving" in log.read_text(), vital)


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def wait_for(holds, seconds: float = 10) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_what_was_started_ends_with_the_block_last_first(tmp_path):
    ended, keeper = tmp_path / "ended", Supervisor(print)

    def fail_with_both_running():
        with keeper.running():
            for name in ("one", "two"):
                last_words = f"open({str(ended)!r}, 'a').write('{name} '); sys.exit()"
                code = f"import signal, sys; signal.signal(signal.SIGTERM, lambda *_: exec({last_words!r})); {SERVE}"
                assert keeper.wait(keeper.launch(program(tmp_path, name, code))) is not None
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_with_both_running()
    assert ended.read_text() == "two one "
    assert not any(alive(kept.process.pid) for kept in keeper.kept)


def test_a_program_that_ends_is_started_again(tmp_path):
    said: list[str] = []
    keeper = Supervisor(said.append)
    with keeper.running():
        keeper.wait(keeper.launch(program(tmp_path, "one", SERVE)))
        first = keeper.kept[0].process.pid
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: keeper._keep(keeper.kept[0]) and keeper.kept[0].process.pid != first)
        assert alive(keeper.kept[0].process.pid)
    assert said == ["one: ended with -9, starts again in 0.2 s: serving"]


def test_a_program_that_cannot_start_says_why_and_is_given_up_in_the_end(tmp_path, monkeypatch):
    monkeypatch.setattr(supervisor, "FIRST_WAIT_S", 0.001)
    said: list[str] = []
    keeper = Supervisor(said.append)
    with keeper.running():
        assert keeper.wait(keeper.launch(program(tmp_path, "one", FAIL, vital=True))) is None
        assert keeper.watch() == 1
    assert said[-1] == "one: given up after 8 restarts in 60 s: the reason"
    assert len(said) == 9


def test_a_program_that_ignores_the_end_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(supervisor, "STOP_S", 0.2)
    said: list[str] = []
    deaf = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SERVE}"
    with Supervisor(said.append).running() as running:
        running.wait(running.launch(program(tmp_path, "one", deaf)))
        pid = running.kept[0].process.pid
    assert not alive(pid)
    assert said == ["one: did not end within 0.2 s and was killed"]


OUTER = """
import sys
from pathlib import Path
from serving.local.supervisor import Program, Supervisor
log = Path(sys.argv[1])
with Supervisor(print).running() as running:
    program = Program("one", (sys.executable, "-c", sys.argv[2]), log, lambda: "serving" in log.read_text())
    running.wait(running.launch(program))
    print(running.kept[0].process.pid, flush=True)
    sys.exit(running.watch())
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL"])
def test_no_signal_leaves_a_process_behind(tmp_path, name):
    command = [sys.executable, "-c", OUTER, str(tmp_path / "log"), SERVE]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as outer:
        assert outer.stdout is not None
        pid = int(outer.stdout.readline())
        assert alive(pid)
        outer.send_signal(signal.Signals[name])
        code = outer.wait(timeout=10)
    assert code == (-9 if name == "SIGKILL" else 0)
    wait_for(lambda: not alive(pid))
