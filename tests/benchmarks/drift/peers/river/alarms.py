"""What river's detectors, as they are by default, say of each window of saved streams, as JSON.

Each sees row after row, the last days of the reference first. KSWIN compares two samples at every row: it sees only the
feature that is shifted, in one world.
"""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from river import drift

WINDOWS, STREAMS = 12, ("clean", "shifted", "benign", "flipped")
WARM_UP = 20_000
SLOW_FEATURES, SLOW_WORLDS = (3,), 1


def alarmed(make: Callable[[], Any], past: Sequence[float], values: Sequence[float], size: int) -> list[bool]:
    """Whether the detector found a drift in each window; it begins anew by itself after one."""
    detector, found = make(), [False] * WINDOWS
    for value in past:
        detector.update(value)
    for index, value in enumerate(values):
        detector.update(value)
        if detector.drift_detected:
            found[index // size] = True
    return found


def of_features(make: Callable[[], Any], past: np.ndarray, rows: np.ndarray, columns: Sequence[int]) -> list[bool]:
    size = len(rows) // WINDOWS
    found = [alarmed(make, past[-WARM_UP:, column].tolist(), rows[:, column].tolist(), size) for column in columns]
    return [any(window) for window in zip(*found)]


def mistakes(outcomes: np.ndarray) -> list[int]:
    return (outcomes[:, 1] != outcomes[:, 2]).astype(int).tolist()


def main() -> None:
    flags: dict[str, dict[str, list[list[bool]]]] = {}
    on_errors = {
        "ADWIN on mistakes": drift.ADWIN,
        "DDM on mistakes": drift.binary.DDM,
        "PageHinkley on mistakes": drift.PageHinkley,
    }
    for number, world in enumerate(sorted(Path(sys.argv[1]).iterdir())):
        past = np.load(world / "reference.rows.npy")
        wrong = mistakes(np.load(world / "reference.outcomes.npy"))[-WARM_UP:]
        for stream in STREAMS:
            rows, outcomes = (np.load(world / f"{stream}.{kind}.npy") for kind in ("rows", "outcomes"))
            said = {
                name: alarmed(make, wrong, mistakes(outcomes), len(rows) // WINDOWS) for name, make in on_errors.items()
            }
            if stream != "flipped":
                said["ADWIN, any feature"] = of_features(drift.ADWIN, past, rows, range(rows.shape[1]))
                if number < SLOW_WORLDS:
                    slow = of_features(lambda: drift.KSWIN(seed=0), past, rows, SLOW_FEATURES)
                    said["KSWIN, the shifted feature"] = slow
            for name, found in said.items():
                flags.setdefault(f"river: {name}", {}).setdefault(stream, []).append(found)
    print(json.dumps(flags))


if __name__ == "__main__":
    main()
