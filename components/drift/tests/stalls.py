"""A small use case that is not the shipped one: will a stall sell out? A release, its training set and its answers."""

import json
import math
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq
from onnx import TensorProto, helper
from windsock.contracts.artifact import Origin, keep_artifact, new_artifact, open_artifact
from windsock.contracts.monitoring import Rebuilt
from windsock.contracts.release import Release, open_bundle, write_bundle
from windsock.contracts.step import Step
from windsock.contracts.verdict import Verdict

BOUND = '{ limit = %s, origin = "this test" }'
USE_CASE = f"""
name = "stalls"
question = "Will this stall sell out?"
owner = "market"
[request]
key = ["stall", "opens_at"]
event_time = "opens_at"
lead_time_minutes = 60
[request.fields]
stall = "integer"
opens_at = "timestamp"
[tables.sales]
key = ["stall", "opens_at"]
event_time = "opens_at"
created_time = "known_at"
[label]
column = "sold_out"
table = "sales"
mature_after_hours = 24
[views.stall_record]
fresh_for_s = 3600
[costs]
currency = "EUR"
act_positive = 4.0
act_negative = 2.0
skip_positive = 10.0
skip_negative = 0.0
[gates]
time_zone = "UTC"
[gates.tables.sales]
max_quarantined_share = {BOUND % 0.1}
volume = {{ low = {BOUND % 0.5}, high = {BOUND % 1.5}, missing_hours = {BOUND % 3} }}
nulls = {{ day = {BOUND % 0.1}, window = {BOUND % 0.1} }}
[split]
evaluation_days = 28
calibration_days = 28
training_days = 90
[training]
seed = 7
[evaluation]
auc_floor = {BOUND % 0.6}
calibration_error = {BOUND % 0.12}
cost_margin = {BOUND % 0.02}
[drift]
bootstrap_windows = 300
history_days = 28
joint_rows = 300
dated_by = "event"
"""
FEATURES = 6
COLUMNS = tuple(f"f{index}" for index in range(FEATURES))
WEIGHTS = np.asarray([1.0, 0.5, 0.0, 0.0, 0.0, 0.0])
MADE = datetime(2024, 5, 1, tzinfo=UTC)
AS_OF = MADE + timedelta(days=29)
DAYS, A_DAY = 112, 200
THRESHOLD = 0.25
OTHER = f"sha256:{'0' * 64}"


def save_model(path: Path) -> None:
    """A logistic regression as ONNX: probability of 0 and of 1."""
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "w"], ["z"]),
            helper.make_node("Add", ["z", "b"], ["logit"]),
            helper.make_node("Sigmoid", ["logit"], ["one"]),
            helper.make_node("Sub", ["unit", "one"], ["zero"]),
            helper.make_node("Concat", ["zero", "one"], ["probabilities"], axis=1),
        ],
        "stalls",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, FEATURES])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2])],
        [
            helper.make_tensor("w", TensorProto.FLOAT, [FEATURES, 1], WEIGHTS),
            helper.make_tensor("b", TensorProto.FLOAT, [1], [-1.0]),
            helper.make_tensor("unit", TensorProto.FLOAT, [1], [1.0]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, path)


def probability(rows: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-(np.nan_to_num(rows) @ WEIGHTS - 1.0)))


def run_step(name: str, inputs: dict[str, Path], out: Path, outputs: tuple[str, ...], as_of: datetime | None) -> None:
    """Runs a step of this folder as Kubeflow would; one that knows of no time is told none."""
    executor_input = {
        "inputs": {
            "artifacts": {name: {"artifacts": [{"uri": str(path)}]} for name, path in inputs.items()},
            "parameterValues": {"as_of": as_of.isoformat()} if as_of else {},
        },
        "outputs": {
            "artifacts": {name: {"artifacts": [{"name": name, "uri": str(out / name)}]} for name in outputs},
            "outputFile": str(out / "executor_output.json"),
        },
    }
    step = Step(name, executor_input, {})
    import_module(f"windsock.drift.{name}").run(step)
    step.finish()


@dataclass
class Stalls:
    """Answers of 28 days, which a test may change before it runs the step; with `weekdays` the last column is that."""

    root: Path
    seed: int = 1
    weekdays: bool = False
    runs: int = 0
    rows: np.ndarray = field(init=False)
    label: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        random = np.random.default_rng(self.seed)
        self.history = random.normal(size=(DAYS * A_DAY, FEATURES)).astype(np.float32)
        self.history_label = (random.random(len(self.history)) < probability(self.history)).astype(np.int8)
        self.random = random
        self.rows = random.normal(size=(28 * A_DAY, FEATURES)).astype(np.float32)
        self.label = (random.random(len(self.rows)) < probability(self.rows)).astype(float)
        if self.weekdays:
            self.history[:, -1] = np.arange(len(self.history)) // A_DAY % 7
            self.rows[:, -1] = np.arange(len(self.rows)) // A_DAY % 7
        self.by_rules = np.zeros(len(self.rows), dtype=bool)
        self.by_another = np.zeros(len(self.rows), dtype=bool)
        self.rebuilt = Rebuilt(len(self.rows), dict.fromkeys(COLUMNS, 0))
        self.state = ["labelled"] * len(self.rows)
        self.use_case = self._use_case()
        self.release = self._release()
        self.training_set = self._training_set()

    @property
    def recent(self) -> np.ndarray:
        """The answers of the last 15 days: all that the last two windows of each family hold, mature or not."""
        return np.arange(len(self.rows)) >= 13 * A_DAY

    def relabel(self) -> None:
        """Outcomes as the model expects them, for the rows as they now are."""
        self.label = (self.random.random(len(self.rows)) < probability(self.rows)).astype(float)

    def _use_case(self) -> Path:
        path = self.root / "use_case"
        with new_artifact(path, "use_case", Origin("pack")) as directory:
            (directory / "use_case.toml").write_text(USE_CASE)
            rules = "def probability(request):\n    return 0.2 + 0.1 * (request['stall'] % 2)\n"
            (directory / "fallback.py").write_text(rules)
        return path

    def _release(self) -> Path:
        path = self.root / "release"
        promise = {"auc": 0.73, "brier": 0.19, "cost_per_1000": 2500.0}
        score = probability(self.history)
        acted, came = score >= THRESHOLD, self.history_label == 1
        cost = np.where(acted, np.where(came, 4.0, 2.0), np.where(came, 10.0, 0.0))
        order = np.argsort(np.argsort(score))[came].sum()
        promise["cost_per_1000"] = float(cost.mean()) * 1000
        promise["auc"] = float((order - came.sum() * (came.sum() - 1) / 2) / (came.sum() * (~came).sum()))
        save_model(self.root / "model.onnx")
        with new_artifact(path, "release", Origin("register_model")) as directory:
            release = Release("stalls-1", "model", THRESHOLD, COLUMNS, MADE.isoformat(), promise)
            write_bundle(directory, release, self.use_case, self.root / "model.onnx")
        return path

    def _training_set(self) -> Path:
        path = self.root / "training_set"
        first = MADE - timedelta(days=DAYS)
        times = [first + timedelta(days=index // A_DAY, minutes=index % A_DAY) for index in range(len(self.history))]
        stamp = pa.timestamp("us", tz="UTC")
        columns = {name: pa.array(self.history[:, index]) for index, name in enumerate(COLUMNS)}
        columns |= {"stall": pa.array(range(len(times)), pa.int64()), "opens_at": pa.array(times, stamp)}
        with new_artifact(path, "training_set", Origin("build_training_set")) as directory:
            pq.write_table(pa.table({**columns, "sold_out": pa.array(self.history_label)}), directory / "rows.parquet")
        return path

    def _scored_rows(self) -> list:
        return [[] if by_rules else row for row, by_rules in zip(self.rows, self.by_rules)]

    def _releases(self, digest: str) -> list[str]:
        return [OTHER if another else digest for another in self.by_another[: len(self.rows)]]

    def _assigned(self, digest: str) -> list[str]:
        return self._releases(digest)

    def _labelled(self) -> Path:
        path = self.root / f"labelled-{self.runs}"
        digest = open_bundle(self.release).digest
        times = [MADE + timedelta(days=1 + index // A_DAY, minutes=index % A_DAY) for index in range(len(self.rows))]
        score, stamp, count = probability(self.rows), pa.timestamp("us", tz="UTC"), len(times)
        table = {
            "event_time": pa.array(times, stamp),
            "release": self._releases(digest),
            "assigned_release": self._assigned(digest),
            "answered_by": np.where(self.by_rules, "rules", "model"),
            "probability": score,
            "decision": score >= THRESHOLD,
            "row": pa.array(self._scored_rows(), pa.list_(pa.float32())),
            "counts": [True] * count,
            "state": self.state,
            "label": pa.array([None if math.isnan(value) else int(value) for value in self.label], pa.int8()),
            "request__stall": pa.array(range(count), pa.int64()),
            "request__opens_at": pa.array(times, stamp),
        }
        with new_artifact(path, "labelled", Origin("join_labels")) as directory:
            pq.write_table(pa.table(table), directory / "rows.parquet")
        return path

    def profile(self, name: str = "profile") -> Path:
        """The reference, worked out by its own step."""
        inputs = {"use_case": self.use_case, "release": self.release, "training_set": self.training_set}
        if not (self.root / name).exists():
            run_step("profile_reference", inputs, self.root / name, ("reference",), None)
        return self.root / name / "reference"

    def run(self, as_of: datetime = AS_OF):
        """The verdict and what it asks for; the page is kept in `report`."""
        self.runs += 1
        out = self.root / f"out-{self.runs}"
        inputs = {
            "use_case": self.use_case,
            "release": self.release,
            "labelled": self._labelled(),
            "reference": self.profile(),
            "rebuilt": keep_artifact(self.root / "rebuilt", "rebuilt", Origin("rebuild_rows"), self.rebuilt.write).path,
        }
        run_step("detect_drift", inputs, out, ("verdict", "report", "metrics"), as_of)
        self.report = (out / "report").read_text()
        self.metrics = json.loads((out / "metrics").read_text())
        artifact = open_artifact(out / "verdict", "verdict")
        self.digest = artifact.digest
        return Verdict.read(artifact.path), artifact.details["ask"]
