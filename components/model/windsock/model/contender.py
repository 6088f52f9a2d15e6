"""Who is compared on the held-out rows: the candidate, what is in production, the rules, and the first model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from windsock.contracts.errors import InputError
from windsock.contracts.release import MODEL, Bundle, load_use_case_module
from windsock.contracts.use_case_code import load_module
from windsock.model import first
from windsock.model.layout import DERIVE
from windsock.model.rows import Floats, Rows
from windsock.model.scorer import Scorer

# What gives a feature or a label its meaning. Where production's differs, ours are not what it had.
DEFINITIONS = ("views/*.sql", "features.py", "labels.sql")


@dataclass(frozen=True)
class Contender:
    """One way to decide: its probability for every held-out row, and the threshold from which it acts."""

    name: str
    score: NDArray[np.float64]
    threshold: float

    @property
    def acted(self) -> NDArray[np.bool_]:
        """The decision on every row."""
        return self.score >= self.threshold


class KnownFeatures(Mapping[str, object]):
    """The features of one row, which answers for a feature that the training set does not hold with an error."""

    def __init__(self, values: Mapping[str, object], whose: str) -> None:
        self._values, self._whose = values, whose

    def __getitem__(self, name: str) -> object:
        if name not in self._values:
            raise InputError("training set", name, f"a raw column, since {self._whose} derives its inputs from it")
        return self._values[name]

    def __iter__(self) -> Any:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def derived(path: Path, columns: Sequence[str], own: Path, rows: Rows, whose: str) -> Floats:
    """A model's inputs as its own `derive.py` makes them of the raw features.

    Where that file is the same as the training set's, the training set's columns are its answer already.

    Raises:
        InputError: the training set lacks a raw feature that this `derive.py` reads.
    """
    if path.read_bytes() == own.read_bytes():
        return rows.matrix(columns)
    derive = load_module(path, f"windsock_derive_of_{whose.replace(' ', '_')}").derive
    requests, features = rows.requests(), rows.features()
    derive(requests[0], KnownFeatures(features[0], whose))
    values = [derive(request, known) for request, known in zip(requests, features)]
    if len(values[0]) != len(columns):
        raise InputError(f"derive.py of {whose}", len(values[0]), f"{len(columns)} values, one a column")
    return np.array(values, dtype=np.float32)


def rules(fallback: Any, rows: Rows, threshold: float, name: str) -> Contender:
    """The rules, from the request alone."""
    scores = np.array([fallback.probability(request) for request in rows.requests()], dtype=np.float64)
    return Contender(name, scores, threshold)


def production(bundle: Bundle, own: Path, rows: Rows) -> Contender:
    """The release in production, whatever it answers with."""
    release = bundle.release
    if release.answers_with == "rules":
        return rules(load_use_case_module(bundle, "fallback"), rows, release.threshold, "production (the rules)")
    features = derived(bundle.use_case / DERIVE, release.columns, own, rows, "production")
    return Contender("production", Scorer(bundle.model).probability(features), release.threshold)


def first_model(bundle: Bundle, own: Path, rows: Rows) -> Contender | None:
    """The first model, as production's bundle carries it; None where production is it, or has none."""
    found = first.read(bundle)
    if found is None:
        return None
    release, place = found
    features = derived(place / DERIVE, release.columns, own, rows, "the first model")
    return Contender("the first model", Scorer(place / MODEL).probability(features), release.threshold)


def changed_definitions(bundle: Bundle, own: Path) -> list[str]:
    """Feature and label definitions that differ between production and the candidate."""
    names = set()
    for pattern in DEFINITIONS:
        for directory in (bundle.use_case, own):
            names |= {path.relative_to(directory).as_posix() for path in directory.glob(pattern)}
    return sorted(name for name in names if _content(bundle.use_case / name) != _content(own / name))


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None
