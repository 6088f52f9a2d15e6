"""Kills the recorder at every file operation and at random moments, and counts what was lost.

    serving/predictor/.venv/bin/python tests/drills/record_crash/run.py
    … run.py --every 25 --random 60                a part of it, in about half a minute
    … run.py --defect unsynced                     proves that the drill sees what it looks for

Needs a C compiler (`cc`). Exit code 0: every promise held; 1: one was broken.
"""

import argparse
import ctypes
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import scenario  # noqa: E402 - the drill's own, beside this file

Life = Callable[[Path, int, int], None]
SCRATCH = "RECORD_CRASH_SCRATCH"
FAILED = 3
LOG = "process.log"
NUMBERS_A_LIFE = 100_000
WAYS = {"before": 0, "torn": 1, "power cut": 2}
EVERYTHING = 1 << 40
HUNG_S = 60
KILLS_BETWEEN_CHECKS = 5
KILLS_ON_ONE_DISK = 50


@dataclass
class Tally:
    """One line of the table: how often the process was ended, and what was then found."""

    name: str
    ends: int = 0
    acknowledged: set[int] = field(default_factory=set)
    lost: set[int] = field(default_factory=set)
    corrupt: int = 0
    copies: int = 0
    complaints: list[str] = field(default_factory=list)

    def row(self) -> str:
        """The line."""
        return (
            f"{self.name:34} {self.ends:7} {len(self.acknowledged):13} {len(self.lost):6} {self.corrupt:9}"
            f" {self.copies:8} {len(self.complaints):7}"
        )

    def check(self, directory: Path, acknowledged: set[int], marker: int) -> None:
        """Recovers what a process left, and adds what was found. A recovery that fails is a fault."""
        self.acknowledged |= acknowledged
        try:
            finding = scenario.recover(directory, acknowledged, marker)
        except Exception as error:
            # Whatever it is, it is the finding: the disk could not be taken up again.
            self.complaints.append(f"recovery failed: {type(error).__name__}: {error}")
            return
        self.lost |= finding.lost
        self.corrupt += finding.corrupt
        self.copies += finding.copies
        if finding.complaint:
            self.complaints.append(finding.complaint)


@dataclass(frozen=True)
class Template:
    """A disk to begin with, and what was acknowledged on it; as a rule an empty one."""

    directory: Path | None = None
    acknowledged: frozenset[int] | set[int] = frozenset()


@dataclass(frozen=True)
class Lived:
    """What a process acknowledged, whether it came to its own end, and how many file operations that took."""

    acknowledged: set[int]
    to_its_end: bool
    counted: int


class Drill:
    """Forks one process after another, which end themselves or are ended."""

    def __init__(self, scratch: Path, library: ctypes.CDLL) -> None:
        self.scratch = scratch
        self._library = library
        self._number = 0

    @property
    def marker(self) -> int:
        """A number that no process under test uses."""
        return self._number + NUMBERS_A_LIFE - 1

    def run(
        self, directory: Path, life: Life, at: int = EVERYTHING, way: int = 0, kill_after_s: float | None = None
    ) -> Lived:
        """Lets a process live in `directory`, to end at its file operation `at`, or to be killed after some time."""
        self._number += NUMBERS_A_LIFE
        acks_read, acks = os.pipe()
        counted_read, counted = os.pipe()
        child = os.fork()
        if child == 0:
            self._live(life, directory, acks, counted, at, way)
        os.close(acks)
        os.close(counted)
        try:
            to_its_end = _end_of(child, kill_after_s)
        except ChildProcessError as error:
            raise SystemExit(f"{error}\n{(self.scratch / LOG).read_text()[-2000:]}") from error
        with os.fdopen(acks_read, "rb") as pipe:
            content = pipe.read()
        with os.fdopen(counted_read, "rb") as pipe:
            count = int(pipe.read() or 0)
        whole = content[: len(content) // scenario.ACK.size * scenario.ACK.size]
        return Lived({number for (number,) in scenario.ACK.iter_unpack(whole)}, to_its_end, count)

    def _live(self, life: Life, directory: Path, acks: int, counted: int, at: int, way: int) -> None:
        """The child: never returns."""
        try:
            os.dup2(os.open(self.scratch / LOG, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
            keep = self.scratch / f"kept-{self._number}"
            keep.mkdir()
            place, kept = os.fsencode(directory), os.fsencode(keep)
            self._library.crash_arm(place, kept, ctypes.c_long(at), way, self._number)
            life(directory, acks, self._number)
            os.write(counted, str(self._library.crash_count()).encode())
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(FAILED)

    def fresh(self, template: Path | None) -> Path:
        """A disk of its own for the next process."""
        directory = self.scratch / f"disk-{self._number}"
        if template is None:
            directory.mkdir()
        else:
            shutil.copytree(template, directory)
        return directory

    def clean(self) -> None:
        """Removes the disks that were used."""
        for path in (*self.scratch.glob("disk-*"), *self.scratch.glob("kept-*")):
            shutil.rmtree(path)


def _end_of(child: int, kill_after_s: float | None) -> bool:
    """Waits for a process; says whether it came to its own end. One that hangs or fails is a failure of the drill."""
    if kill_after_s is not None:
        time.sleep(kill_after_s)
        os.kill(child, signal.SIGKILL)
    deadline = time.monotonic() + HUNG_S
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise ChildProcessError("the process under test hangs")
        time.sleep(0.001)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise ChildProcessError("the process under test failed by itself")
    return os.WIFEXITED(status)


def boundaries(drill: Drill, name: str, life: Life, template: Template, every: int, ways: list[str]) -> list[Tally]:
    """Ends the same life at each of its file operations (or at every so many), in each way."""
    total = drill.run(drill.fresh(template.directory), life, EVERYTHING, 0).counted
    drill.clean()
    tallies = []
    for way in ways:
        tally = Tally(f"{name}: {way}, {total} calls")
        for at in range(1 + random.randrange(every), total + 1, every):
            directory = drill.fresh(template.directory)
            lived = drill.run(directory, life, at, WAYS[way])
            tally.ends += not lived.to_its_end
            tally.check(directory, lived.acknowledged | template.acknowledged, drill.marker)
            drill.clean()
        print(tally.row(), flush=True)
        tallies.append(tally)
    return tallies


def moments(drill: Drill, times: int) -> Tally:
    """Kills at random moments; the next process takes up what the last one left, and now and then all is checked."""
    tally = Tally("kill -9 at random moments")
    directory, acknowledged = drill.fresh(None), set[int]()
    for kill in range(1, times + 1):
        acknowledged |= drill.run(directory, scenario.busy, kill_after_s=random.uniform(0.0, 0.25)).acknowledged
        tally.ends += 1
        last = kill == times
        if last or kill % KILLS_BETWEEN_CHECKS == 0:
            tally.check(directory, acknowledged, drill.marker)
        if last or kill % KILLS_ON_ONE_DISK == 0:
            drill.clean()
            directory, acknowledged = drill.fresh(None), set[int]()
    print(tally.row(), flush=True)
    return tally


def run(options: argparse.Namespace, scratch: Path) -> int:
    """The whole drill, in a process that has the library loaded."""
    if options.defect:
        scenario.DEFECTS[options.defect]()
    random.seed(options.seed)
    drill = Drill(scratch, ctypes.CDLL(os.environ["LD_PRELOAD"]))
    print(f"{'ended':34} {'times':>7} {'acknowledged':>13} {'lost':>6} {'corrupt':>9} {'copies':>8} {'faults':>7}")
    tallies = []
    if options.every:
        tallies += boundaries(drill, "a day", scenario.day, left_behind(drill), options.every, options.ways)
    if options.first_every:
        tallies += boundaries(drill, "first start", scenario.first_day, Template(), options.first_every, options.ways)
    if options.random:
        tallies.append(moments(drill, options.random))
    lost, corrupt = sum(len(tally.lost) for tally in tallies), sum(tally.corrupt for tally in tallies)
    complaints = [complaint for tally in tallies for complaint in tally.complaints]
    for complaint in complaints[:10]:
        print(complaint)
    ends = sum(tally.ends for tally in tallies)
    print(f"{ends} ends: {lost} acknowledged lost, {corrupt} corrupt accepted, {len(complaints)} faults")
    return 1 if lost or corrupt or complaints else 0


def left_behind(drill: Drill) -> "Template":
    """A disk as a killed process leaves it: some of its records shipped, some not, some in the log only."""
    directory = drill.scratch / "template"
    directory.mkdir()
    lived = drill.run(directory, scenario.busy, kill_after_s=0.5)
    return Template(directory, lived.acknowledged)


def main() -> int:
    """Reads the command line, and runs the drill with its library loaded."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=1, help="end a day at every so many of its calls; 0: none")
    parser.add_argument("--first-every", type=int, default=1, help="the same for the first start")
    parser.add_argument("--random", type=int, default=1000, help="kills at random moments")
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=list(WAYS), help="how to end at a call")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--defect", choices=sorted(scenario.DEFECTS), help="put a defect in: the drill must fail")
    options = parser.parse_args()
    if SCRATCH in os.environ:
        return run(options, Path(os.environ[SCRATCH]))
    return preloaded()


def preloaded() -> int:
    """Builds the library, and runs this program again with it."""
    with tempfile.TemporaryDirectory(prefix="record-crash-") as scratch:
        library = Path(scratch) / "crashpoint.so"
        source = str(HERE / "crashpoint.c")
        subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", str(library), source, "-ldl", "-lpthread"], check=True)
        environment = {**os.environ, "LD_PRELOAD": str(library), SCRATCH: scratch}
        command = [sys.executable, str(HERE / "run.py"), *sys.argv[1:]]
        return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
