"""Scores rows as production does. The only door to ONNX Runtime."""

from pathlib import Path

import numpy as np
import onnxruntime  # type: ignore[import-untyped]
from windsock.contracts.errors import InputError
from windsock.drift.bins import Floats, Numbers

BATCH_ROWS = 50_000
WARNINGS_OFF = 3


def score(model: Path, rows: Floats) -> Numbers:
    """The probability of the event, a row each, for float32 rows.

    Raises:
        InputError: the model does not load.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = WARNINGS_OFF
    try:
        session = onnxruntime.InferenceSession(model.read_bytes(), options, providers=["CPUExecutionProvider"])
    # ONNX Runtime raises classes of its own that have no common parent but Exception.
    except Exception as error:
        raise InputError(f"model {model.name}", str(model.parent.name), f"a model that loads ({error})") from error
    name = session.get_inputs()[0].name
    parts = [
        session.run(None, {name: rows[first : first + BATCH_ROWS]})[0][:, 1]
        for first in range(0, len(rows), BATCH_ROWS)
    ]
    return np.concatenate(parts).astype(np.float64) if parts else np.empty(0)
