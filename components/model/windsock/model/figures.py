"""Figures that are shown and promised, and decide nothing: the release's promise, and what the model looks at."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from windsock.model import measure
from windsock.model.checks import Trial
from windsock.model.measure import THOUSAND
from windsock.model.rows import Floats
from windsock.model.scorer import Scorer

QUANTILES = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
SAMPLE_ROWS = 4000


def measured(trial: Trial) -> dict[str, float]:
    """The candidate's held-out figures and everybody's cost per 1,000 rows: what a release promises."""
    score, label = trial.candidate.score, trial.label
    promised = {
        "rows": float(len(label)),
        "days": float(trial.days.present()),
        "positive_share": float(label.mean()),
        "decision_share": float(trial.candidate.acted.mean()),
        "auc": measure.auc(score, label) if 0 < label.sum() < len(label) else 0.5,
        "brier": measure.brier(score, label),
        "score_mean": float(score.mean()),
        "cost_per_1000": float(trial.costs(trial.candidate).mean()) * THOUSAND,
    }
    for name, other in zip(_names(trial), trial.others):
        promised[f"{name}_cost_per_1000"] = float(trial.costs(other).mean()) * THOUSAND
    for quantile in QUANTILES:
        promised[f"score_q{round(quantile * 100):02d}"] = float(np.quantile(score, quantile))
    return promised


def _names(trial: Trial) -> list[str]:
    return ["production", *(other.name.replace(" ", "_") for other in trial.others[1:])]


def importances(
    scorer: Scorer, features: Floats, label: NDArray[np.int8], columns: Sequence[str], seed: int = 0
) -> list[tuple[str, float]]:
    """How much ranking is lost when one column is shuffled, on a sample of rows; the largest first.

    Columns that say the same share what they are worth, so a small figure does not mean that a column is useless.
    """
    random = np.random.default_rng(seed)
    chosen = random.choice(len(features), size=min(SAMPLE_ROWS, len(features)), replace=False)
    sample, outcome = features[chosen], label[chosen]
    if not 0 < outcome.sum() < len(outcome):
        return []
    whole = measure.auc(scorer.probability(sample), outcome)
    losses = []
    for index, name in enumerate(columns):
        shuffled = sample.copy()
        shuffled[:, index] = random.permutation(shuffled[:, index])
        losses.append((name, whole - measure.auc(scorer.probability(shuffled), outcome)))
    return sorted(losses, key=lambda pair: -pair[1])
