"""Training: the same bytes each time, nothing that could run code on load, and clear words for bad input."""

import os
import pickle
import subprocess
import sys
import zipfile

import numpy as np
import onnxruntime
import pyarrow as pa
import pytest
import skops.io
from orders_world import ESTIMATOR, USE_CASE, orders, replaced
from sklearn.linear_model import LogisticRegression
from windsock.contracts.artifact import open_artifact
from windsock.contracts.errors import InputError
from windsock.contracts.files import read_json
from windsock.model import exporter, learner, odd
from windsock.model.scorer import Scorer
from windsock.model.split import Fold, Parts


@pytest.mark.parametrize("fits_at_once", ["1", "3"])
def test_another_process_with_other_hashes_and_threads_makes_the_same_bytes(
    world, use_case, training_set, model, fits_at_once
):
    again = f"again-{fits_at_once}"
    given = world.executor_input("train_model", again, {"use_case": use_case, "training_set": training_set}, {})
    environment = {**os.environ, "PYTHONHASHSEED": "4711", "OMP_NUM_THREADS": "2", "WINDSOCK_THREADS": fits_at_once}
    command = [sys.executable, "-m", "windsock.model", "train_model", given]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert open_artifact(world.root / again / "model").digest == model.digest


def test_the_facts_say_what_the_model_is_made_of(model):
    facts = read_json(model.path / "model.json", "facts")
    assert facts["columns"] == ["load", "queue", "north"]
    assert (facts["seed"], facts["threads"], facts["parameters"]) == (7, 1, {"max_iter": 40.0})
    assert facts["windows"]["end"] == "2024-04-29T23:00:00Z"
    assert 0 < facts["rows"]["calibration"] < facts["rows"]["training"]
    assert facts["rows"]["purged"] > 0
    assert "scikit-learn" in facts["libraries"]


def test_the_model_answers_with_one_output_of_probabilities(model):
    session = onnxruntime.InferenceSession(model.path / "model.onnx")
    assert [one.name for one in session.get_inputs()] == ["X"]
    assert [one.name for one in session.get_outputs()] == ["probabilities"]
    (probabilities,) = session.run(None, {"X": np.full((2, 3), np.nan, dtype=np.float32)})
    assert probabilities.shape == (2, 2)
    assert probabilities.sum(axis=1) == pytest.approx(1)


def test_the_exported_model_agrees_on_odd_rows(model):
    trained = learner.load((model.path / "model.skops").read_bytes())
    sample = np.random.default_rng(0).normal(size=(300, 3)).astype(np.float32)
    rows = np.vstack([sample, *odd.kinds_of_rows(sample)])
    exported = Scorer(model.path / "model.onnx").probability(rows)
    assert np.abs(exported - learner.probability(trained, rows)).max() <= 1e-5
    assert np.isnan(rows).any()
    assert np.isinf(rows).any()


def test_an_infinite_feature_is_refused_before_training(world, use_case, table):
    loads = table["load"].to_numpy().copy()
    loads[5] = np.inf
    broken = world.training_set("infinite", use_case, replaced(table, "load", loads))
    with pytest.raises(InputError, match="infinite"):
        world.train("from-infinite", use_case, broken)
    assert not (world.root / "from-infinite" / "model").exists()


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("no-label", lambda table: table.drop(["late"]), "late"),
        ("null-label", lambda table: replaced(table, "late", np.ma.array(table["late"], mask=table["north"])), "null"),
        ("two-label", lambda table: replaced(table, "late", np.full(len(table), 2, dtype=np.int8)), "labels 0 and 1"),
        ("one-class", lambda table: replaced(table, "late", np.zeros(len(table), np.int8)), "rows with the event"),
        ("no-column", lambda table: table.drop(["queue"]), "queue"),
        ("empty", lambda table: table.slice(0, 0), "at least one row"),
        ("short", lambda _: orders(days=20), "rows for"),
    ],
)  # fmt: skip
def test_a_training_set_that_cannot_teach_is_one_clear_line(world, use_case, table, name, change, message):
    with pytest.raises(InputError, match=message):
        world.train(f"from-{name}", use_case, world.training_set(name, use_case, change(table)))


def test_a_training_set_of_another_use_case_is_refused(world, training_set):
    other = world.use_case("other", use_case=USE_CASE.replace("max_iter = 40", "max_iter = 41"))
    with pytest.raises(InputError, match="use_case of the training_set"):
        world.train("from-other", other, training_set)


@pytest.mark.parametrize(
    ("name", "estimator", "message"),
    [
        ("categories", ESTIMATOR.replace("random_state=seed,", "categorical_features=[2],"), "categorical_features"),
        ("regressor", "def build(seed, parameters):\n    return object()\n", "classifier"),
        ("parameters", "def build(seed, parameters):\n    raise ValueError('no rate')\n", "no rate"),
    ],
)
def test_an_estimator_that_cannot_be_served_is_refused(world, table, name, estimator, message):
    use_case = world.use_case(f"estimator-{name}", estimator=estimator)
    training_set = world.training_set(f"set-{name}", use_case, table)
    with pytest.raises(InputError, match=message):
        world.train(f"from-{name}", use_case, training_set)


def test_a_linear_model_passes_the_same_way():
    random = np.random.default_rng(1)
    features = random.normal(size=(600, 2)).astype(np.float32)
    label = (random.random(600) < 1 / (1 + np.exp(-features[:, 0]))).astype(np.int8)
    index = np.arange(600)
    parts = Parts(index < 600, (Fold(index < 300, index >= 300),), index < 0, {})
    model = learner.fit(LogisticRegression(), features, label, parts)
    exported = exporter.export(model, 2)
    session = onnxruntime.InferenceSession(exported)
    (probabilities,) = session.run(None, {"X": features})
    assert np.abs(probabilities[:, 1] - learner.probability(model, features)).max() <= 1e-5
    assert not learner.takes(model, np.full((1, 2), np.nan, dtype=np.float32))


def test_a_trained_model_holds_no_pickle(model):
    with zipfile.ZipFile(model.path / "model.skops") as archive:
        assert {name.rpartition(".")[2] for name in archive.namelist()} <= {"json", "npy"}
        assert {entry.date_time[0] for entry in archive.infolist()} == {1980}


FOREIGN = skops.io.dumps(pa.lib.Table.from_pylist)


@pytest.mark.parametrize("content", [b"", b"PK", pickle.dumps({}), FOREIGN], ids=["empty", "cut", "pickle", "foreign"])
def test_a_file_that_is_no_trained_model_is_refused(content):
    with pytest.raises(InputError, match="trained model"):
        learner.load(content)
