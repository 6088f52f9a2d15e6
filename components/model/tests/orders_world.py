"""A small use case that is not the shipped one: will an order be late? Real artifacts, real steps, real models."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from windsock.contracts.artifact import Artifact, Origin, new_artifact, open_artifact
from windsock.contracts.step import Step
from windsock.contracts.verdict import Verdict

AS_OF = "2024-05-01"
OUTPUTS = {
    "train_model": ("model", "metrics"),
    "evaluate_model": ("verdict", "report", "metrics"),
    "register_model": ("release",),
}
BOUND = '{ limit = %s, origin = "this test" }'
USE_CASE = f"""
name = "orders"
question = "Will this order be late?"
owner = "logistics"
[request]
key = ["order_id"]
event_time = "due_at"
lead_time_minutes = 60
[request.fields]
order_id = "integer"
region = "string"
due_at = "timestamp"
[tables.orders]
key = ["order_id"]
event_time = "due_at"
created_time = "known_at"
[label]
column = "late"
table = "orders"
mature_after_hours = 24
[views.depot]
fresh_for_s = 3600
[costs]
currency = "EUR"
act_positive = 4.0
act_negative = 2.0
skip_positive = 10.0
skip_negative = 0.0
[gates]
time_zone = "UTC"
[gates.tables.orders]
max_quarantined_share = {BOUND % 0.1}
volume = {{ low = {BOUND % 0.5}, high = {BOUND % 1.5}, missing_hours = {BOUND % 3} }}
nulls = {{ day = {BOUND % 0.1}, window = {BOUND % 0.1} }}
[split]
evaluation_days = 28
calibration_days = 28
calibration_folds = 2
training_days = 90
[training]
seed = 7
[training.parameters]
max_iter = 40
[evaluation]
minimum_rows = 500
bootstrap_samples = 400
auc_floor = {BOUND % 0.6}
auc_ceiling = {BOUND % 0.95}
calibration_error = {BOUND % 0.12}
cost_margin = {BOUND % 0.02}
[evaluation.slices]
columns = ["region"]
minimum_rows = 300
cost_margin = {BOUND % 0.1}
auc_margin = {BOUND % 0.1}
calibration_gap = {BOUND % 0.15}
"""
DERIVE = """
import math
COLUMNS = ("load", "queue", "north")
def derive(request, features):
    def number(name):
        return math.nan if features.get(name) is None else float(features[name])
    return number("depot__load"), number("depot__queue"), float(request["region"] == "north")
"""
FALLBACK = """
def probability(request):
    return 0.5 if request["region"] == "north" else 0.2
"""
ESTIMATOR = """
from sklearn.ensemble import HistGradientBoostingClassifier
def build(seed, parameters):
    return HistGradientBoostingClassifier(
        random_state=seed, early_stopping=False, learning_rate=0.1, max_leaf_nodes=8,
        max_iter=int(parameters["max_iter"]), min_samples_leaf=int(parameters.get("min_samples_leaf", 40)))
"""
VIEW = "select depot, load, queue from loads\n"
REGIONS = ("east", "north", "west", "tiny")


def orders(days: int = 100, a_day: int = 110, load_effect: float = 1.1, seed: int = 1) -> pa.Table:
    """Orders whose lateness follows the depot's load and queue, the region, and what kind of day it is."""
    random = np.random.default_rng(seed)
    count = days * a_day
    end = np.datetime64(AS_OF, "us")
    due = end - np.timedelta64(days, "D") + np.sort(random.integers(0, days * 86_400, count)).astype("timedelta64[s]")
    day = (due - due.min()).astype("timedelta64[D]").astype(int)
    region = random.choice(4, count, p=(0.4, 0.3, 0.29, 0.01))
    load, queue = random.normal(size=(2, count))
    odds = -1.1 + load_effect * load + 0.6 * queue + 0.5 * (region == 1) + random.normal(0, 0.4, days + 1)[day]
    late = random.random(count) < 1 / (1 + np.exp(-odds))
    known = due + random.integers(1, 20, count).astype("timedelta64[h]")
    raw = {"depot__load": load, "depot__queue": np.where(random.random(count) < 0.05, np.nan, queue)}
    columns = {
        "order_id": pa.array(np.arange(count)),
        "region": pa.array([REGIONS[index] for index in region]),
        "due_at": pa.array(due, pa.timestamp("us")).cast(pa.timestamp("us", tz="UTC")),
        "event_timestamp": pa.array(due - np.timedelta64(1, "h"), pa.timestamp("us")).cast(
            pa.timestamp("us", tz="UTC")
        ),
        "label_known_at": pa.array(known.astype("datetime64[us]"), pa.timestamp("us")).cast(
            pa.timestamp("us", tz="UTC")
        ),
        "load": pa.array(load.astype(np.float32)),
        "queue": pa.array(raw["depot__queue"].astype(np.float32)),
        "north": pa.array((region == 1).astype(np.float32)),
        "late": pa.array(late.astype(np.int8)),
    }
    table = pa.table({**columns, **{name: pa.array(values, from_pandas=True) for name, values in raw.items()}})
    return table.filter(pa.array(known <= end))


def replaced(table: pa.Table, name: str, values: np.ndarray) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, pa.array(values))


@dataclass(frozen=True)
class World:
    """A place for artifacts, and the steps that make them."""

    root: Path

    def use_case(self, name: str, **files: str) -> Artifact:
        """A packed use case; `files` replaces parts by their stem."""
        parts = {"use_case": USE_CASE, "derive": DERIVE, "fallback": FALLBACK, "estimator": ESTIMATOR, "view": VIEW}
        parts |= files
        path = self.root / name
        with new_artifact(path, "use_case", Origin("pack")) as directory:
            (directory / "views").mkdir()
            (directory / "views" / "depot.sql").write_text(parts.pop("view"))
            for stem, text in parts.items():
                (directory / f"{stem}{'.toml' if stem == 'use_case' else '.py'}").write_text(text)
        return open_artifact(path)

    def training_set(self, name: str, use_case: Artifact, table: pa.Table, raw: bool = True) -> Artifact:
        path = self.root / name
        origin = Origin("build_training_set", inputs={"use_case": use_case.digest})
        with new_artifact(path, "training_set", origin) as directory:
            kept = [column for column in table.column_names if "__" not in column]
            pq.write_table(table.select(kept), directory / "rows.parquet")
            if raw:
                names = [column for column in table.column_names if "__" in column]
                pq.write_table(table.select(names), directory / "features.parquet")
        return open_artifact(path)

    def sealed(self, name: str, kind: str, like: Artifact | None, inputs: Mapping[str, str]) -> Artifact:
        """An artifact with another's bytes but an origin of our choice, as a careless or hostile hand might make."""
        path = self.root / name
        with new_artifact(path, kind, Origin("forged", inputs=dict(inputs))) as directory:
            if like is None:
                (directory / "passed.json").write_text("{}")
            else:
                shutil.copytree(like.path, directory, dirs_exist_ok=True, ignore=shutil.ignore_patterns("manifest.*"))
        return open_artifact(path)

    def executor_input(self, step: str, out: str, inputs: Mapping[str, Artifact], parameters: Mapping[str, str]) -> str:
        (self.root / out).mkdir(exist_ok=True)
        artifacts = {name: {"artifacts": [{"uri": str(artifact.path)}]} for name, artifact in inputs.items()}
        made = {name: {"artifacts": [{"name": name, "uri": str(self.root / out / name)}]} for name in OUTPUTS[step]}
        return json.dumps(
            {
                "inputs": {"artifacts": artifacts, "parameterValues": {"as_of": AS_OF, **parameters}},
                "outputs": {"artifacts": made, "outputFile": str(self.root / out / "output.json")},
            }
        )

    def run(self, step: str, out: str, inputs: Mapping[str, Artifact], **parameters: str) -> Path:
        """Runs a step in this process and returns where its outputs are."""
        given = json.loads(self.executor_input(step, out, inputs, parameters))
        running = Step(step, given, {})
        import_module(f"windsock.model.{step}").run(running)
        running.finish()
        return self.root / out

    def train(self, out: str, use_case: Artifact, training_set: Artifact) -> Artifact:
        made = self.run("train_model", out, {"use_case": use_case, "training_set": training_set})
        return open_artifact(made / "model", "model")

    def judge(self, out: str, inputs: Mapping[str, Artifact]) -> Verdict:
        return Verdict.read(self.run("evaluate_model", out, inputs) / "verdict")


def register(world: World, out: str, inputs: Mapping[str, Artifact], verdict: Artifact) -> Artifact:
    passed = world.sealed(f"{out}-passed", "passed", None, {"verdict": verdict.digest})
    given = {name: inputs[name] for name in ("use_case", "training_set", "model")}
    uri = f"sqlite:///{world.root / 'mlflow.db'}"
    made = world.run(
        "register_model", out, {**given, "verdict": verdict, "passed": passed}, tracking_uri=uri, commit="c0ffee"
    )
    return open_artifact(made / "release", "release")
