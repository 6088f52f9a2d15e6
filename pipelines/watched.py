"""What a monitoring run is given of before, and what becomes of what it says."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from windsock.contracts.artifact import Artifact, Origin, keep_artifact
from windsock.contracts.clock import parse_time
from windsock.contracts.errors import InputError
from windsock.contracts.files import write_text
from windsock.contracts.monitoring import Decision, Known, Raised
from windsock.contracts.release import Bundle
from windsock.contracts.use_case import UseCase

from pipelines.delivery import address_of, deliver, say_alerts
from pipelines.ledger import Kind, Ledger, known, watched
from pipelines.runners.venv import StepResult
from pipelines.summary import say

TRAINING_SET = "training_set"
ORIGIN = Origin(step="before_monitoring")


def keep_known(place: Path, before: Known) -> Artifact:
    """What was known before a run, as the artifact that its steps are given."""
    return keep_artifact(place, "known", ORIGIN, before.write)


def training_set_digest(bundle: Bundle) -> str:
    """The digest of the training set that a release was made from; empty where the rules answer."""
    if bundle.release.answers_with == "rules":
        return ""
    digest = bundle.artifact.origin.inputs.get(TRAINING_SET, "")
    if not digest:
        raise InputError("release", bundle.digest, "a manifest that names its training set")
    return digest


def no_training_set(place: Path) -> Artifact:
    """What stands in for the training set of a release that learned from none."""
    words = "This release answers by rules: there is no training set.\n"
    return keep_artifact(place, TRAINING_SET, ORIGIN, lambda directory: write_text(directory / "README.txt", words))


def conclude(results: Sequence[StepResult], ledger: Ledger, place: Path, use_case: UseCase) -> str:
    """Notes what a run says, delivers its alerts, and tells of its request in a line.

    A run that looks back, before a time that was watched already, is noted and changes nothing: its alerts are not
    delivered and its request is not made.
    """
    steps = {result.name: result for result in results}
    raised = Raised.read(steps["raise_alerts"].path("alerts"))
    decision = Decision.read(steps["request_retraining"].path("request"))
    entries = ledger.entries()
    last = watched(entries)
    before = known(entries).alerts
    back = last is not None and parse_time(raised.as_of, "as_of") < parse_time(last.as_of, "as_of")
    details: dict[str, Any] = {
        "release": raised.release,
        "run": steps["raise_alerts"].task_root.parent.name,
        "raised": asdict(raised),
        "why": decision.why,
        "request": asdict(decision.request) if decision.request and not back else None,
        "back": back,
    }
    ledger.append(Kind.WATCHED, raised.as_of, details)
    say()
    if back and last is not None:
        return f"retraining: a look back, since {last.as_of} was watched already: nothing is delivered or asked for"
    say_alerts(raised.alerts, before)
    deliver(ledger, use_case.alerts, place, address_of(use_case.alerts))
    if decision.request:
        return f"retraining: request {decision.request.request_id}, {decision.why}; `make retrain` takes it"
    return f"retraining: none asked for, {decision.why}"
