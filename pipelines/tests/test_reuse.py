"""A result is reused for the same program, parameters and bytes, and for nothing else."""

import json

import pytest
from windsock.contracts.artifact import Origin, new_artifact, open_artifact
from windsock.contracts.errors import InputError

from pipelines.runners.reuse import follow, keep, restore, reuse_key


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


@pytest.fixture
def judged_run(tmp_path):
    """A run whose step `judge` made a verdict of an artifact and of a place that is none."""
    (tmp_path / "landing").mkdir()
    data = sealed(tmp_path / "data", "rows")
    origin = Origin("judge", inputs={"data": open_artifact(data).digest}, parameters={"as_of": "2013-07-01"}, code="c")
    task = tmp_path / "validation" / "judge"
    with new_artifact(task / "verdict", "verdict", origin) as directory:
        (directory / "verdict.json").write_text("{}")
    output = {"artifacts": {"verdict": {"artifacts": [{"uri": str(task / "verdict")}]}}}
    (task / "executor_output.json").write_text(json.dumps(output))
    return tmp_path / "validation"


def asked(tmp_path, data="data", **parameters):
    """What the same step is asked in a later run."""
    given = executor_input(tmp_path / data, **{"as_of": "2013-07-01", **parameters})
    given["inputs"]["artifacts"]["landing"] = {"artifacts": [{"uri": str(tmp_path / "landing")}]}
    return {**given, "outputs": {"artifacts": {"verdict": {}, "report": {}}}}


def test_a_run_goes_on_from_an_earlier_one_where_it_would_do_the_same(tmp_path, judged_run):
    new_root = tmp_path / "monitoring" / "judge"
    assert follow(judged_run, "c", "judge", asked(tmp_path), new_root)
    assert open_artifact(new_root / "verdict").digest == open_artifact(judged_run / "judge" / "verdict").digest
    assert str(new_root) in (new_root / "executor_output.json").read_text()


@pytest.mark.parametrize(
    ("code", "step", "changed"),
    [
        ("other", "judge", {}),
        ("c", "join", {}),
        ("c", "judge", {"as_of": "2013-07-02"}),
        ("c", "judge", {"recent": True}),
        ("c", "judge", {"data": "other"}),
    ],
    ids=["program", "step", "time", "parameter", "input"],
)
def test_a_run_goes_on_from_nothing_else(tmp_path, judged_run, code, step, changed):
    sealed(tmp_path / "other", "other rows")
    assert not follow(judged_run, code, step, asked(tmp_path, **changed), tmp_path / "monitoring" / step)
    assert not (tmp_path / "monitoring").exists()


def test_an_earlier_result_that_was_changed_ends_the_run(tmp_path, judged_run):
    (judged_run / "judge" / "verdict" / "verdict.json").write_text('{"outcome": "passed"}')
    with pytest.raises(InputError, match=r"verdict\.json"):
        follow(judged_run, "c", "judge", asked(tmp_path), tmp_path / "monitoring" / "judge")
