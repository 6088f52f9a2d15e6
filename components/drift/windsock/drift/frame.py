"""How time is cut: whole UTC days, windows of so many days back from the last day that may be judged."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from windsock.drift.bins import Codes, Numbers

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
YEAR_DAYS = 365


@dataclass(frozen=True)
class Frame:
    """`count` windows of `window_days`, the last of which ends before the day `end` (days since 1970)."""

    end: int
    window_days: int
    count: int

    @classmethod
    def until(cls, time: datetime, window_days: int, history_days: int) -> "Frame":
        """As many whole windows as the history has, ending with the last day that was over at a time."""
        return cls((time - EPOCH) // timedelta(days=1), window_days, history_days // window_days)

    @property
    def days(self) -> int:
        """Days of all windows."""
        return self.window_days * self.count

    @property
    def start(self) -> int:
        """The first day."""
        return self.end - self.days

    def inside(self, days: Codes) -> NDArray[np.bool_]:
        """Which days lie in a window."""
        return np.asarray((days >= self.start) & (days < self.end))

    def codes(self, days: Codes) -> Codes:
        """Days counted from the first one."""
        return np.asarray(days - self.start, dtype=np.int64)

    def windows(self) -> Numbers:
        """The windows as weights of days, the oldest first: [windows, days]."""
        return np.kron(np.eye(self.count), np.ones(self.window_days))

    def resamples(self, samples: int, random: np.random.Generator) -> Numbers:
        """The last window with its days drawn anew, whole: [samples, days]."""
        drawn = random.multinomial(self.window_days, np.full(self.window_days, 1 / self.window_days), size=samples)
        weights = np.zeros((samples, self.days))
        weights[:, -self.window_days :] = drawn
        return weights

    def rows(self, days: Codes) -> Numbers:
        """How many rows each window has; `days` are codes."""
        return np.asarray(self.windows() @ np.bincount(days, minlength=self.days))

    def season(self, history: Codes, season_days: int) -> Numbers:
        """Which days of the history lie in the same season of an earlier year: [days, days of the history]."""
        apart = (self.start + np.arange(self.days))[:, None] - history[None, :]
        years = np.maximum(np.round(apart / YEAR_DAYS), 1)
        return np.asarray(np.abs(apart - years * YEAR_DAYS) <= season_days, dtype=np.float64)

    def names(self) -> list[str]:
        """The first day of each window."""
        return [self.day_name(index * self.window_days) for index in range(self.count)]

    def day_name(self, code: int) -> str:
        """The date of a day that is counted from the first one."""
        return (EPOCH + timedelta(days=self.start + code)).date().isoformat()
