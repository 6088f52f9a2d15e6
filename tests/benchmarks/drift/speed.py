"""Univariate drift of 100,000 x 20 against Alibi Detect and Evidently: `python tests/benchmarks/drift/speed.py`.

Run it with the Python of `components/drift`; Evidently runs in its own locked environment (`peers/evidently`), by `uv`,
on the same rows and in the same rounds. Every time is from rows in memory to a distance a column; imports do not count.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from windsock.contracts.drift_settings import Floors
from windsock.drift.alibi import univariate
from windsock.drift.bins import Bins, jensen_shannon, kolmogorov_smirnov

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
ROWS, COLUMNS, ROUNDS = 100_000, 20, 3
SHIFTED = (3, 7, 11)


def timed(work: Callable[[], set[int]]) -> tuple[float, set[int]]:
    began = time.perf_counter()
    found = work()
    return time.perf_counter() - began, found


def ours(reference: np.ndarray, rows: np.ndarray, bins: Bins, counted: np.ndarray) -> set[int]:
    counts = bins.whole(rows)
    distances = jensen_shannon(counts, counted)
    kolmogorov_smirnov(counts, counted)
    return set(np.flatnonzero(distances > Floors().feature).tolist())


def ours_from_scratch(reference: np.ndarray, rows: np.ndarray) -> set[int]:
    bins = Bins.of(reference)
    return ours(reference, rows, bins, bins.whole(reference))


def alibi(reference: np.ndarray, rows: np.ndarray) -> set[int]:
    return {index for index, p in enumerate(univariate(reference, rows)[1]) if p < 0.05 / COLUMNS}


def evidently(directory: Path) -> tuple[float, set[int]]:
    uv = shutil.which("uv") or str(Path(os.environ.get("WINDSOCK_HOME", ROOT / ".windsock")) / "tools" / "bin" / "uv")
    command = [uv, "run", "--quiet", "--locked", "--project", str(HERE / "peers" / "evidently"), "python"]
    result = subprocess.run(
        [*command, str(HERE / "peers" / "evidently" / "measure.py"), str(directory)],
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(result.stdout.splitlines()[-1])
    return found["seconds"], set(found["drifted"])


def main() -> None:
    random = np.random.default_rng(0)
    reference = random.normal(size=(ROWS, COLUMNS)).astype(np.float32)
    rows = random.normal(size=(ROWS, COLUMNS)).astype(np.float32)
    rows[:, SHIFTED] += 0.25
    bins = Bins.of(reference)
    counted = bins.whole(reference)
    times: dict[str, list[float]] = {}
    found: dict[str, set[int]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch)
        np.save(directory / "reference.npy", reference)
        np.save(directory / "rows.npy", rows)
        tools = {
            "windsock, edges cached": lambda: timed(lambda: ours(reference, rows, bins, counted)),
            "windsock, from scratch": lambda: timed(lambda: ours_from_scratch(reference, rows)),
            "Alibi Detect 0.11.4, KSDrift": lambda: timed(lambda: alibi(reference, rows)),
            "Evidently 0.7.14, DataDriftPreset": lambda: evidently(directory),
        }
        for _ in range(ROUNDS):
            for name, work in tools.items():
                seconds, found[name] = work()
                times.setdefault(name, []).append(seconds)
    cached, scratch = (min(times[name]) for name in ("windsock, edges cached", "windsock, from scratch"))
    print(f"{ROWS:,} rows x {COLUMNS} columns, best of {ROUNDS} interleaved rounds; columns {set(SHIFTED)} are shifted")
    for name, seconds in times.items():
        best = min(seconds)
        print(f"  {name:<36} {best:8.3f} s   cached x {best / cached:6.1f}   from scratch x {best / scratch:6.1f}"
              f"   all {[round(one, 3) for one in seconds]}   finds {sorted(found[name])}")  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
