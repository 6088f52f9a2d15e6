"""What Evidently's drift preset says of each window of saved streams, as JSON.

The preset spends most of its time on what it draws. Here its own default test of a column is asked alone; that both
give the same values is checked on the first window.
"""

import json
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from evidently import Dataset, Report
from evidently.legacy.calculations.stattests import StatTest, get_stattest
from evidently.legacy.core import ColumnType
from evidently.presets import DataDriftPreset

warnings.simplefilter("ignore")
WINDOWS, STREAMS = 12, ("clean", "shifted", "benign")
DRIFTED_SHARE = 0.5  # The preset's own default: drift of a data set is drift of half of its columns.


def table(rows: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=[f"f{index}" for index in range(rows.shape[1])])


def chosen(reference: pd.DataFrame, window: pd.DataFrame) -> dict[str, StatTest]:
    """The test that it chooses for each column by the number of rows and of different values."""
    numerical = ColumnType.Numerical
    return {name: get_stattest(reference[name], window[name], numerical, None) for name in reference.columns}


def tested(reference: pd.DataFrame, window: pd.DataFrame, tests: dict[str, StatTest]) -> tuple[list[float], list[bool]]:
    values, drifted = [], []
    for name, test in tests.items():
        found = test(reference[name], window[name], ColumnType.Numerical, None)
        values.append(found.drift_score)
        drifted.append(bool(found.drifted))
    return values, drifted


def check(reference: pd.DataFrame, window: pd.DataFrame) -> None:
    few = reference.columns[:5].tolist()
    reference, window = reference[few], window[few]
    report = Report([DataDriftPreset()])
    found = report.run(Dataset.from_pandas(window), Dataset.from_pandas(reference)).dict()
    told = {metric["metric_id"]: metric["value"] for metric in found["metrics"]}
    values, _ = tested(reference, window, chosen(reference, window))
    if not np.allclose(values, [told[f"ValueDrift(column={name})"] for name in few]):
        raise SystemExit("the test alone is not what the preset says")


def main() -> None:
    flags: dict[str, dict[str, list[list[bool]]]] = {}
    for number, world in enumerate(sorted(Path(sys.argv[1]).iterdir())):
        reference = table(np.load(world / "reference.rows.npy"))
        for stream in STREAMS:
            windows = [table(part) for part in np.split(np.load(world / f"{stream}.rows.npy"), WINDOWS)]
            if stream == STREAMS[0]:
                tests = chosen(reference, windows[0])
            if number == 0 and stream == STREAMS[0]:
                check(reference, windows[0])
            shares = np.asarray([np.mean(tested(reference, window, tests)[1]) for window in windows])
            for name, found in (("half of the columns", shares >= DRIFTED_SHARE), ("any column", shares > 0)):
                detector = f"Evidently: DataDriftPreset, {name}"
                flags.setdefault(detector, {}).setdefault(stream, []).append(found.tolist())
    print(json.dumps(flags))


if __name__ == "__main__":
    main()
