"""What journals that begin cost their neighbours: each answer of a server waits for the disk that they share.

    serving/predictor/.venv/bin/python tests/benchmarks/record_begin.py [--rounds 3] [--beginning 3] [--below DIRECTORY]

One journal appends a record fifty times a second. Beside it others begin, each 256 MiB: `pieces` as they ship, `once`
a file of as many bytes that is written as fast as it goes and synced at its end. Told is the longest append, and how
long a beginning takes. A slow disk is a control group away: `blkio.throttle.write_bps_device`.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from windsock.contracts.journal.store import Store

CAPACITY_MB = 256
EVERY_S = 0.02
BODY = b"x" * 3000
WAYS = ("pieces", "once")


def begin(way: str, directory: Path) -> float:
    """Begins one journal in a way, and says how many seconds it took."""
    began = time.perf_counter()
    if way == "pieces":
        Store.open(directory, "beginning", CAPACITY_MB).close()
    else:
        with (directory / "file").open("wb") as file:
            for _ in range(CAPACITY_MB):
                file.write(bytes(1024 * 1024))
            file.flush()
            os.fsync(file.fileno())
    return time.perf_counter() - began


def beside(way: str, number: int, below: Path) -> tuple[list[float], list[float]]:
    """The seconds that appends took while journals began, and those that the journals took."""
    with tempfile.TemporaryDirectory(dir=below) as name:
        directories = [Path(name) / str(index) for index in range(number + 1)]
        for directory in directories:
            directory.mkdir()
        store = Store.open(directories.pop(), "neighbour", CAPACITY_MB)
        command = [sys.executable, __file__, "--begin", way, "--below"]
        others = [subprocess.Popen([*command, str(one)], stdout=subprocess.PIPE, text=True) for one in directories]
        took = []
        while any(other.poll() is None for other in others):
            began = time.perf_counter()
            store.append([BODY])
            took.append(time.perf_counter() - began)
            time.sleep(EVERY_S)
        store.close()
        return took, [float(other.communicate()[0]) for other in others]


def main() -> None:
    """Measures both ways by turns."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--beginning", type=int, default=3)
    parser.add_argument("--below", type=Path, default=Path.cwd(), help="a directory of the disk that is measured")
    parser.add_argument("--begin", choices=WAYS, help="begin one journal, and nothing else")
    options = parser.parse_args()
    if options.begin:
        print(begin(options.begin, options.below))
        return
    longest: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(options.rounds):
        for way in WAYS:
            appends, begins = beside(way, options.beginning, options.below)
            longest[way].append(max(appends))
            print(f"{way:7} {len(appends):5} appends, longest {max(appends):.3f} s; begun within {max(begins):.1f} s")
    once, pieces = max(longest["once"]), max(longest["pieces"])
    print(f"longest of all: once {once:.3f} s, pieces {pieces:.3f} s, {once / pieces:.0f} times")


if __name__ == "__main__":
    main()
