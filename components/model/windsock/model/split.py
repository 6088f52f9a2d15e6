"""Cuts the labelled time: training, calibration, evaluation; nobody learns from what was not yet known."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from windsock.contracts.clock import format_time
from windsock.contracts.use_case import UseCase

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Windows:
    """Four moments on the axis of the time at which a question is asked.

    The model learns from [training_from, evaluation_from), of which [calibration_from, evaluation_from) also calibrates
    it; it is judged on [evaluation_from, end).
    """

    training_from: datetime
    calibration_from: datetime
    evaluation_from: datetime
    end: datetime

    def to_json(self) -> dict[str, str]:
        """The moments as text."""
        return {name: format_time(getattr(self, name)) for name in self.__dataclass_fields__}


@dataclass(frozen=True)
class Fold:
    """One part of calibration: the rows that a model learns from, and the later ones that it then scores."""

    learned: Mask
    scored: Mask


@dataclass(frozen=True)
class Parts:
    """Which row belongs where, as masks over all rows, and how many were left out and why."""

    training: Mask
    folds: tuple[Fold, ...]
    evaluation: Mask
    left_out: Mapping[str, int]


def windows_at(use_case: UseCase, as_of: datetime) -> Windows:
    """The windows that end when the last question was asked whose outcome must be known by `as_of`.

    Later questions are left out even where an outcome is there: what is known early is not like the rest (a
    cancellation is reported before an arrival is).
    """
    split, request = use_case.split, use_case.request
    end = as_of - timedelta(hours=use_case.label.mature_after_hours) - timedelta(minutes=request.lead_time_minutes)
    evaluation_from = end - timedelta(days=split.evaluation_days)
    calibration_from = evaluation_from - timedelta(days=split.calibration_days)
    return Windows(calibration_from - timedelta(days=split.training_days), calibration_from, evaluation_from, end)


def cut(windows: Windows, folds: int, asked_at: NDArray[np.int64], known_at: NDArray[np.int64]) -> Parts:
    """Puts every row where its question's time belongs; both times in microseconds since 1970.

    A row is purged wherever its outcome became known only after the time to be judged had begun: at that moment nobody
    could have learned from it.
    """
    training_from, calibration_from, evaluation_from, end = map(_microseconds, vars(windows).values())
    before_evaluation = (asked_at >= training_from) & (asked_at < evaluation_from)
    training = before_evaluation & (known_at <= evaluation_from)
    starts = np.linspace(calibration_from, evaluation_from, folds + 1).astype(np.int64)
    parts = tuple(
        Fold(
            learned=(asked_at >= training_from) & (asked_at < start) & (known_at <= start),
            scored=training & (asked_at >= start) & (asked_at < stop),
        )
        for start, stop in pairwise(starts)
    )
    left_out = {
        "too_old": int((asked_at < training_from).sum()),
        "too_new": int((asked_at >= end).sum()),
        "purged": int((before_evaluation & ~training).sum()),
    }
    return Parts(training, parts, (asked_at >= evaluation_from) & (asked_at < end), left_out)


def _microseconds(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)
