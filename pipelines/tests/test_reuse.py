"""A result is reused for the same program, parameters and bytes, and for nothing else."""

import json

import pytest
from windsock.contracts.artifact import Origin, new_artifact, open_artifact

from pipelines.runners.reuse import keep, restore, reuse_key


def sealed(path, content):
    with new_artifact(path, "thing", Origin(step="test")) as directory:
        (directory / "content.txt").write_text(content)
    return path


def executor_input(path, **parameters):
    artifact = {"artifacts": [{"uri": str(path)}]}
    return {"inputs": {"artifacts": {"data": artifact}, "parameterValues": parameters}}


def test_the_key_follows_code_step_parameters_and_bytes(tmp_path):
    one, other = sealed(tmp_path / "one", "1"), sealed(tmp_path / "other", "2")
    same = sealed(tmp_path / "same", "1")
    key = reuse_key("code", "train", executor_input(one, as_of="2013-07-01"))
    assert key == reuse_key("code", "train", executor_input(same, as_of="2013-07-01"))
    others = [
        reuse_key("other code", "train", executor_input(one, as_of="2013-07-01")),
        reuse_key("code", "other step", executor_input(one, as_of="2013-07-01")),
        reuse_key("code", "train", executor_input(one, as_of="2013-07-02")),
        reuse_key("code", "train", executor_input(other, as_of="2013-07-01")),
    ]
    assert key not in others
    assert len(set(others)) == len(others)


def test_an_input_that_is_no_artifact_makes_a_result_unfit_for_reuse(tmp_path):
    (tmp_path / "landing").mkdir()
    assert reuse_key("code", "ingest", executor_input(tmp_path / "landing")) is None


@pytest.fixture
def finished_task(tmp_path):
    root = tmp_path / "run-1" / "train"
    sealed(root / "model", "weights")
    (root / "log.txt").write_text("chatter")
    output = {"artifacts": {"model": {"artifacts": [{"uri": str(root / "model")}]}}}
    (root / "executor_output.json").write_text(json.dumps(output))
    return root


def test_a_kept_result_comes_back_whole_at_its_new_place(tmp_path, finished_task):
    keep(tmp_path / "reuse", "key", finished_task)
    new_root = tmp_path / "run-2" / "train"
    assert restore(tmp_path / "reuse", "key", new_root)
    assert open_artifact(new_root / "model").digest == open_artifact(finished_task / "model").digest
    output = json.loads((new_root / "executor_output.json").read_text())
    assert output["artifacts"]["model"]["artifacts"][0]["uri"] == str(new_root / "model")
    assert not (new_root / "log.txt").exists()


def test_a_kept_result_that_was_changed_is_thrown_away(tmp_path, finished_task):
    keep(tmp_path / "reuse", "key", finished_task)
    kept = tmp_path / "reuse" / "key" / "model" / "content.txt"
    kept.unlink()
    kept.write_text("other weights")
    assert not restore(tmp_path / "reuse", "key", tmp_path / "run-2" / "train")
    assert not (tmp_path / "reuse" / "key").exists()
    assert not restore(tmp_path / "reuse", "never kept", tmp_path / "run-3" / "train")
