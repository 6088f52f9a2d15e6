"""A small release of a use case of its own, and an online store that Feast itself fills.

    python tests/stage.py --into DIRECTORY [--redis HOST:PORT]

Writes DIRECTORY/bundle and DIRECTORY/online.db; with `--redis`, fills that server with the same values too.
"""

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from windsock.contracts.artifact import Origin, new_artifact
from windsock.contracts.files import write_json
from windsock.contracts.release import Release, open_bundle, write_bundle
from windsock.predictor.plan import BOOL, DOUBLE, FLOAT, INT32, INT64, STRING, UNIX_TIMESTAMP, Plan, ViewPlan

TRAINS = Path(__file__).parent / "trains"
COLUMNS = ("load", "waiting", "delay", "line_late_share", "closed")
WEIGHTS = (1.0, 0.01, 0.05, 2.0, 1.0)
BIAS = -2.0
# What Feast says of `trains/features.py`; a test holds it against Feast.
PLAN = Plan(
    "trains",
    (
        ViewPlan("station_now", {"station": STRING}, {"waiting": INT64, "delay": DOUBLE, "weather": STRING}),
        ViewPlan("line_record", {"line": STRING}, {"late_share": FLOAT, "runs": INT32}),
        ViewPlan(
            "platform_record",
            {"platform": INT64, "station": STRING},
            {"closed": BOOL, "since": UNIX_TIMESTAMP, "late_share": DOUBLE},
        ),
    ),
)
# How many requests the fuzz sends to each path; `EXAMPLES=2000` looks longer.
EXAMPLES = int(os.environ.get("EXAMPLES", "60"))
NOW = datetime(2013, 7, 1, 12, tzinfo=UTC)
DUE = NOW + timedelta(hours=1)


def free_port() -> int:
    """A port that nobody has just now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def logistic_model() -> onnx.ModelProto:
    """A logistic regression that takes a missing value for 0; a column's weight is in `WEIGHTS`."""
    weights = numpy_helper.from_array(np.array([[w] for w in WEIGHTS], np.float32), "weights")
    bias = numpy_helper.from_array(np.array([BIAS], np.float32), "bias")
    zero = numpy_helper.from_array(np.array([0], np.float32), "zero")
    nodes = [
        helper.make_node("IsNaN", ["rows"], ["missing"]),
        helper.make_node("Where", ["missing", "zero", "rows"], ["filled"]),
        helper.make_node("MatMul", ["filled", "weights"], ["products"]),
        helper.make_node("Add", ["products", "bias"], ["sums"]),
        helper.make_node("Sigmoid", ["sums"], ["probability"]),
    ]
    rows = helper.make_tensor_value_info("rows", TensorProto.FLOAT, [None, len(WEIGHTS)])
    probability = helper.make_tensor_value_info("probability", TensorProto.FLOAT, [None, 1])
    graph = helper.make_graph(nodes, "logistic", [rows], [probability], [weights, bias, zero])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def make_bundle(path, *, use_case=TRAINS, model=None, threshold=0.25, change=None):
    """Seals a release at `path`; `model` is ONNX bytes, `change` may alter the directory before it is sealed."""
    with new_artifact(path, "release", Origin(step="test")) as directory:
        answers_with = "rules" if model == b"" else "model"
        columns = COLUMNS if answers_with == "model" else ()
        file = None
        if answers_with == "model":
            file = directory / "given"
            file.write_bytes(logistic_model().SerializeToString() if model is None else model)
        write_bundle(directory, Release("trains", answers_with, threshold, columns), use_case, file)
        if file is not None:
            file.unlink()
        shutil.rmtree(directory / "use_case" / "__pycache__", ignore_errors=True)
        if change is not None:
            change(directory)
    return open_bundle(path)


def note_plan(bundle, known: Path) -> None:
    """Notes a release as examined, so that a test need not wait for Feast."""
    write_json(known / f"{bundle.digest.removeprefix('sha256:')}.json", PLAN.to_json())


def reopened(bundle):
    """The bundle as it is now on disk."""
    return open_bundle(bundle.artifact.path)


FILL = """
import sys
sys.path.insert(0, sys.argv[1])
import importlib.util, json, pandas as pd
from datetime import datetime, timezone
from pathlib import Path
from feast import FeatureStore, RepoConfig, FeatureView, Entity
root, stores = Path(sys.argv[2]), json.loads(sys.argv[3])
spec = importlib.util.spec_from_file_location("features", Path(sys.argv[1]) / "features.py")
features = importlib.util.module_from_spec(spec)
spec.loader.exec_module(features)
given = json.loads(sys.stdin.read())
for number, online in enumerate(stores):
    config = RepoConfig(project="trains", provider="local", registry=str(root / f"registry-{number}.db"),
        online_store=online, entity_key_serialization_version=3, repo_path=root)
    store = FeatureStore(config=config)
    store.apply([each for each in vars(features).values() if isinstance(each, (Entity, FeatureView))])
    for name, rows in given.items():
        frame = pd.DataFrame(rows)
        for column in frame.columns:
            if column in ("event_timestamp", "since"):
                frame[column] = pd.to_datetime(frame[column])
        store.write_to_online_store(name, frame)
"""


def fill(root: Path, stores: list[dict], rows: dict) -> None:
    """Writes rows through Feast, in a process of its own, into online stores that Feast's settings name."""
    environment = {**os.environ, "TZ": "UTC", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONWARNINGS": "ignore"}
    arguments = [str(TRAINS), str(root), json.dumps(stores)]
    subprocess.run(
        [sys.executable, "-c", FILL, *arguments], input=json.dumps(rows), text=True, check=True, env=environment
    )


def store_rows() -> dict:
    """What the online store holds at `NOW`: fresh, stale and future values, and nulls."""
    at = {
        name: (NOW + timedelta(seconds=s)).isoformat()
        for name, s in {"fresh": -600, "old": -7200, "ancient": -200_000, "next": 1200}.items()
    }
    station = {"waiting": 40, "delay": 2.5, "weather": "rain"}
    return {
        "station_now": [
            {"station": "Ulm", "event_timestamp": at["fresh"], **station},
            {"station": "Bonn", "event_timestamp": at["old"], **station},
            {"station": "Köln", "event_timestamp": at["next"], **station},
            {"station": "Halle", "event_timestamp": at["fresh"], "waiting": 7, "delay": None, "weather": ""},
        ],
        "line_record": [
            {"line": "RE1", "event_timestamp": at["fresh"], "late_share": 0.25, "runs": 12},
            {"line": "RE2", "event_timestamp": at["ancient"], "late_share": 0.75, "runs": -3},
        ],
        "platform_record": [
            {
                "platform": 7,
                "station": "Ulm",
                "event_timestamp": at["fresh"],
                "closed": True,
                "since": "2013-01-01T00:00:00+00:00",
                "late_share": 0.5,
            },
        ],
    }


def main() -> None:
    """Builds the stage for drills and benchmarks."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--into", type=Path, required=True)
    parser.add_argument("--redis", default="", help="host:port")
    options = parser.parse_args()
    into = options.into.resolve()
    into.mkdir(parents=True, exist_ok=True)
    make_bundle(into / "bundle")
    stores = [{"type": "sqlite", "path": str(into / "online.db")}]
    if options.redis:
        stores.append({"type": "redis", "connection_string": options.redis})
    fill(into, stores, store_rows())


if __name__ == "__main__":
    main()
