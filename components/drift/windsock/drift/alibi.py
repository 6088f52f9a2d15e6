"""The only door to Alibi Detect: do all features together tell production's rows from the reference's?

Nothing of it is saved: what it writes would run code when it is loaded. Missing values are watched a column each, by
their share; here they are the column's median.
"""

import logging
import os
import warnings

import numpy as np
from windsock.drift.bins import Floats

os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from alibi_detect.cd import ClassifierDrift, KSDrift  # type: ignore[import-untyped]
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

logging.getLogger("alibi_detect").setLevel(logging.ERROR)
FOLDS = 3


def joint_distance(reference: Floats, rows: Floats, seed: int) -> tuple[float, float]:
    """How well a classifier tells the two apart, and the p-value of that.

    The distance is that between the distributions of its held-out scores on both (Kolmogorov and Smirnov), from 0 to 1;
    Lopez-Paz and Oquab, Revisiting Classifier Two-Sample Tests, ICLR 2017. Columns are standardised by the reference.
    """
    ours, theirs = _standardised(reference, reference), _standardised(rows, reference)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        detector = ClassifierDrift(
            ours,
            LogisticRegression(max_iter=200),
            backend="sklearn",
            preds_type="probs",
            binarize_preds=False,
            train_size=None,
            n_folds=FOLDS,
            seed=seed,
        )
        found = detector.predict(theirs, return_p_val=True, return_distance=True)["data"]
    return float(found["distance"]), float(found["p_val"])


def univariate(reference: Floats, rows: Floats) -> tuple[list[float], list[float]]:
    """Each column's distance and p-value by Alibi's own test of Kolmogorov and Smirnov, to compare ours with."""
    found = KSDrift(reference, p_val=0.05).predict(rows)["data"]
    return [float(value) for value in found["distance"]], [float(value) for value in found["p_val"]]


def _standardised(rows: Floats, reference: Floats) -> Floats:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # A column without any value has no median; it becomes 0.
        centre, spread = np.nanmedian(reference, axis=0), np.nanstd(reference, axis=0)
    known = np.where(np.isfinite(rows), rows, centre)
    return np.nan_to_num((known - centre) / np.where(spread > 0, spread, 1.0)).clip(-8, 8).astype(np.float32)
