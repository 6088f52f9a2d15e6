"""The only door to Alibi Detect: do all features together tell production's rows from the reference's, and since when
did a stream of yes and no say yes more often?

Nothing of it is saved: what it writes would run code when it is loaded. Missing values are watched a column each, by
their share; here they are the column's median.
"""

import logging
import os
import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from windsock.drift.bins import Floats

os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
# A container begins with an empty cache: to compile the one loop that is used takes seconds, to run it hundredths.
os.environ.setdefault("NUMBA_DISABLE_JIT", "1")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from alibi_detect.cd import ClassifierDrift, FETDriftOnline, KSDrift  # type: ignore[import-untyped]
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

logging.getLogger("alibi_detect").setLevel(logging.ERROR)
FOLDS = 3
SIMULATED = 5000
# A quantile further out than the streams that are left at the last step is not estimated by Alibi.
LONGEST_RUN = SIMULATED / 2


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


def alarms_of_streams(
    reference: NDArray[np.bool_],
    streams: Sequence[NDArray[np.bool_]],
    run_length: float,
    windows: Sequence[int],
    seed: int,
) -> list[list[int]]:
    """Where Fisher's exact test says that a stream has more of yes than the reference; it begins anew after an alarm.

    An alarm is expected in `run_length` steps of a stream like the reference. The detector draws from numpy's shared
    generator, which is left as it was.
    """
    if reference.all() or not reference.any():
        return [[] for _ in streams]
    before = np.random.get_state()
    np.random.seed(seed % 2**32)
    try:
        detector = FETDriftOnline(
            reference[:, None].astype(np.int64), run_length, list(windows), n_bootstraps=SIMULATED, verbose=False
        )
        return [_alarms(detector, stream) for stream in streams]
    finally:
        np.random.set_state(before)


def _alarms(detector: FETDriftOnline, stream: NDArray[np.bool_]) -> list[int]:
    detector.reset_state()
    found = []
    for index, value in enumerate(stream.astype(np.int64)):
        if detector.predict(np.asarray([value]))["data"]["is_drift"]:
            found.append(index)
            detector.reset_state()
    return found


def _standardised(rows: Floats, reference: Floats) -> Floats:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # A column without any value has no median; it becomes 0.
        centre, spread = np.nanmedian(reference, axis=0), np.nanstd(reference, axis=0)
    known = np.where(np.isfinite(rows), rows, centre)
    return np.nan_to_num((known - centre) / np.where(spread > 0, spread, 1.0)).clip(-8, 8).astype(np.float32)
