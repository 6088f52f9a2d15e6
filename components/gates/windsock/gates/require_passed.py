"""`require_passed`: stops the run unless a gate's verdict is passed, or every reason against it is signed off."""

from dataclasses import asdict
from typing import Any

from windsock.contracts.clock import format_time
from windsock.contracts.errors import InputError, Refused
from windsock.contracts.files import write_json
from windsock.contracts.step import Step
from windsock.contracts.verdict import Verdict
from windsock.gates.overrides import Decision, decide, parse_overrides, refusal

FILE = "passed.json"


def run(step: Step) -> None:
    """Writes the artifact `passed`, or raises `Refused` with the reasons in one line."""
    artifact = step.artifact("verdict")
    if artifact.origin.as_of != format_time(step.as_of):
        raise InputError("verdict", f"one as of {artifact.origin.as_of}", f"one as of {format_time(step.as_of)}")
    verdict = Verdict.read(artifact.path)
    decision = decide(verdict, parse_overrides(str(step.parameter("override"))), step.as_of)
    if not decision.passed:
        raise Refused(refusal(verdict, decision))
    content = record(verdict, decision)
    details = {"gate": verdict.gate, "verdict": verdict.outcome.value, "overrides": content["lifted"]}
    with step.output("passed", "passed", details) as directory:
        write_json(directory / FILE, {**content, "verdict_digest": artifact.digest, "as_of": format_time(step.as_of)})


def record(verdict: Verdict, decision: Decision) -> dict[str, Any]:
    """What is kept of a decision: the verdict as it was, and each finding that somebody let through, signed."""
    return {
        "gate": verdict.gate,
        "outcome": verdict.outcome.value,
        "lifted": [{**asdict(entry), "finding": finding.message} for finding, entry in decision.lifted],
        "expired": [asdict(entry) for entry in decision.expired],
        "unneeded": [asdict(entry) for entry in decision.unneeded],
    }
