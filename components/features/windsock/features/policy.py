"""What a feature view is to the platform, and how model rows are made of requests and features: no library, no file."""

from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from windsock.contracts.errors import InputError
from windsock.contracts.use_case import View

LABEL_KNOWN_AT = "label_known_at"
REQUEST_KNOWN_AT = "request_known_at"

Derive = Callable[[Mapping[str, object], Mapping[str, object]], Sequence[float]]


@dataclass(frozen=True)
class FeatureView:
    """A feature view as `features.py` declares it: names with their SQL types, and how long a value is valid."""

    name: str
    join_keys: tuple[str, ...]
    columns: Mapping[str, str]
    ttl_s: float

    @property
    def features(self) -> tuple[str, ...]:
        """The features' names, in the order of the declaration."""
        return tuple(name for name in self.columns if name not in self.join_keys)


def check_views(declared: Mapping[str, FeatureView], settings: Mapping[str, View], fields: Iterable[str]) -> None:
    """Holds the views of `features.py` against those of `use_case.toml` and the request's fields.

    Raises:
        InputError: a view is in one place only, its validity differs, or a request cannot name its entity.
    """
    if declared.keys() != settings.keys():
        raise InputError("views of features.py", sorted(declared), f"{sorted(settings)}, as in use_case.toml")
    known = set(fields)
    for name, view in declared.items():
        if view.ttl_s != settings[name].fresh_for_s:
            raise InputError(
                f"ttl of view {name}", view.ttl_s, f"fresh_for_s of use_case.toml, {settings[name].fresh_for_s}"
            )
        for key in view.join_keys:
            if key not in known:
                raise InputError(
                    f"entity of view {name}", key, f"one of the request's fields: {', '.join(sorted(known))}"
                )


def check_columns(columns: object, taken: Iterable[str]) -> tuple[str, ...]:
    """The model's column names that `derive.py` declares.

    Raises:
        InputError: they are no tuple of different names, or one is also a field of the request.
    """
    if not isinstance(columns, tuple) or not columns or not all(isinstance(name, str) for name in columns):
        raise InputError("derive.COLUMNS", columns, "a tuple of names")
    if len(set(columns)) != len(columns) or not set(columns).isdisjoint(taken):
        raise InputError("derive.COLUMNS", columns, f"different names, none of {sorted(taken)}")
    return columns


def model_rows(
    derive: Derive, width: int, requests: Iterable[Mapping[str, Any]], features: Iterable[Mapping[str, Any]]
) -> "array[float]":
    """All model rows, one after the other, as 32-bit floats.

    Raises:
        InputError: `derive` raised, or gave something else than `width` numbers.
    """
    flat = array("f")
    for number, (request, values) in enumerate(zip(requests, features, strict=True)):
        try:
            row = derive(request, values)
            flat.extend(row)
        except Exception as error:
            raise InputError(
                f"derive.py, row {number}", f"{type(error).__name__}: {error}", f"{width} numbers for {dict(request)}"
            ) from error
        if len(row) != width:
            raise InputError(f"derive.py, row {number}", f"{len(row)} numbers", f"{width}, one for each of COLUMNS")
    return flat
