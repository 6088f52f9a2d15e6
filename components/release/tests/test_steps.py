"""The steps and the console, from their command lines, where there is no traffic to split."""

import json

import pytest
from simulated import COSTS
from windsock.contracts.artifact import Origin, new_artifact
from windsock.contracts.release import Release, open_bundle, write_bundle
from windsock.contracts.step import main as step_main
from windsock.release.console import main as console

USE_CASE = f"""
name = "trains"
question = "Will it be late?"
owner = "nobody"
[request]
key = ["train", "leaves_at"]
event_time = "leaves_at"
lead_time_minutes = 10
[request.fields]
train = "integer"
leaves_at = "timestamp"
[tables.runs]
key = ["train", "leaves_at"]
event_time = "leaves_at"
created_time = "known_at"
[label]
column = "late"
table = "runs"
mature_after_hours = 1
[views]
[costs]
currency = "EUR"
act_positive = {COSTS.act_positive}
act_negative = {COSTS.act_negative}
skip_positive = {COSTS.skip_positive}
skip_negative = {COSTS.skip_negative}
[gates]
time_zone = "UTC"
[gates.tables.runs]
max_quarantined_share = {{ limit = 0.01, origin = "x" }}
volume.low = {{ limit = 0.5, origin = "x" }}
volume.high = {{ limit = 1.5, origin = "x" }}
volume.missing_hours = {{ limit = 1, origin = "x" }}
nulls.day = {{ limit = 0.05, origin = "x" }}
nulls.window = {{ limit = 0.02, origin = "x" }}
[split]
evaluation_days = 1
calibration_days = 1
training_days = 1
[training]
seed = 1
[evaluation]
auc_floor = {{ limit = 0.5, origin = "x" }}
calibration_error = {{ limit = 0.5, origin = "x" }}
cost_margin = {{ limit = 0.5, origin = "x" }}
"""
STEPS = {step: f"windsock.release.{step}:run" for step in ("deploy_canary", "judge_canary", "advance", "roll_back")}


@pytest.fixture
def place(tmp_path):
    """A use case and a bundle, sealed, and an empty history."""
    with new_artifact(tmp_path / "use_case", "use_case", Origin("test")) as directory:
        (directory / "use_case.toml").write_text(USE_CASE)
        (directory / "fallback.py").write_text("def probability(request):\n    return 0.1\n")
    with new_artifact(tmp_path / "bundle", "release", Origin("test")) as directory:
        write_bundle(directory, Release("trains", "rules", 0.3), tmp_path / "use_case")
    return tmp_path


def run_step(place, step, outputs=("turn",), **parameters):
    """Runs a step as a pipeline does; returns its exit code and where its outputs went."""
    named = {"history": str(place / "history"), "traffic": f"none:{place / 'traffic'}", "records": "", "labels": "",
             "as_of": "2013-07-01", **parameters}  # fmt: skip
    into = place / "out" / f"{step}-{len(list(place.glob('out/*')))}"
    inputs = {name: {"artifacts": [{"uri": str(place / folder)}]}
              for name, folder in (("use_case", "use_case"), ("release", "bundle"))}  # fmt: skip
    artifacts = {name: {"artifacts": [{"name": name, "uri": str(into / name)}]} for name in outputs}
    executor_input = {
        "inputs": {"artifacts": inputs, "parameterValues": named},
        "outputs": {"artifacts": artifacts, "outputFile": str(into / "output.json")},
    }
    return step_main("release", STEPS, [step, json.dumps(executor_input)]), into


def turn(into):
    return json.loads((into / "turn" / "turn.json").read_text())


def test_a_release_is_started_advanced_and_rolled_back_by_steps(place, capsys):
    digest = open_bundle(place / "bundle").digest
    code, into = run_step(place, "deploy_canary", serving="sha256:old")
    assert code == 0, capsys.readouterr().err
    assert turn(into)["weights"] == {"sha256:old": 0, digest: 100}
    for _ in range(3):
        code, into = run_step(place, "advance")
        assert code == 0
    assert turn(into)["phase"] == "idle"
    assert turn(into)["weights"] == {digest: 100}
    code, into = run_step(place, "roll_back", to="", reason="a drill")
    assert turn(into)["weights"] == {"sha256:old": 100}


def test_a_judgement_without_evidence_is_inconclusive_and_changes_nothing(place):
    run_step(place, "deploy_canary", serving="sha256:old")
    before = sorted(path.name for path in (place / "history").iterdir())
    code, into = run_step(place, "judge_canary", outputs=("verdict", "report"))
    assert code == 0
    assert json.loads((into / "verdict" / "verdict.json").read_text())["outcome"] == "inconclusive"
    assert "inconclusive" in (into / "report").read_text()
    assert sorted(path.name for path in (place / "history").iterdir()) == before


def test_a_mistake_is_one_line(place, capsys):
    code, _ = run_step(place, "roll_back", to="", reason="nothing was before")
    assert code == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert run_step(place, "advance", traffic="carrier:pigeon")[0] == 2


def test_the_console_tells_and_writes_the_page(place, capsys):
    def typed(verb, *more):
        common = ["--use-case", str(place / "use_case"), "--history", str(place / "history")]
        return console([verb, *common, "--traffic", f"none:{place / 'traffic'}", *more])

    assert typed("start", "--serving", "old", "--candidate", "new") == 0
    assert typed("run", "--report", str(place / "report.html")) == 0
    assert "settled" in (place / "report.html").read_text()
    assert typed("status") == 0
    assert "in use {'new': 100}" in capsys.readouterr().out
    assert typed("rollback", "--reason", "a drill") == 0
    assert typed("decide") == 2
    assert "--bundle" in capsys.readouterr().err
