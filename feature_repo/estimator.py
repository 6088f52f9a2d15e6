"""The model of the flights use case: gradient-boosted trees on numbers, which take missing values as they are."""

from collections.abc import Mapping

from sklearn.ensemble import HistGradientBoostingClassifier

WHOLE = ("max_iter", "max_leaf_nodes", "min_samples_leaf")
FRACTIONAL = ("learning_rate", "l2_regularization")


def build(seed: int, parameters: Mapping[str, float]) -> HistGradientBoostingClassifier:
    """An unfitted classifier for float32 columns; `parameters` are `[training.parameters]`, all of them required.

    Early stopping is off: it would hold back random rows, and a row of the same stormy day is no check.
    """
    if set(parameters) != {*WHOLE, *FRACTIONAL}:
        raise ValueError(f"parameters are {sorted(parameters)}, not {sorted({*WHOLE, *FRACTIONAL})}")
    chosen = {name: int(parameters[name]) for name in WHOLE} | {name: parameters[name] for name in FRACTIONAL}
    return HistGradientBoostingClassifier(early_stopping=False, random_state=seed, **chosen)
