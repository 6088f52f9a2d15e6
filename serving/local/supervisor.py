"""Keeps a few local processes running: starts them, starts again what ends, and leaves nothing behind."""

import contextlib
import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from windsock.contracts.warm import end_with_parent

POLL_S = 0.05
START_S = 90.0
STOP_S = 5.0
FIRST_WAIT_S, LONGEST_WAIT_S = 0.2, 10.0
# So many restarts in so many seconds, and the process is left alone: its fault is not one that passes.
RESTARTS, WINDOW_S = 8, 60.0


@dataclass(frozen=True)
class Program:
    """One process: its command, its log, and how it shows that it can be used.

    Without a `vital` program nothing can be answered; when it cannot be kept running, everything stops.
    """

    name: str
    command: tuple[str, ...]
    log: Path
    ready: Callable[[], bool]
    vital: bool = False

    @property
    def last_line(self) -> str:
        """The last line of the log: the reason, when the process has ended."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").split("\n") if self.log.exists() else []
        return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")


@dataclass
class Kept:
    """A program that is kept running."""

    program: Program
    process: "subprocess.Popen[bytes]"
    started_at: float
    restarts: deque[float] = field(default_factory=deque)
    due: float | None = None
    given_up: bool = False

    @classmethod
    def started(cls, program: Program) -> "Kept":
        """Starts a program with an empty log."""
        program.log.parent.mkdir(parents=True, exist_ok=True)
        program.log.write_bytes(b"")
        return cls(program, _spawn(program), time.monotonic())


def _spawn(program: Program) -> "subprocess.Popen[bytes]":
    """A session of its own keeps a terminal's Ctrl-C from it: the order of stopping is the supervisor's.

    All run in UTC: Feast's SQLite store keeps times in the local zone of its writer.
    """
    with program.log.open("ab") as log:
        return subprocess.Popen(
            program.command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, "TZ": "UTC"},
            start_new_session=True,
            # A supervisor that is killed outright takes its processes with it.
            preexec_fn=partial(end_with_parent, os.getpid()),
        )


class Supervisor:
    """Use as a context: what was started in the block ends with it, whatever happens in the block.

    A signal to end (SIGINT, SIGTERM, SIGHUP) sets `stopping`; a second one kills at once.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self.kept: list[Kept] = []
        self.stopping = False
        self._say = say

    @contextlib.contextmanager
    def running(self) -> Iterator["Supervisor"]:
        """Takes the signals, gives the supervisor, and stops everything at the end."""
        names = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {name: signal.signal(name, self._take) for name in names}
        try:
            yield self
        finally:
            self._stop()
            for name, handler in before.items():
                signal.signal(name, handler)

    def _take(self, number: int, _: object) -> None:
        if self.stopping:
            for kept in self.kept:
                kept.process.kill()
        self.stopping = True
        self._say(f"{signal.Signals(number).name}: stopping")

    def launch(self, program: Program) -> Kept:
        """Starts a program and goes on."""
        kept = Kept.started(program)
        self.kept.append(kept)
        return kept

    def wait(self, kept: Kept) -> float | None:
        """Waits until a program is ready; returns the seconds since its start, or None if it ended or is too slow."""
        until = kept.started_at + START_S
        while not self.stopping and kept.process.poll() is None and time.monotonic() < until:
            if kept.program.ready():
                return time.monotonic() - kept.started_at
            time.sleep(POLL_S)
        return None

    def watch(self, look: Callable[[], None] = lambda: None) -> int:
        """Keeps all running until a signal or the loss of a vital program; returns the exit code.

        `look` is called between two rounds: it may launch programs and let them go.
        """
        while not self.stopping:
            for kept in self.kept:
                if not kept.given_up and not self._keep(kept) and kept.program.vital:
                    return 1
            look()
            time.sleep(POLL_S)
        return 0

    def release(self, kept: Kept) -> None:
        """Ends one program, which is kept running no longer."""
        self.kept.remove(kept)
        self._end(kept)

    def _keep(self, kept: Kept) -> bool:
        """One look at one program; False once it is given up."""
        code, now = kept.process.poll(), time.monotonic()
        if code is None:
            return True
        name = kept.program.name
        if kept.due is None:
            while kept.restarts and kept.restarts[0] < now - WINDOW_S:
                kept.restarts.popleft()
            if len(kept.restarts) >= RESTARTS:
                kept.given_up = True
                self._say(f"{name}: given up after {RESTARTS} restarts in {WINDOW_S:.0f} s: {kept.program.last_line}")
                return False
            wait_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** len(kept.restarts))
            kept.due = now + wait_s
            self._say(f"{name}: ended with {code}, starts again in {wait_s:.1f} s: {kept.program.last_line}")
        elif now >= kept.due:
            kept.due = None
            kept.restarts.append(now)
            kept.process = _spawn(kept.program)
        return True

    def _stop(self) -> None:
        """Ends the last started first: the edge before the servers that it sends to."""
        self.stopping = True
        for kept in reversed(self.kept):
            self._end(kept)

    def _end(self, kept: Kept) -> None:
        kept.process.terminate()
        try:
            kept.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._say(f"{kept.program.name}: did not end within {STOP_S:g} s and was killed")
            kept.process.kill()
            kept.process.wait()
