"""The held-out rows in parts: nobody's part may be sacrificed for a better mean."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from windsock.contracts.bound import Bound
from windsock.contracts.verdict import Finding, Outcome
from windsock.model import measure, policy
from windsock.model.checks import FEWEST_OF_A_CLASS, MINIMUM_DAYS, Trial
from windsock.model.measure import THOUSAND
from windsock.model.policy import Estimate


@dataclass(frozen=True)
class Slice:
    """One value of one field on the held-out rows, candidate against production; costs per 1,000 rows."""

    column: str
    value: str
    rows: int
    observed: float
    candidate_auc: float
    production_auc: float
    production_cost: float
    cost_difference: Estimate
    auc_loss: Estimate
    calibration_gap: Estimate

    @property
    def name(self) -> str:
        """The slice as checks name it."""
        return f"{self.column}={self.value}"


def measured(trial: Trial) -> tuple[list[Slice], dict[str, list[str]]]:
    """Every slice that is large enough, and by field the values that are not.

    Many slices are looked at, so each is judged at the confidence that keeps all of them together at the one asked for
    (Bonferroni, three checks a slice).
    """
    settings = trial.use_case.evaluation.slices
    if settings is None:
        return [], {}
    large: list[tuple[str, str, NDArray[np.bool_]]] = []
    small: dict[str, list[str]] = {}
    for column in settings.columns:
        texts = np.array(trial.rows.texts(column))
        for value in sorted(set(texts.tolist())):
            mask = texts == value
            if _judgeable(trial, mask, settings.minimum_rows):
                large.append((column, value, mask))
            else:
                small.setdefault(column, []).append(value)
    doubt = (1 - trial.use_case.evaluation.confidence) / max(1, 3 * len(large))
    return [_measure(trial, column, value, mask, 1 - doubt) for column, value, mask in large], small


def _judgeable(trial: Trial, mask: NDArray[np.bool_], minimum_rows: int) -> bool:
    positives, rows = int(trial.label[mask].sum()), int(mask.sum())
    both = min(positives, rows - positives) >= FEWEST_OF_A_CLASS
    return rows >= minimum_rows and both and trial.days.where(mask).present() >= MINIMUM_DAYS.limit


def _measure(trial: Trial, column: str, value: str, mask: NDArray[np.bool_], confidence: float) -> Slice:
    days, label, production = trial.days.where(mask, confidence), trial.label[mask], trial.others[0]
    ours, theirs = trial.candidate.score[mask], production.score[mask]
    cost, production_cost = trial.costs(trial.candidate)[mask], trial.costs(production)[mask]
    return Slice(
        column=column,
        value=value,
        rows=int(mask.sum()),
        observed=float(label.mean()),
        candidate_auc=measure.auc(ours, label),
        production_auc=measure.auc(theirs, label),
        production_cost=float(production_cost.mean()) * THOUSAND,
        cost_difference=days.mean(cost - production_cost, THOUSAND),
        auc_loss=measure.auc_difference(days, ours, theirs, label),
        calibration_gap=days.mean(ours - label),
    )


def findings(trial: Trial, found: list[Slice], small: dict[str, list[str]]) -> Iterator[Finding]:
    """Three findings a slice, and one that lists what was too small to judge."""
    settings = trial.use_case.evaluation.slices
    if settings is None:
        return
    for part in found:
        margin = settings.cost_margin
        dearest = Bound(margin.limit * part.production_cost, f"{margin.limit:.1%} of its cost: {margin.origin}")
        rule = trial.rule(f"slice/cost/{part.name}", dearest)
        yield policy.no_harm(rule, part.cost_difference, f"{trial.unit} against production where {part.name}")
        rule = trial.rule(f"slice/auc/{part.name}", settings.auc_margin)
        yield policy.no_harm(rule, part.auc_loss, f"AUC lost against production where {part.name}")
        rule = trial.rule(f"slice/calibration/{part.name}", settings.calibration_gap)
        yield policy.no_gap(rule, part.calibration_gap, f"mean forecast less observed rate where {part.name}")
    for column, values in small.items():
        message = (
            f"{len(values)} too small to judge alone (fewer than {settings.minimum_rows} rows): {', '.join(values)}"
        )
        yield Finding(f"slice/small/{column}", Outcome.PASSED, message, threshold=float(settings.minimum_rows))
