"""Fits, calibrates, keeps and reloads the model. The only door to scikit-learn and skops.

A fit has one thread: with two the same rows gave other bytes, and it took up to twenty times as long. What is
calibrated on takes a fit for each fold, which know nothing of each other: so many at once as there are processors.
"""

import io
import json
import os
import zipfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from types import ModuleType
from typing import Any

import numpy as np
import skops.io  # type: ignore[import-untyped]
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone, is_classifier  # type: ignore[import-untyped]
from sklearn.calibration import CalibratedClassifierCV  # type: ignore[import-untyped]
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]
from windsock.contracts.errors import InputError
from windsock.contracts.threads import threads
from windsock.model.rows import Floats
from windsock.model.split import Mask, Parts

THREADS = 1
LIBRARIES = ("numpy", "onnx", "scikit-learn", "scipy", "skl2onnx", "skops")
# What a trained model may be made of; anything else in the file is refused before it is built.
TRUSTED = ("sklearn.", "numpy.", "scipy.", "builtins.", "collections.")
ZIP_TIME = (1980, 1, 1, 0, 0, 0)


def build(estimator: ModuleType, seed: int, parameters: Mapping[str, float]) -> Any:
    """The use case's unfitted classifier.

    Raises:
        InputError: `estimator.py` does not take the parameters, or gives something else than a classifier, or one that
            treats columns as categories, which the ONNX converter accepts and gets wrong.
    """
    try:
        classifier = estimator.build(seed, parameters)
    except (TypeError, ValueError) as error:
        raise InputError("training.parameters", dict(parameters), f"what estimator.py takes ({error})") from error
    # A pipeline that ends in a classifier is one too, though it is no `ClassifierMixin`.
    if not isinstance(classifier, BaseEstimator) or not is_classifier(classifier):
        raise InputError("estimator.build", type(classifier).__name__, "a scikit-learn classifier")
    for name, value in classifier.get_params(deep=True).items():
        # `from_dtype` finds no category among float32 columns.
        if name.split("__")[-1] == "categorical_features" and value not in (None, "from_dtype"):
            raise InputError(f"estimator {name}", value, "none: categories are numbers by the time derive.py has run")
    return classifier


class Recorded(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Scores that were made earlier, as a classifier whose only column they are: it has nothing to learn."""

    def fit(self, scores: NDArray[np.float64], label: NDArray[np.int8]) -> "Recorded":
        """Takes note of the classes, as every fitted classifier does."""
        self.classes_, self.n_features_in_ = np.unique(label), scores.shape[1]
        return self

    def predict(self, scores: NDArray[np.float64]) -> NDArray[np.int8]:
        """The class on whose side of zero each score lies."""
        return (scores[:, 0] > 0).astype(np.int8)

    def decision_function(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """The scores themselves."""
        return np.asarray(scores[:, 0])


def fit(unfitted: Any, features: Floats, label: NDArray[np.int8], parts: Parts) -> Any:
    """Fits on all rows before evaluation, and calibrates by Platt's sigmoid on scores of rows not yet learned from.

    Those scores come from models of the time before each fold, as production's will come from a model of the time
    before it. One short window right before evaluation calibrated to its weather: in a stormy fortnight it cost 4 %.
    Isotonic calibration is not offered: its conversion to ONNX takes the nearest step instead of the line between two,
    and was off by 0.03.
    """

    def fitted(learned: Mask) -> Any:
        # How many threads OpenMP takes is each thread's own matter.
        with threadpool_limits(limits=THREADS, user_api="openmp"):
            return clone(unfitted).fit(features[learned], label[learned])

    at_once = threads(os.environ) or os.cpu_count() or 1
    with threadpool_limits(limits=THREADS):
        with ThreadPoolExecutor(at_once) as pool:
            # The longest first: the last one would have a processor to itself.
            final, *earlier = pool.map(fitted, [parts.training, *(fold.learned for fold in parts.folds)])
        scores = [_score(one, features[fold.scored]) for one, fold in zip(earlier, parts.folds, strict=True)]
        model = CalibratedClassifierCV(Recorded(), method="sigmoid", ensemble=False)
        model.fit(np.concatenate(scores)[:, None], np.concatenate([label[fold.scored] for fold in parts.folds]))
    # The sigmoid now takes the final model's scores.
    model.estimator, model.n_features_in_ = final, features.shape[1]
    for calibrated in model.calibrated_classifiers_:
        calibrated.estimator = final
    return model


def _score(fitted: Any, features: Floats) -> NDArray[np.float64]:
    """What a calibrated classifier takes from the classifier inside it."""
    if hasattr(fitted, "decision_function"):
        return np.asarray(fitted.decision_function(features))
    return np.asarray(fitted.predict_proba(features)[:, 1])


def probability(model: Any, features: Floats) -> NDArray[np.float64]:
    """The trained model's probability of the event, a row each."""
    with threadpool_limits(limits=THREADS):
        return np.asarray(model.predict_proba(features)[:, 1], dtype=np.float64)


def dump(model: Any) -> bytes:
    """The trained model in skops' format, the same bytes for the same model: no times, no memory addresses."""
    source = zipfile.ZipFile(io.BytesIO(skops.io.dumps(model)))
    schema = json.loads(source.read("schema.json"))
    names: dict[int, int] = {}
    files: dict[str, str] = {}
    _rename(schema, names, files)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("schema.json", ZIP_TIME), json.dumps(schema, sort_keys=True))
        for old, new in files.items():
            archive.writestr(zipfile.ZipInfo(new, ZIP_TIME), source.read(old))
    return target.getvalue()


def _rename(node: Any, names: dict[int, int], files: dict[str, str]) -> None:
    """Numbers objects and files in the order in which the model holds them, in place of their memory addresses."""
    if isinstance(node, list):
        for item in node:
            _rename(item, names, files)
    if not isinstance(node, dict):
        return
    if isinstance(node.get("__id__"), int):
        node["__id__"] = names.setdefault(node["__id__"], len(names) + 1)
    if isinstance(node.get("file"), str):
        suffix = node["file"].rpartition(".")[2]
        node["file"] = files.setdefault(node["file"], f"{len(files) + 1}.{suffix}")
    for key in sorted(node):
        _rename(node[key], names, files)


def load(content: bytes) -> Any:
    """Rebuilds a trained model without running code from the file.

    Raises:
        InputError: the file is damaged, or holds a type that no model of ours is made of.
    """
    try:
        foreign = [name for name in skops.io.get_untrusted_types(data=content) if not name.startswith(TRUSTED)]
        if foreign:
            raise InputError("trained model", foreign, "types of scikit-learn, NumPy and SciPy only")
        return skops.io.loads(content, trusted=skops.io.get_untrusted_types(data=content))
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError("trained model", f"{len(content)} bytes", f"a model in skops' format ({error})") from error


def library_versions() -> dict[str, str]:
    """The versions of what shapes the model's bytes."""
    return {name: version(name) for name in LIBRARIES}


def takes(model: Any, features: Floats) -> bool:
    """Whether the trained model accepts such values at all; many refuse missing and infinite ones."""
    try:
        probability(model, features)
    except ValueError:
        return False
    return True
