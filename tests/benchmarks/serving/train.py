"""One model for all: trains it on random rows, and writes it as scikit-learn keeps it and as ONNX.

    components/model/.venv/bin/python tests/benchmarks/serving/train.py --into DIRECTORY [--kind logistic]

`boosting` is what the flights' releases are made of: 120 trees of 31 leaves. `logistic` costs next to nothing in both
forms, so what is left is the servers.
"""

import argparse
from pathlib import Path

import joblib
import numpy as np
import onnxruntime
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from windsock.model.exporter import export

ROWS, COLUMNS = 20_000, 5
KINDS = {
    "boosting": HistGradientBoostingClassifier(
        learning_rate=0.05, max_iter=120, max_leaf_nodes=31, early_stopping=False, random_state=1
    ),
    "logistic": LogisticRegression(),
}


def main() -> None:
    """Writes DIRECTORY/model.joblib and DIRECTORY/model.onnx."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--into", type=Path, required=True)
    parser.add_argument("--kind", choices=sorted(KINDS), default="boosting")
    options = parser.parse_args()
    options.into.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(1)
    rows = random.normal(size=(ROWS, COLUMNS)).astype(np.float32)
    chance = 1 / (1 + np.exp(-(rows @ random.normal(size=COLUMNS)) - np.sin(3 * rows[:, 0])))
    model = KINDS[options.kind].fit(rows, random.random(ROWS) < chance)
    joblib.dump(model, options.into / "model.joblib")
    content = export(model, COLUMNS)
    (options.into / "model.onnx").write_bytes(content)
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    found = session.run(None, {"X": rows})[0]
    print(f"{options.kind}: largest difference of ONNX {np.abs(found - model.predict_proba(rows)).max():.1e}")


if __name__ == "__main__":
    main()
