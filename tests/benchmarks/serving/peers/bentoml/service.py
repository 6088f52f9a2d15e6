"""A scikit-learn model as a BentoML service; BentoML speaks JSON of its own, not V2.

MODEL=DIRECTORY bentoml serve service:Rows --port PORT
"""

import os
from pathlib import Path

import bentoml
import joblib
import numpy as np


@bentoml.service(name="rows", logging={"access": {"enabled": False}})
class Rows:
    """Gives the probabilities of a model that joblib stored."""

    def __init__(self) -> None:
        self._model = joblib.load(Path(os.environ["MODEL"]) / "model.joblib")

    @bentoml.api
    def predict(self, rows: np.ndarray) -> np.ndarray:
        """Each row's probabilities, class by class."""
        return self._model.predict_proba(rows.astype(np.float32))
