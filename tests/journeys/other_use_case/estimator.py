"""The pumps' model: a logistic regression, to show that the platform cares for no particular kind."""

from collections.abc import Mapping

from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def build(seed: int, parameters: Mapping[str, float]):
    """An unfitted classifier on the columns of `derive`."""
    del parameters
    return make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression(random_state=seed))
