"""The step `request_retraining`: whether the alerts, the schedule and the requests so far ask for a new model."""

from windsock.contracts.clock import parse_time
from windsock.contracts.log import log
from windsock.contracts.monitoring import Known, Raised
from windsock.contracts.release import open_bundle
from windsock.contracts.step import Step
from windsock.contracts.use_case import load_use_case
from windsock.drift.alerts_page import decision_page
from windsock.drift.retraining import Release, decide


def run(step: Step) -> None:
    """Writes `request` and `report`; it starts nothing."""
    use_case = load_use_case(step.artifact("use_case", "use_case").path)
    step.artifact("release", "release")
    bundle = open_bundle(step.path("release"))
    raised = Raised.read(step.artifact("alerts", "alerts").path)
    known = Known.read(step.artifact("known", "known").path)
    made = bundle.release.answers_with == "model" and bundle.release.as_of
    release = Release(bundle.digest, parse_time(bundle.release.as_of, "release.as_of") if made else None)
    decision = decide(use_case.retraining, release, raised.alerts, known.requests, step.as_of)
    asked = decision.request.request_id if decision.request else ""
    with step.output("request", "request", {"asked": asked, "why": decision.why}) as directory:
        decision.write(directory)
    step.report("report", decision_page(decision, known.requests, raised, use_case.name))
    log("retraining", asked=asked, why=decision.why)
