"""The models of a monthly retraining that nothing holds back: no gate looks at the data, none at the model.

They are what the gates are held against on the page of a year, and nothing else: they never serve.
"""

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from windsock.contracts.artifact import Artifact, Origin, new_artifact, open_artifact
from windsock.contracts.files import read_json
from windsock.contracts.release import KIND, Bundle, Release, open_bundle, write_bundle
from windsock.contracts.use_case import load_use_case

# Runs a step of a component on an executor input; an exception if it does not end well.
RunStep = Callable[[str, str, str], None]
OUTPUTS: Mapping[str, Sequence[str]] = {
    "snapshot_data": ("snapshot",),
    "build_training_set": ("training_set", "metrics"),
    "train_model": ("model", "metrics"),
}


PARAMETERS: Mapping[str, Mapping[str, Any]] = {"snapshot_data": {"recent": False}}


def train_ungated(run_step: RunStep, landing: Path, use_case: Artifact, as_of: str, place: Path) -> Bundle:
    """Trains on all that was delivered, as it is; returns a release that only decides on paper."""
    if (place / "release").exists():
        return open_bundle(place / "release")
    shutil.rmtree(place, ignore_errors=True)
    given = {"use_case": use_case.path, "landing": landing}
    run_step("ingest", "snapshot_data", executor_input("snapshot_data", as_of, given, place))
    taken = open_artifact(place / "snapshot", "snapshot")
    with new_artifact(place / "judged", "judged", Origin("ungated", as_of, {"snapshot": taken.digest})) as directory:
        for path in taken.path.glob("*.parquet"):
            shutil.copyfile(path, directory / path.name)
    given = {"use_case": use_case.path, "data": place / "judged"}
    run_step("features", "build_training_set", executor_input("build_training_set", as_of, given, place))
    given = {"use_case": use_case.path, "training_set": place / "training_set"}
    run_step("model", "train_model", executor_input("train_model", as_of, given, place))
    facts = read_json(place / "model" / "model.json", "model.json")
    threshold = load_use_case(use_case.path).costs.threshold
    release = Release(f"ungated-{as_of[:10]}", "model", threshold, tuple(facts["columns"]), as_of)
    with new_artifact(place / "release", KIND, Origin("ungated", as_of)) as directory:
        write_bundle(directory, release, use_case.path, place / "model" / "model.onnx")
    for name in ("snapshot", "judged", "training_set"):
        shutil.rmtree(place / name)
    return open_bundle(place / "release")


def executor_input(step: str, as_of: str, inputs: Mapping[str, Path], place: Path) -> str:
    """What KFP would tell a step, as JSON: its inputs and parameters, and where its outputs belong."""

    def artifacts(paths: Mapping[str, Path]) -> dict[str, Any]:
        return {
            name: {"artifacts": [{"name": name, "type": {}, "uri": str(path), "metadata": {}}]}
            for name, path in paths.items()
        }

    outputs = {name: place / name for name in OUTPUTS[step]}
    return json.dumps(
        {
            "inputs": {"parameterValues": {"as_of": as_of, **PARAMETERS.get(step, {})}, "artifacts": artifacts(inputs)},
            "outputs": {"artifacts": artifacts(outputs), "outputFile": str(place / f"{step}.json")},
        }
    )
