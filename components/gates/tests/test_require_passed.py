import json
from pathlib import Path
from typing import Any

import pytest
from shop import AS_OF, run_step
from windsock.contracts.artifact import Origin, new_artifact, open_artifact
from windsock.contracts.verdict import Finding, Outcome, judge

SIGNED = {"check": "validate_data/volume/orders/low", "who": "J. Doe", "why": "strike", "until": "2020-04-15"}


def require(work: Path, outcome: Outcome, override: str = "", as_of: str = AS_OF) -> int:
    findings = [Finding("keys/orders", Outcome.PASSED, "unique"), Finding("volume/orders/low", outcome, "few rows")]
    with new_artifact(work / "verdict", "verdict", Origin("validate_data", AS_OF)) as directory:
        judge("validate_data", findings).write(directory)
    values = {"as_of": as_of, "override": override}
    return run_step("require_passed", work, {"verdict": work / "verdict"}, ("passed",), values)


def passed(work: Path) -> dict[str, Any]:
    artifact = open_artifact(work / "passed", "passed")
    return {
        "details": dict(artifact.details),
        "origin": artifact.origin,
        **json.loads((artifact.path / "passed.json").read_text()),
    }


def test_a_passed_verdict_passes(tmp_path: Path) -> None:
    assert require(tmp_path, Outcome.PASSED) == 0
    content = passed(tmp_path)
    assert (content["gate"], content["outcome"], content["lifted"]) == ("validate_data", "passed", [])
    assert (
        content["origin"].inputs["verdict"] == open_artifact(tmp_path / "verdict").digest == content["verdict_digest"]
    )


@pytest.mark.parametrize("outcome", [Outcome.REFUSED, Outcome.INCONCLUSIVE])
def test_anything_else_stops_the_run(outcome: Outcome, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert require(tmp_path, outcome) == 3
    line = capsys.readouterr().err.splitlines()[-1]
    assert line == f"refused: validate_data stopped the run for 1 reason: volume/orders/low ({outcome.value}): few rows"
    assert not (tmp_path / "passed").exists()


def test_a_signature_is_recorded_where_it_was_used(tmp_path: Path) -> None:
    assert require(tmp_path, Outcome.REFUSED, json.dumps([SIGNED])) == 0
    content = passed(tmp_path)
    assert content["outcome"] == "refused"
    assert content["lifted"] == [{**SIGNED, "finding": "few rows"}]
    assert content["details"]["overrides"] == content["lifted"]
    assert json.loads(content["origin"].parameters["override"]) == [SIGNED]


@pytest.mark.parametrize(
    "override, code",
    [
        (json.dumps([{**SIGNED, "until": "2020-03-31"}]), 3),
        (json.dumps([{**SIGNED, "check": "evaluate_model/cost"}]), 3),
        (json.dumps([{**SIGNED, "check": "validate_data/keys/orders"}]), 3),
        (json.dumps([{**SIGNED, "check": "validate_data/volume"}]), 2),
        (json.dumps([{**SIGNED, "who": ""}]), 2),
        (json.dumps({"gates": "off"}), 2),
        ("off", 2),
    ],
)
def test_nothing_less_lifts_a_finding(override: str, code: int, tmp_path: Path) -> None:
    assert require(tmp_path, Outcome.REFUSED, override) == code
    assert not (tmp_path / "passed").exists()


def test_a_verdict_of_another_time_is_no_verdict(tmp_path: Path) -> None:
    assert require(tmp_path, Outcome.PASSED, as_of="2020-05-01T00:00:00Z") == 2
