"""A warm interpreter runs a command as a cold one does, and is quicker to begin; nothing of it outlives its parent."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from windsock.contracts.warm import PLACE, Command, run, socket_of

SCRIPT = """
import json, os, sys

print(json.dumps({"arguments": sys.argv[1:], "directory": os.getcwd(), "colour": os.environ.get("COLOUR"),
                  "warm": "tabulated" in sys.modules, "read": sys.stdin.readline(), "niceness": os.nice(0)}))
print("a word", file=sys.stderr)
if sys.argv[1:] == ["raise"]:
    raise RuntimeError("it broke")
if sys.argv[1:] == ["kill"]:
    os.kill(os.getpid(), 9)
if sys.argv[1:] == ["words"]:
    sys.exit("one line")
if sys.argv[1:] == ["session"]:
    print(open("/proc/self/autogroup").read())
    sys.exit()
sys.exit(int(sys.argv[1]) if sys.argv[1:] else None)
"""


class Place:
    """A folder with an environment of its own, which is this very interpreter, and a module in it."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "room"
        self.python = self.folder / ".venv" / "bin" / "python"
        self.python.parent.mkdir(parents=True)
        self.python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        self.python.chmod(0o755)
        (self.folder / "speaks.py").write_text(textwrap.dedent(SCRIPT))
        (self.folder / "tabulated.py").write_text("")
        # The path of a Unix socket must be short, which pytest's own are not.
        self.sockets = Path(tempfile.mkdtemp(prefix="warm-"))

    def warm(self, code: str = "") -> "subprocess.Popen[bytes]":
        socket = socket_of(self.sockets, self.folder, code)
        command = [sys.executable, "-m", "windsock.contracts.warm", str(socket), "tabulated"]
        process = subprocess.Popen(command, cwd=self.folder)
        until = time.monotonic() + 30
        while not socket.exists():
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.01)
        return process

    def run(self, *arguments: str, code: str = "", module: str = "speaks") -> tuple[int, str, str]:
        environment = {**os.environ, "COLOUR": "green", PLACE: str(self.sockets)}
        command = Command(self.python, module, arguments, self.folder, environment)
        paths = [self.folder / name for name in ("in", "out", "err")]
        paths[0].write_text("given\n")
        with paths[0].open() as stdin, paths[1].open("w") as stdout, paths[2].open("w") as stderr:
            ended = run(command, stdin, stdout, stderr, code)
        return ended, paths[1].read_text(), paths[2].read_text()


@pytest.fixture
def place(tmp_path):
    place = Place(tmp_path)
    yield place
    shutil.rmtree(place.sockets)


@pytest.fixture
def warmed(place):
    process = place.warm()
    yield place
    process.terminate()
    process.wait()


@pytest.mark.parametrize("arguments", [(), ("3",), ("words",), ("raise",), ("kill",)], ids=str)
def test_warm_and_cold_end_alike(place, arguments):
    cold = place.run(*arguments)
    process = place.warm()
    try:
        warm = place.run(*arguments)
    finally:
        process.terminate()
        process.wait()
    assert warm[0] == cold[0]
    assert warm[1].replace('"warm": true', '"warm": false') == cold[1]
    assert warm[2].splitlines()[-1:] == cold[2].splitlines()[-1:]
    assert '"warm": true' in warm[1] or arguments == ("kill",)


def test_what_a_command_changes_is_gone_with_it(warmed):
    first = warmed.run("1")
    assert warmed.run("1") == first


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere threads are as nice as their process")
def test_a_command_is_as_nice_as_the_thread_that_asks(warmed):
    with ThreadPoolExecutor(1, initializer=os.nice, initargs=(3,)) as pool:
        asked = pool.submit(warmed.run).result()
    assert json.loads(asked[1])["niceness"] == os.nice(0) + 3
    assert json.loads(warmed.run()[1])["niceness"] == os.nice(0)


@pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="processors are not shared out by session here")
def test_and_so_is_its_session(warmed):
    with ThreadPoolExecutor(1, initializer=os.nice, initargs=(3,)) as pool:
        asked = pool.submit(warmed.run, "session").result()
    assert asked[1].split()[-2:] == ["nice", str(os.nice(0) + 3)]


def test_an_interpreter_of_other_content_is_not_asked(place):
    process = place.warm("0123456789abcdef")
    try:
        assert '"warm": true' in place.run(code="0123456789abcdef0000")[1]
        assert '"warm": false' in place.run(code="fedcba98765432100000")[1]
        assert '"warm": false' in place.run()[1]
    finally:
        process.terminate()
        process.wait()


def test_a_command_ends_with_whoever_asked_for_it(warmed, tmp_path):
    tells = f"pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(os.getpid()))"
    (warmed.folder / "sleeps.py").write_text(f"import os, pathlib, time\n{tells}\ntime.sleep(60)")
    asks = f"""
import os
from pathlib import Path
from windsock.contracts.warm import Command, run
environment = {{**os.environ, {PLACE!r}: {str(warmed.sockets)!r}}}
run(Command(Path({str(warmed.python)!r}), "sleeps", (), Path({str(warmed.folder)!r}), environment), 0, 1, 2)
"""
    asking = subprocess.Popen([sys.executable, "-c", asks], stdin=subprocess.DEVNULL)
    until = time.monotonic() + 30
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        assert time.monotonic() < until
        time.sleep(0.01)
    pid = int((tmp_path / "pid").read_text())
    asking.send_signal(signal.SIGKILL)
    asking.wait()
    assert gone(pid)


def test_it_ends_with_the_process_that_started_it(place, tmp_path):
    socket = socket_of(place.sockets, place.folder)
    starts = f"""
import subprocess, sys, time
process = subprocess.Popen([sys.executable, "-m", "windsock.contracts.warm", {str(socket)!r}])
print(process.pid, flush=True)
time.sleep(60)
"""
    parent = subprocess.Popen([sys.executable, "-c", starts], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    until = time.monotonic() + 30
    while not socket.exists():
        assert time.monotonic() < until
        time.sleep(0.01)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert gone(pid)


def gone(pid: int) -> bool:
    """Whether a process ends within a while; one that has ended and waits for its parent is gone."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.01)
    return False
