"""Which answers of a release count while it shares its days with another: an equal part of each day's questions.

A canary gives a release a tenth of one day and all of the next. A window of such days would hold mostly the last of
them, with their weekday and their weather, and that is no drift. A day on which nothing was asked has no part in it.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from windsock.drift.bins import Codes
from windsock.drift.frame import Frame


@dataclass(frozen=True)
class Asked:
    """How many questions each day had, whichever release answered: `days` since 1970, rising, and their `counts`."""

    days: Codes
    counts: Codes

    @classmethod
    def of(cls, days: Codes) -> Self:
        """Counts the days of all answers."""
        return cls(*np.unique(days, return_counts=True))

    def inside(self, frame: Frame) -> Codes:
        """The counts of a frame's days."""
        counts = np.zeros(frame.days, dtype=np.int64)
        inside = frame.inside(self.days)
        counts[frame.codes(self.days[inside])] = self.counts[inside]
        return counts


def equal_parts(days: Codes, asked: Codes, frame: Frame) -> NDArray[np.bool_]:
    """Which of a release's answers count, so that in each window every day counts by the same part of its questions.

    `days` are the answers' days as codes of the frame, `asked` the questions of each day of it. The part is the
    smallest that the release had on a day of the window: none of them count where it had none on one of its days.
    """
    given = np.bincount(days, minlength=frame.days)
    part = np.where(asked > 0, given / np.maximum(asked, 1), np.inf)
    smallest = np.repeat(part.reshape(frame.count, -1).min(axis=1), frame.window_days)
    with np.errstate(invalid="ignore", divide="ignore"):
        kept = np.nan_to_num(smallest / part, nan=0.0)[days]
    order = np.argsort(days, kind="stable")
    place = np.empty(len(days))
    place[order] = np.arange(len(days)) - np.repeat(given.cumsum() - given, given)
    # Evenly through the day: the k-th answer counts where the part of k is a whole one more than before.
    return np.asarray(np.floor((place + 1) * kept) > np.floor(place * kept))
