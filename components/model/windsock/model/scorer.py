"""Scores rows as production does. The only door to ONNX Runtime."""

from pathlib import Path

import numpy as np
import onnxruntime  # type: ignore[import-untyped]
from numpy.typing import NDArray
from windsock.contracts.errors import InputError
from windsock.model.rows import Floats

WARNINGS_OFF = 3


class Scorer:
    """A loaded ONNX classifier."""

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = WARNINGS_OFF
        try:
            self._session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
        # ONNX Runtime raises classes of its own that have no common parent but Exception.
        except Exception as error:
            raise InputError(f"model {path.name}", str(path.parent.name), f"a model that loads ({error})") from error
        self._input = self._session.get_inputs()[0].name

    def probability(self, features: Floats) -> NDArray[np.float64]:
        """The probability of the event, a row each, for float32 rows."""
        (probabilities,) = self._session.run(None, {self._input: features})
        return np.asarray(probabilities[:, 1], dtype=np.float64)
