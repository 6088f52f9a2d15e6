"""The pumps' model: a few small trees, fewer and smaller than the flights'."""

from collections.abc import Mapping

from sklearn.ensemble import HistGradientBoostingClassifier


def build(seed: int, parameters: Mapping[str, float]):
    """An unfitted classifier on the columns of `derive`."""
    del parameters
    return HistGradientBoostingClassifier(max_iter=60, max_leaf_nodes=8, random_state=seed)
