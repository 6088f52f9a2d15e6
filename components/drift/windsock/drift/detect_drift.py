"""The step `detect_drift`: has the world moved away from a release, and does it do harm?"""

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta

import numpy as np
from windsock.contracts.clock import format_time, parse_time
from windsock.contracts.errors import InputError
from windsock.contracts.log import log
from windsock.contracts.monitoring import Rebuilt
from windsock.contracts.release import KIND, Bundle, load_use_case_module, open_bundle
from windsock.contracts.step import Step
from windsock.contracts.use_case import UseCase, load_use_case
from windsock.contracts.verdict import Finding, Outcome, Verdict, judge
from windsock.drift import policy
from windsock.drift.calibrate import exact_interval
from windsock.drift.monitor import Subject, Watched, watch
from windsock.drift.page import drift_page
from windsock.drift.profile_reference import Profile, made_for
from windsock.drift.rows import read_answers

GATE = "drift"


def run(step: Step) -> None:
    """Writes `verdict`, `report` and `metrics`."""
    use_case = load_use_case(step.artifact("use_case", "use_case").path)
    bundle = open_bundle(step.path("release"))
    step.artifact("release", KIND)
    labelled, reference = step.artifact("labelled", "labelled"), step.artifact("reference", "reference")
    rebuilt = Rebuilt.read(step.artifact("rebuilt", "rebuilt").path)
    columns = bundle.release.columns
    rules = load_use_case_module(bundle, "fallback").probability
    answers = read_answers(labelled.path, use_case, bundle.digest, columns, rules)
    if bundle.release.answers_with == "model":
        made_for(reference, bundle)
        profile = Profile.read(reference.path)
        watched = watch(subject_of(use_case, bundle, profile), profile.history, answers, step.as_of)
        watched.findings += skew_of(rebuilt, use_case)
    else:
        message = "this release answers by its rules: there is no model to watch, and nothing was promised"
        watched = Watched(findings=[Finding("answers/model", Outcome.INCONCLUSIVE, message, owner=use_case.owner)])
    verdict = judge(GATE, watched.findings)
    asks = policy.ask(verdict.findings)
    details = {"outcome": verdict.outcome.value, "ask": asks.value, "release": bundle.digest, "answers": len(answers)}
    with step.output("verdict", "verdict", details) as directory:
        verdict.write(directory)
    facts = {"release": bundle.release.name, "digest": bundle.digest, "as_of": format_time(step.as_of)}
    step.report("report", drift_page(verdict, asks, watched, use_case, bundle.release.promise, facts, len(answers)))
    step.metrics("metrics", {**_metrics(verdict, watched), "ask": asks.value})
    log("drift", **details, reasons=[finding.check for finding in verdict.reasons])


def skew_of(rebuilt: Rebuilt, use_case: UseCase) -> list[Finding]:
    """A finding for each column of the rows that were rebuilt; none where there was nothing to rebuild."""
    if not rebuilt.rows:
        return []
    floors = (use_case.drift.floors.skew, use_case.drift.minimum_rows)
    return [
        policy.judge_skew(column, count, exact_interval(count, rebuilt.rows), rebuilt, floors, use_case.owner)
        for column, count in rebuilt.differing.items()
    ]


def subject_of(use_case: UseCase, bundle: Bundle, profile: Profile) -> Subject:
    """The release with its scores of the history.

    Raises:
        InputError: the release does not say when it was made, or its training set holds no day.
    """
    if not bundle.release.as_of:
        raise InputError("release.as_of", bundle.release.as_of, "the time that the model was trained as of")
    made = parse_time(bundle.release.as_of, "release.as_of")
    held_out_from = made - timedelta(days=use_case.split.evaluation_days, hours=use_case.label.mature_after_hours)
    first = int(held_out_from.timestamp() // 86_400)
    return Subject(
        use_case=use_case,
        columns=bundle.release.columns,
        threshold=bundle.release.threshold,
        promise=bundle.release.promise,
        scores=profile.scores,
        wins=profile.wins,
        clean_distances=profile.clean_distances,
        held_out=np.asarray(profile.history.days >= first, dtype=np.float64),
    )


def _metrics(verdict: Verdict, watched: Watched) -> Mapping[str, float | int | str]:
    outcomes = Counter(finding.outcome.value for finding in verdict.findings)
    found: dict[str, float | int | str] = {"outcome": verdict.outcome.value, "findings": len(verdict.findings)}
    for outcome in (Outcome.REFUSED, Outcome.INCONCLUSIVE):
        found[outcome.value] = outcomes[outcome.value]
    for name, family in watched.families.items():
        found[f"{name}_self_test_rate"] = family.test.rate
    for finding in verdict.findings:
        if finding.check.startswith(("concept/", "kpi/")) and finding.effect is not None:
            found[finding.check.replace("/", "_")] = finding.effect
    return found
