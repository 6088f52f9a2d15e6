"""The step `profile_reference`: all that monitoring needs of a release's own training set, worked out once.

It reads no clock and no answer: the same release and training set give the same bytes, so its result is reused.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from windsock.contracts.artifact import Artifact
from windsock.contracts.errors import InputError
from windsock.contracts.files import write_text
from windsock.contracts.log import log
from windsock.contracts.release import KIND, Bundle, load_use_case_module, open_bundle
from windsock.contracts.step import Step
from windsock.contracts.use_case import UseCase, load_use_case
from windsock.drift import policy
from windsock.drift.bins import Numbers
from windsock.drift.calibrate import Plan
from windsock.drift.joint import clean_distances
from windsock.drift.measures import Wins
from windsock.drift.monitor import day_codes
from windsock.drift.rows import History, read_history
from windsock.drift.scorer import score

FILE = "reference.npz"
NOTHING = "This release answers by rules: it has learned from nothing.\n"


@dataclass(frozen=True)
class Profile:
    """The history with the release's scores of it, how these rank it, and what a classifier makes of clean windows."""

    history: History
    scores: Numbers
    wins: Wins
    clean_distances: Sequence[float]

    @classmethod
    def of(cls, use_case: UseCase, bundle: Bundle, training_set: Path) -> Self:
        """Works it out.

        Raises:
            InputError: the training set misses a column of the release.
        """
        rules = load_use_case_module(bundle, "fallback").probability
        history = read_history(training_set, use_case, bundle.release.columns, rules)
        scores = score(bundle.model, history.rows)
        codes, day_count = day_codes(history)
        rate = Plan.of(use_case.drift).rate(policy.part_of_budget(use_case.drift.alarms_a_month))
        clean = clean_distances(history.rows, codes, use_case.drift, rate, use_case.training.seed)
        return cls(history, scores, Wins.of(scores, history.label, codes, day_count), clean)

    def write(self, path: Path) -> None:
        """Writes plain arrays."""
        one, wins = self.history, self.wins
        arrays: dict[str, Any] = {"days": one.days, "rows": one.rows, "label": one.label, "rules_act": one.rules_act}
        arrays |= {"scores": self.scores, "clean": np.asarray(self.clean_distances)}
        arrays |= {"wins": wins.wins, "events": wins.events, "others": wins.others}
        np.savez(path / FILE, **arrays)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Reads what `write` wrote. Arrays of objects, which could run code, are refused.

        Raises:
            InputError: it is no such file.
        """
        try:
            with np.load(path / FILE, allow_pickle=False) as held:
                history = History(held["days"], held["rows"], held["label"], held["rules_act"])
                wins = Wins(held["wins"], held["events"], held["others"])
                return cls(history, held["scores"], wins, held["clean"].tolist())
        except (OSError, EOFError, ValueError, KeyError) as error:
            raise InputError("reference", str(path / FILE), f"what profile_reference writes ({error})") from error


def made_for(reference: Artifact, bundle: Bundle) -> None:
    """Holds a reference against the release that it is to speak for.

    Raises:
        InputError: it was made of another release.
    """
    made_of = reference.origin.inputs.get("release", "")
    if made_of != bundle.digest:
        raise InputError("reference", made_of, f"one that was made of {bundle.digest}")


def run(step: Step) -> None:
    """Writes `reference`."""
    use_case = load_use_case(step.artifact("use_case", "use_case").path)
    bundle = open_bundle(step.artifact("release", KIND).path)
    training_set = step.artifact("training_set", "training_set")
    details = {"rows": 0}
    with step.output("reference", "reference", details) as directory:
        if bundle.release.answers_with == "model":
            profile = Profile.of(use_case, bundle, training_set.path)
            profile.write(directory)
            details["rows"] = len(profile.scores)
        else:
            write_text(directory / "README.txt", NOTHING)
    log("reference_profiled", **details)
