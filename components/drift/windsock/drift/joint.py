"""All features together, by Alibi Detect's classifier test, calibrated on clean windows of the history."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from windsock.contracts.drift_settings import Drift
from windsock.drift.alibi import joint_distance
from windsock.drift.bins import Codes, Floats

MOST_CLEAN_WINDOWS = 40


@dataclass(frozen=True)
class Joint:
    """Distances of the last windows, oldest first, and of clean ones; `p_value` and `rows` are of the last window."""

    distances: Sequence[float]
    clean: Sequence[float]
    p_value: float
    rows: int


def clean_distances(history: Floats, codes: Codes, settings: Drift, rate: float, seed: int) -> list[float]:
    """Tells clean windows from the rest of the reference.

    As many as the rate of false alarms a window asks for: 1 / (n + 1) is at most the rate.
    """
    random = np.random.default_rng(seed)
    days = int(codes.max()) + 1
    clean = []
    for _ in range(min(MOST_CLEAN_WINDOWS, math.ceil(1 / rate) - 1)):
        first = int(random.integers(0, max(1, days - settings.window_days)))
        inside = (codes >= first) & (codes < first + settings.window_days)
        window, rest = _some(history[inside], settings, random), _some(history[~inside], settings, random)
        clean.append(joint_distance(rest, window, seed)[0])
    return clean


def joint(history: Floats, windows: Sequence[Floats], clean: Sequence[float], settings: Drift, seed: int) -> Joint:
    """Tells production's last windows from the reference; `clean` are the distances of clean ones."""
    random = np.random.default_rng([seed, 1])
    found = [
        joint_distance(_some(history, settings, random), _some(window, settings, random), seed) for window in windows
    ]
    rows = min(settings.joint_rows, len(windows[-1]))
    return Joint([distance for distance, _ in found], clean, found[-1][1], rows)


def _some(rows: Floats, settings: Drift, random: np.random.Generator) -> Floats:
    """At most as many rows as a test is given, drawn without replacement."""
    if len(rows) <= settings.joint_rows:
        return rows
    return rows[np.sort(random.choice(len(rows), size=settings.joint_rows, replace=False))]
