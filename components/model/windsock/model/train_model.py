"""Step `train_model`: fits and calibrates on the earlier time, and leaves the later time to evaluation."""

from typing import Any

import numpy as np
from windsock.contracts.errors import InputError
from windsock.contracts.files import write_bytes, write_json
from windsock.contracts.log import log
from windsock.contracts.step import Step
from windsock.contracts.use_case import UseCase, load_use_case
from windsock.contracts.use_case_code import load_module
from windsock.model import exporter, learner
from windsock.model.layout import FACTS_FILE, ONNX_FILE, TRAINED_FILE, made_from
from windsock.model.rows import ASKED_AT, KNOWN_AT, Rows, read_rows
from windsock.model.split import Mask, Parts, cut, windows_at

KIND = "model"


def run(step: Step) -> None:
    """Reads a training set, writes a model: ONNX to serve, the trained one to prove it by, and the facts of both."""
    use_case_artifact = step.artifact("use_case", "use_case")
    training_set = step.artifact("training_set", "training_set")
    made_from(training_set, {"use_case": use_case_artifact})
    use_case = load_use_case(use_case_artifact.path)
    columns = tuple(load_module(use_case_artifact.path / "derive.py", "windsock_use_case_derive").COLUMNS)
    rows = read_rows(training_set.path, use_case)
    windows = windows_at(use_case, step.as_of)
    parts = cut(windows, use_case.split.calibration_folds, rows.microseconds(ASKED_AT), rows.microseconds(KNOWN_AT))
    facts = {**_facts(use_case, rows, parts), "columns": columns, "windows": windows.to_json()}
    log("split", **facts["rows"], **windows.to_json())
    estimator = load_module(use_case_artifact.path / "estimator.py", "windsock_use_case_estimator")
    model = _fit(learner.build(estimator, use_case.training.seed, use_case.training.parameters), rows, parts, columns)
    with step.output("model", KIND, {"training_rows": facts["rows"]["training"]}) as directory:
        write_bytes(directory / ONNX_FILE, exporter.export(model, len(columns)))
        write_bytes(directory / TRAINED_FILE, learner.dump(model))
        write_json(directory / FACTS_FILE, facts)
    step.metrics("metrics", {f"{name}_rows": count for name, count in facts["rows"].items()})


def _facts(use_case: UseCase, rows: Rows, parts: Parts) -> dict[str, Any]:
    """What is recorded of a training: counts, settings, libraries. All of it follows from the inputs."""
    label = rows.label()
    for name, mask in _learned_from(parts).items():
        if len(np.unique(label[mask])) < 2:
            raise InputError(f"rows for {name}", int(mask.sum()), "rows with the event and rows without it")
    calibration = np.logical_or.reduce([fold.scored for fold in parts.folds])
    masks = {"training": parts.training, "calibration": calibration, "evaluation": parts.evaluation}
    return {
        "rows": {name: int(mask.sum()) for name, mask in masks.items()} | dict(parts.left_out),
        "positive_share": float(label[parts.training].mean()),
        "seed": use_case.training.seed,
        "parameters": dict(use_case.training.parameters),
        "libraries": learner.library_versions(),
        "threads": learner.THREADS,
    }


def _learned_from(parts: Parts) -> dict[str, Mask]:
    """Every set of rows that something is fitted on."""
    named = {"training": parts.training}
    for number, fold in enumerate(parts.folds, start=1):
        named[f"calibration fold {number}"] = fold.scored
        named[f"training before calibration fold {number}"] = fold.learned
    return named


def _fit(unfitted: Any, rows: Rows, parts: Parts, columns: tuple[str, ...]) -> Any:
    features = rows.matrix(columns)
    if np.isinf(features).any():
        raise InputError("training set", "infinite values", "finite numbers, or NaN where a value is missing")
    return learner.fit(unfitted, features, rows.label(), parts)
