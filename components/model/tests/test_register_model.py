"""Registration: only what passed, a whole bundle first, and one version in MLflow however often it runs."""

import pytest
from mlflow import MlflowClient
from orders_world import register
from windsock.contracts.artifact import open_artifact
from windsock.contracts.errors import InputError
from windsock.contracts.release import open_bundle


def client(world):
    uri = f"sqlite:///{world.root / 'mlflow.db'}"
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def test_a_release_is_a_whole_bundle(registered, model, use_case):
    bundle = open_bundle(registered.path)
    assert bundle.release.answers_with == "model"
    assert bundle.release.columns == ("load", "queue", "north")
    assert bundle.release.threshold == 0.25
    assert bundle.model.read_bytes() == (model.path / "model.onnx").read_bytes()
    assert (bundle.use_case / "derive.py").read_bytes() == (use_case.path / "derive.py").read_bytes()
    promise = bundle.release.promise
    assert {"auc", "brier", "cost_per_1000", "decision_share", "score_q01", "score_q99"} <= set(promise)
    inputs = registered.origin.inputs
    assert set(inputs) == {"use_case", "training_set", "model", "verdict", "passed"}


def test_the_bundle_holds_no_trained_model_that_needs_building(registered):
    assert {path.suffix for path in registered.path.rglob("*") if path.is_file()} <= {
        ".json",
        ".onnx",
        ".py",
        ".sql",
        ".toml",
    }


def test_mlflow_leads_from_version_to_digests_and_commit(world, registered):
    (version,) = client(world).search_model_versions(f"tags.`windsock.release` = '{registered.digest}'")
    run = client(world).get_run(version.run_id)
    assert run.data.tags["windsock.commit"] == "c0ffee"
    assert run.data.tags["windsock.training_set"] == registered.origin.inputs["training_set"]
    assert run.data.params["max_iter"] == "40.0"
    assert run.data.metrics["auc"] == pytest.approx(open_bundle(registered.path).release.promise["auc"])
    assert run.info.status == "FINISHED"


def test_running_again_makes_the_same_release_and_no_second_version(world, inputs, verdict, registered):
    again = register(world, "registered-again", inputs, verdict)
    assert again.digest == registered.digest
    tag = f"tags.`windsock.release` = '{registered.digest}'"
    assert len(client(world).search_model_versions(tag)) == 1
    experiment = client(world).get_experiment_by_name("orders")
    assert len(client(world).search_runs([experiment.experiment_id], tag)) == 1


def test_a_broken_off_entry_is_completed_not_doubled(world, inputs, verdict, registered):
    tag = f"tags.`windsock.release` = '{registered.digest}'"
    (version,) = client(world).search_model_versions(tag)
    client(world).delete_model_version("orders", version.version)
    register(world, "registered-after-break", inputs, verdict)
    experiment = client(world).get_experiment_by_name("orders")
    assert len(client(world).search_runs([experiment.experiment_id], tag)) == 1
    assert len(client(world).search_model_versions(tag)) == 1


@pytest.mark.parametrize("wrong", ["verdict-of-another-model", "model-of-another-set", "passed-of-another-verdict"])
def test_proof_of_something_else_is_no_proof(world, inputs, verdict, model, wrong):
    given = {name: inputs[name] for name in ("use_case", "training_set", "model")}
    origin, other = dict(verdict.origin.inputs), "sha256:" + "0" * 64
    if wrong == "verdict-of-another-model":
        verdict = world.sealed(f"v-{wrong}", "verdict", verdict, {**origin, "model": other})
    if wrong == "model-of-another-set":
        given["model"] = world.sealed(f"m-{wrong}", "model", model, {**model.origin.inputs, "training_set": other})
    sealed_for = other if wrong == "passed-of-another-verdict" else verdict.digest
    passed = world.sealed(f"p-{wrong}", "passed", None, {"verdict": sealed_for})
    everything = {**given, "verdict": verdict, "passed": passed}
    uri = f"sqlite:///{world.root / f'{wrong}.db'}"
    with pytest.raises(InputError, match="of this run"):
        world.run("register_model", wrong, everything, tracking_uri=uri, commit="")
    assert not (world.root / wrong / "release").exists()
    assert not (world.root / f"{wrong}.db").exists()


def test_an_address_that_mlflow_does_not_know_leaves_the_whole_bundle_and_one_line(world, inputs, verdict, registered):
    given = {name: inputs[name] for name in ("use_case", "training_set", "model")}
    passed = world.sealed("passed-nowhere", "passed", None, {"verdict": verdict.digest})
    everything = {**given, "verdict": verdict, "passed": passed}
    with pytest.raises(InputError, match="tracking_uri"):
        world.run("register_model", "nowhere", everything, tracking_uri="nowhere://x", commit="")
    assert open_artifact(world.root / "nowhere" / "release").digest == registered.digest
