"""Who is compared on the held-out rows: the candidate, what is in production, the rules, and the first model."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from windsock.contracts.errors import InputError
from windsock.contracts.files import read_json, write_json
from windsock.contracts.release import FILE, MODEL, Bundle, Release, load_use_case_module
from windsock.contracts.settings import parse
from windsock.contracts.use_case_code import load_module
from windsock.model.rows import Floats, Rows
from windsock.model.scorer import Scorer

FIRST = "first"
DERIVE = "derive.py"
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


def first(bundle: Bundle, own: Path, rows: Rows) -> Contender | None:
    """The first model, never retrained, as production's bundle keeps it; None where production is it, or has none."""
    place = bundle.artifact.path / FIRST
    if not place.is_dir():
        return None
    release = parse(Release, read_json(place / FILE, FILE), FIRST)
    features = derived(place / DERIVE, release.columns, own, rows, "the first model")
    return Contender("the first model", Scorer(place / MODEL).probability(features), release.threshold)


def keep_first(bundle: Bundle, directory: Path) -> None:
    """Hands the first model on to the release that may follow: production's own first one, else production itself."""
    kept = bundle.artifact.path / FIRST
    if kept.is_dir():
        shutil.copytree(kept, directory / FIRST)
    elif bundle.release.answers_with == "model":
        (directory / FIRST).mkdir()
        shutil.copyfile(bundle.model, directory / FIRST / MODEL)
        shutil.copyfile(bundle.use_case / DERIVE, directory / FIRST / DERIVE)
        write_json(directory / FIRST / FILE, {**_plain(bundle.release), "promise": {}})


def hand_on_first(kept: Path, directory: Path) -> None:
    """Puts the first model that evaluation kept into a new bundle; before the second model there is none."""
    if kept.is_dir():
        shutil.copytree(kept, directory / FIRST)


def _plain(release: Release) -> dict[str, Any]:
    return dict(vars(replace(release, columns=tuple(release.columns))))


def changed_definitions(bundle: Bundle, own: Path) -> list[str]:
    """Feature and label definitions that differ between production and the candidate."""
    names = set()
    for pattern in DEFINITIONS:
        for directory in (bundle.use_case, own):
            names |= {path.relative_to(directory).as_posix() for path in directory.glob(pattern)}
    return sorted(name for name in names if _content(bundle.use_case / name) != _content(own / name))


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None
