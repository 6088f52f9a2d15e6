"""What NannyML's calculators, with their own thresholds, say of each window of saved streams, as JSON."""

import json
import logging
import sys
import warnings
from pathlib import Path

import nannyml
import numpy as np
import pandas as pd

warnings.simplefilter("ignore")
logging.disable(logging.WARNING)
nannyml.disable_usage_logging()
WINDOWS, STREAMS = 12, ("clean", "shifted", "benign", "flipped")
METRIC = "roc_auc"


def table(world: Path, name: str) -> pd.DataFrame:
    rows, outcomes = np.load(world / f"{name}.rows.npy"), np.load(world / f"{name}.outcomes.npy")
    frame = pd.DataFrame(rows, columns=[f"f{index}" for index in range(rows.shape[1])])
    return frame.assign(score=outcomes[:, 0], label=outcomes[:, 1].astype(int), acted=outcomes[:, 2].astype(int))


def told(found: pd.DataFrame) -> list[bool]:
    """Whether a window has any alert, of any column."""
    alerts = found.loc[:, [column[-1] == "alert" for column in found.columns]]
    return [bool(alert) for alert in alerts.to_numpy().any(axis=1)]


def main() -> None:
    flags: dict[str, dict[str, list[list[bool]]]] = {}
    for world in sorted(Path(sys.argv[1]).iterdir()):
        reference = table(world, "reference")
        streams = {name: table(world, name) for name in STREAMS}
        size = len(streams["clean"]) // WINDOWS
        features = [name for name in reference.columns if name.startswith("f")]
        outcomes = {"y_pred_proba": "score", "y_pred": "acted", "y_true": "label", "chunk_size": size}
        outcomes |= {"problem_type": "classification_binary", "metrics": [METRIC]}
        drift = nannyml.UnivariateDriftCalculator(column_names=features, chunk_size=size).fit(reference)
        expected, came = (
            nannyml.CBPE(**outcomes).fit(reference),
            nannyml.PerformanceCalculator(**outcomes).fit(reference),
        )
        for name, rows in streams.items():
            results = {
                "UnivariateDriftCalculator, any column": drift.calculate(rows),
                f"CBPE ({METRIC}, estimated)": expected.estimate(rows),
                f"PerformanceCalculator ({METRIC}, realized)": came.calculate(rows),
            }
            for detector, result in results.items():
                found = told(result.filter(period="analysis").to_df())
                flags.setdefault(f"NannyML: {detector}", {}).setdefault(name, []).append(found)
    print(json.dumps(flags))


if __name__ == "__main__":
    main()
