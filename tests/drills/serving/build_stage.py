"""Builds what the fault drills serve: releases of the pumps whose model and features fail on request.

    serving/predictor/.venv/bin/python -m tests.drills.serving.build_stage --into DIR [--redis URL]

Runs in the predictor's environment, which has Feast and ONNX. Every request is valid; its values choose the fault:

    load   up to 1,000 well, up to 2,000 the model gives NaN, up to 3,000 it raises, beyond it hangs for some seconds
    site   `broken`: derive.py raises
    pump   101 to 140 fresh, 201 to 240 stale, 301 to 340 garbage in the store, all others not in the store
"""

import argparse
import json
import math
import os
import shutil
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import onnx
import pandas as pd
from onnx import TensorProto, helper, numpy_helper
from windsock.contracts.artifact import Origin, new_artifact
from windsock.contracts.release import KIND, Release, write_bundle
from windsock.contracts.use_case_code import load_module

PUMPS = Path(__file__).parents[2] / "journeys" / "other_use_case"
FRESH, STALE, GARBAGE = range(101, 141), range(201, 241), range(301, 341)
NAN_FROM, RAISE_FROM, HANG_FROM = 1_000.0, 2_000.0, 3_000.0
HANG_TURNS = 1_000_000
THRESHOLDS = {"production": 0.25, "candidate": 0.35}
# The drills ask about shifts that start at this time, an hour after the moment that they call now.
NOW = datetime(2024, 6, 1, 12, tzinfo=UTC)

BROKEN_DERIVE = """

_derive_well = derive


def derive(request, features):
    if request["site"] == "broken":
        raise RuntimeError("asked to fail")
    return _derive_well(request, features)
"""
# By default so small that a drill can fill it.
SMALL_MB = 8
JOURNAL = """
[serving.record]
capacity_mb = {capacity_mb}
ship_every_s = 1.0
"""
FEATURE_STORE = """project: pumps
provider: local
registry: ${WINDSOCK_FEATURE_REGISTRY}
offline_store:
  type: file
online_store: ${WINDSOCK_ONLINE_STORE}
entity_key_serialization_version: 3
"""


def model(columns: int) -> onnx.ModelProto:
    """A logistic model of the load that fails as the load says."""

    def constant(name: str, value: object, kind: type) -> onnx.TensorProto:
        return numpy_helper.from_array(np.array(value, dtype=kind), name)

    weights = [[0.02], *[[0.0]] * (columns - 1)]
    constants = [
        constant("weights", weights, np.float32),
        constant("bias", [-2.0], np.float32),
        constant("zero", 0.0, np.float32),
        constant("nan", math.nan, np.float32),
        constant("first", [0], np.int64),
        constant("nan_from", NAN_FROM, np.float32),
        constant("raise_from", RAISE_FROM, np.float32),
        constant("hang_from", HANG_FROM, np.float32),
        constant("turns_at_most", HANG_TURNS, np.int64),
        constant("one_value", [0.0], np.float32),
        constant("true", True, np.bool_),
    ]
    turn = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["go_on"]), helper.make_node("Sin", ["value"], ["next"])],
        "turn",
        [
            helper.make_tensor_value_info("number", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("value", TensorProto.FLOAT, []),
        ],
        [
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", TensorProto.FLOAT, []),
        ],
    )
    nodes = [
        helper.make_node("IsNaN", ["rows"], ["missing"]),
        helper.make_node("Where", ["missing", "zero", "rows"], ["clean"]),
        helper.make_node("MatMul", ["clean", "weights"], ["weighed"]),
        helper.make_node("Add", ["weighed", "bias"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["well"]),
        helper.make_node("Gather", ["clean", "first"], ["load"], axis=1),
        helper.make_node("Greater", ["load", "nan_from"], ["gives_nan"]),
        helper.make_node("Where", ["gives_nan", "nan", "well"], ["maybe_nan"]),
        # Beyond its bound the second element of a list of one is asked for.
        helper.make_node("Greater", ["load", "raise_from"], ["raises"]),
        helper.make_node("Greater", ["load", "hang_from"], ["hangs"]),
        helper.make_node("Xor", ["raises", "hangs"], ["raises_only"]),
        helper.make_node("Cast", ["raises_only"], ["element"], to=TensorProto.INT64),
        helper.make_node("Gather", ["one_value", "element"], ["nothing"]),
        helper.make_node("Cast", ["hangs"], ["hang_rows"], to=TensorProto.INT64),
        helper.make_node("ReduceMax", ["hang_rows"], ["hang_any"], keepdims=0),
        helper.make_node("Mul", ["hang_any", "turns_at_most"], ["turns"]),
        helper.make_node("Loop", ["turns", "true", "zero"], ["waited"], body=turn),
        helper.make_node("Add", ["maybe_nan", "nothing"], ["maybe_raised"]),
        helper.make_node("Add", ["maybe_raised", "waited"], ["probability"]),
    ]
    graph = helper.make_graph(
        nodes,
        "faulty",
        [helper.make_tensor_value_info("rows", TensorProto.FLOAT, ["rows", columns])],
        [helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["rows", 1])],
        constants,
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(made)
    return made


def use_case(directory: Path, capacity_mb: int) -> Path:
    """The pumps, with a derive.py that fails on request."""
    directory.mkdir(parents=True)
    for name in ("features.py", "fallback.py"):
        shutil.copyfile(PUMPS / name, directory / name)
    settings = (PUMPS / "use_case.toml").read_text(encoding="utf-8")
    (directory / "use_case.toml").write_text(settings + JOURNAL.format(capacity_mb=capacity_mb), encoding="utf-8")
    derive = (PUMPS / "derive.py").read_text(encoding="utf-8")
    (directory / "derive.py").write_text(derive + BROKEN_DERIVE, encoding="utf-8")
    (directory / "feature_store.yaml").write_text(FEATURE_STORE, encoding="utf-8")
    return directory


def bundles(into: Path, pumps: Path) -> None:
    """Two releases that differ in their threshold, sealed as real ones are."""
    columns = tuple(load_module(pumps / "derive.py", "stage_derive").COLUMNS)
    (into / "model.onnx").write_bytes(model(len(columns)).SerializeToString())
    for name, threshold in THRESHOLDS.items():
        release = Release(name, "model", threshold, columns, NOW.isoformat())
        with new_artifact(into / name, KIND, Origin(step="build_stage")) as directory:
            write_bundle(directory, release, pumps, into / "model.onnx")


def fill(into: Path, pumps: Path, online_store: dict[str, object]) -> None:
    """Writes the features of every pump by Feast itself; those of the stale ones are four days old."""
    os.environ["TZ"] = "UTC"
    time.tzset()
    sources = into / "sources"
    sources.mkdir(exist_ok=True)
    os.environ["WINDSOCK_FEATURE_SOURCES"] = str(sources)
    os.environ["WINDSOCK_FEATURE_REGISTRY"] = str(into / f"registry-{online_store['type']}.db")
    os.environ["WINDSOCK_ONLINE_STORE"] = json.dumps(online_store)
    from feast import Entity, FeatureStore, FeatureView
    from feast.repo_config import load_repo_config

    store = FeatureStore(config=load_repo_config(pumps, pumps / "feature_store.yaml"))
    declared = vars(load_module(pumps / "features.py", "stage_features")).values()
    store.apply([value for value in declared if isinstance(value, Entity | FeatureView)])
    known = [*FRESH, *STALE, *GARBAGE]
    times = [NOW - timedelta(days=4 if pump in STALE else 0, minutes=30) for pump in known]
    frame = pd.DataFrame({"pump": known, "event_timestamp": times, "created_timestamp": times})
    for view in store.list_feature_views():
        values = frame.assign(**{feature.name: 0.5 for feature in view.features})
        store.write_to_online_store(view.name, values)


def spoil(url: str) -> None:
    """Overwrites what Redis holds of the garbage pumps with bytes that mean nothing."""
    import redis

    client = redis.Redis.from_url(url)
    spoiled = 0
    for key in client.scan_iter():
        fields = client.hgetall(key)
        if any(int(pump).to_bytes(8, "little") in key for pump in GARBAGE):
            client.hset(key, mapping={field: b"\xff\xfe garbage" for field in fields if not field.startswith(b"_ts")})
            spoiled += 1
    assert spoiled == len(GARBAGE), f"{spoiled} keys spoiled"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--into", type=Path, required=True)
    parser.add_argument("--redis", default="", help="host:port of an empty Redis to fill as well")
    parser.add_argument("--capacity-mb", type=int, default=SMALL_MB, help="of the journal of answers")
    options = parser.parse_args()
    pumps = use_case(options.into / "use_case", options.capacity_mb)
    bundles(options.into, pumps)
    fill(options.into, pumps, {"type": "sqlite", "path": str(options.into / "online.db")})
    if options.redis:
        fill(options.into, pumps, {"type": "redis", "connection_string": options.redis})
        spoil(f"redis://{options.redis}")
    print(f"stage in {options.into}", file=sys.stderr)


if __name__ == "__main__":
    main()
