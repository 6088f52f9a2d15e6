"""Step `evaluate_model`: judges a candidate on later time than it learned from, and never changes anything."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from windsock.contracts.artifact import Artifact
from windsock.contracts.clock import format_time
from windsock.contracts.errors import InputError
from windsock.contracts.files import read_json, write_json
from windsock.contracts.log import log
from windsock.contracts.release import Bundle, open_bundle
from windsock.contracts.step import Step
from windsock.contracts.use_case import UseCase, load_use_case
from windsock.contracts.use_case_code import load_module
from windsock.contracts.verdict import Finding, Outcome, Verdict, judge
from windsock.model import checks, contender, figures, first, learner, odd, page, slices
from windsock.model.checks import Trial
from windsock.model.contender import Contender
from windsock.model.layout import DERIVE, FACTS_FILE, MEASURED_FILE, ONNX_FILE, TRAINED_FILE
from windsock.model.measure import Days
from windsock.model.rows import ASKED_AT, KNOWN_AT, Floats, read_rows
from windsock.model.scorer import Scorer
from windsock.model.split import cut, windows_at

GATE = "model"
RULES = "the rules"
NEVER = "never acting"


@dataclass(frozen=True)
class Candidate:
    """A trained model, exported and as it was trained, with its facts."""

    artifact: Artifact
    facts: dict[str, Any]
    exported: Scorer
    trained: Any

    @property
    def columns(self) -> tuple[str, ...]:
        """The model's inputs, in order."""
        return tuple(self.facts["columns"])


def run(step: Step) -> None:
    """Reads the held-out rows, lets everybody decide on them, and writes the verdict, the report and the figures."""
    use_case_artifact = step.artifact("use_case", "use_case")
    training_set = step.artifact("training_set", "training_set")
    candidate = open_candidate(step.artifact("model", "model"))
    bundle = open_bundle(step.path("production"))
    step.artifact("production", "release")
    use_case = load_use_case(use_case_artifact.path)
    trial, features = _trial(step, use_case, candidate, bundle)
    expected = {"use_case": use_case_artifact.digest, "training_set": training_set.digest}
    expected["evaluation_from"] = format_time(windows_at(use_case, step.as_of).evaluation_from)
    findings = [*checks.lineage(candidate.facts, candidate.artifact.origin.inputs, expected), *checks.enough(trial)]
    found: list[slices.Slice] = []
    # With too few rows, days or events no figure means anything, so none is computed.
    if all(finding.outcome is Outcome.PASSED or finding.check.startswith("lineage") for finding in findings):
        found, small = slices.measured(trial)
        findings += _judged(trial, candidate, features, bundle, use_case_artifact)
        findings += slices.findings(trial, found, small)
    _write(step, judge(GATE, findings), trial, candidate, features, bundle, found)


def open_candidate(artifact: Artifact) -> Candidate:
    """Loads a verified model artifact."""
    facts = read_json(artifact.path / FACTS_FILE, FACTS_FILE)
    trained = learner.load((artifact.path / TRAINED_FILE).read_bytes())
    return Candidate(artifact, facts, Scorer(artifact.path / ONNX_FILE), trained)


def _trial(step: Step, use_case: UseCase, candidate: Candidate, bundle: Bundle) -> tuple[Trial, Floats]:
    """The held-out rows and everybody's decisions on them; the candidate's features beside them."""
    own = step.path("use_case")
    rows = read_rows(step.path("training_set"), use_case)
    windows, folds = windows_at(use_case, step.as_of), use_case.split.calibration_folds
    parts = cut(windows, folds, rows.microseconds(ASKED_AT), rows.microseconds(KNOWN_AT))
    held_out = rows.where(parts.evaluation)
    if not len(held_out):
        raise InputError("held-out rows", 0, "rows in the evaluation window; are [split] and as_of right?")
    settings, features = use_case.evaluation, held_out.matrix(candidate.columns)
    event_at = held_out.microseconds(use_case.request.event_time)
    days = Days.of(event_at, settings.bootstrap_samples, settings.confidence, use_case.training.seed)
    threshold = use_case.costs.threshold
    others = [contender.production(bundle, own / DERIVE, held_out)]
    if bundle.release.answers_with == "model":
        fallback = load_module(own / "fallback.py", "windsock_use_case_fallback")
        others.append(contender.rules(fallback, held_out, threshold, RULES))
    others.append(Contender(NEVER, np.zeros(len(held_out)), threshold))
    never_retrained = contender.first_model(bundle, own / DERIVE, held_out)
    others += [never_retrained] if never_retrained else []
    ours = Contender("the candidate", candidate.exported.probability(features), threshold)
    return Trial(use_case, held_out, held_out.label(), days, ours, others), features


def _judged(
    trial: Trial, candidate: Candidate, features: Floats, bundle: Bundle, use_case: Artifact
) -> Iterator[Finding]:
    """Every check but lineage, size and slices."""
    yield from checks.labels(trial, candidate.facts["positive_share"])
    trained = learner.probability(candidate.trained, features)
    yield from checks.export(trial, trained, _odd_scores(candidate, features))
    yield from checks.quality(trial)
    yield from checks.comparisons(trial, bundle.release.answers_with == "model")
    changed = contender.changed_definitions(bundle, use_case.path) if bundle.release.answers_with == "model" else []
    yield Finding(
        "production/definitions",
        Outcome.INCONCLUSIVE if changed else Outcome.PASSED,
        f"production had other definitions of its features or labels: {', '.join(changed)}; it was scored on ours"
        if changed
        else "production is judged on features as it defines them",
        threshold_origin="a comparison on features that production never had is no comparison",
        owner=trial.use_case.owner,
    )


def _odd_scores(candidate: Candidate, features: Floats) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Exported and trained scores of odd rows, those values left out that the trained model itself does not take."""
    taken = [rows for rows in odd.kinds_of_rows(features) if learner.takes(candidate.trained, rows)]
    rows = np.vstack(taken)
    return candidate.exported.probability(rows), learner.probability(candidate.trained, rows)


def _write(
    step: Step,
    verdict: Verdict,
    trial: Trial,
    candidate: Candidate,
    features: Floats,
    bundle: Bundle,
    found: list[slices.Slice],
) -> None:
    """The verdict with its figures, and the first model for the release that may follow; the report; the metrics."""
    figures_of = figures.measured(trial)
    with step.output("verdict", "verdict", {"outcome": verdict.outcome.value}) as directory:
        verdict.write(directory)
        write_json(directory / MEASURED_FILE, figures_of)
        first.keep(bundle, directory)
    importances = figures.importances(candidate.exported, features, trial.label, candidate.columns)
    step.report("report", page.render(verdict, trial, found, importances, candidate.facts, step.as_of))
    step.metrics("metrics", {"outcome": verdict.outcome.value, **figures_of})
    log("verdict", outcome=verdict.outcome.value, reasons=[finding.check for finding in verdict.reasons])
