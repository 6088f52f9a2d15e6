"""Cuts the labelled time: training, calibration, evaluation; nobody learns from what was not yet known."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from windsock.contracts.clock import format_time
from windsock.contracts.use_case import UseCase

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Windows:
    """Four moments on the axis of the time at which a question is asked.

    Training is [training_from, calibration_from), calibration is [calibration_from, evaluation_from), evaluation is
    [evaluation_from, end).
    """

    training_from: datetime
    calibration_from: datetime
    evaluation_from: datetime
    end: datetime

    def to_json(self) -> dict[str, str]:
        """The moments as text."""
        return {name: format_time(getattr(self, name)) for name in self.__dataclass_fields__}


@dataclass(frozen=True)
class Parts:
    """Which row belongs where, as masks over all rows, and how many were left out and why."""

    training: NDArray[np.bool_]
    calibration: NDArray[np.bool_]
    evaluation: NDArray[np.bool_]
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


def cut(windows: Windows, asked_at: NDArray[np.int64], known_at: NDArray[np.int64]) -> Parts:
    """Puts every row where its question's time belongs; both times in microseconds since 1970.

    A row of training whose outcome became known only after calibration had begun is purged, and so is a row of
    calibration whose outcome became known after evaluation had begun: at that moment nobody could have learned from it.
    """
    training_from, calibration_from, evaluation_from, end = (
        (moment - EPOCH) // timedelta(microseconds=1)
        for moment in (windows.training_from, windows.calibration_from, windows.evaluation_from, windows.end)
    )
    in_training = (asked_at >= training_from) & (asked_at < calibration_from)
    in_calibration = (asked_at >= calibration_from) & (asked_at < evaluation_from)
    training = in_training & (known_at <= calibration_from)
    calibration = in_calibration & (known_at <= evaluation_from)
    left_out = {
        "too_old": int((asked_at < training_from).sum()),
        "too_new": int((asked_at >= end).sum()),
        "purged_from_training": int((in_training & ~training).sum()),
        "purged_from_calibration": int((in_calibration & ~calibration).sum()),
    }
    return Parts(training, calibration, (asked_at >= evaluation_from) & (asked_at < end), left_out)
