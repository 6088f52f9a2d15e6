"""What the online store is asked: for each feature view its table, keys and features, as plain data."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from windsock.contracts.errors import InputError
from windsock.contracts.use_case import Request, View

# Feast's ValueType numbers (feast/types/Value.proto): which type a key or a feature has in the store.
STRING, INT32, INT64, DOUBLE, FLOAT, BOOL, UNIX_TIMESTAMP = 2, 3, 4, 5, 6, 7, 8
KEY_TYPES = {"string": (STRING,), "integer": (INT32, INT64), "timestamp": (UNIX_TIMESTAMP,), "number": ()}
FEATURE_TYPES = (STRING, INT32, INT64, DOUBLE, FLOAT, BOOL, UNIX_TIMESTAMP)
KEY_ENCODING = 3


@dataclass(frozen=True)
class ViewPlan:
    """One feature view: `keys` maps its join keys, sorted, and `features` its features, to Feast's types."""

    name: str
    keys: dict[str, int]
    features: dict[str, int]


@dataclass(frozen=True)
class Plan:
    """All views that a release reads, in the order of its settings."""

    project: str
    views: tuple[ViewPlan, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain data for `from_json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Reads what `to_json` gave."""
        views = tuple(ViewPlan(view["name"], dict(view["keys"]), dict(view["features"])) for view in value["views"])
        return cls(value["project"], views)


def check_plan(plan: Plan, request: Request, views: Mapping[str, View]) -> None:
    """Every view has its settings and the other way round, and every key is a field of the request, of its type.

    Raises:
        InputError: names the view and what does not fit.
    """
    found = {view.name for view in plan.views}
    for name in views.keys() - found:
        raise InputError(f"views.{name}", name, f"one of the feature views of features.py: {', '.join(sorted(found))}")
    for view in plan.views:
        for key, kind in view.keys.items():
            field = request.fields.get(key)
            if field is None or kind not in KEY_TYPES[field]:
                raise InputError(
                    f"feature view {view.name}, key {key}", field, f"a request field of Feast's type {kind}"
                )
        for feature, kind in view.features.items():
            if kind not in FEATURE_TYPES:
                raise InputError(f"feature view {view.name}, {feature}", kind, f"one of Feast's types {FEATURE_TYPES}")
