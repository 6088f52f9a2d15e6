"""The release's mistakes as a stream of days: Alibi's online detector of Fisher's exact test says when it got worse.

A row a step would not do. Rows of one day share its luck, which a test of rows takes for drift, and at a row a step the
rate of false alarms that is allowed wants more simulated streams than a step has time for. So a step is a day, and what
the detector sees is whether the day was a bad one: worse than four fifths of the release's own days. Mistakes count as
the loss above what the scores expect, since a change of features alone makes more mistakes of the plain kind.

Ross, Tasoulis and Adams, Sequential monitoring of a Bernoulli sequence when the pre-change parameter is unknown,
Computational Statistics 28 (2013).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from windsock.drift.alibi import LONGEST_RUN, alarms_of_streams
from windsock.drift.bins import Codes, Numbers
from windsock.drift.calibrate import Flags, Plan, SelfTest, exact_interval
from windsock.drift.measures import DayMeans

BAD_SHARE = 0.2
SHORT_WINDOW = 2
# What is learnt from fewer days alarms up to three times too often.
FEWEST_BLOCKS = 4
FOLDS = 5
# Fisher's test takes longer the more days it is held against, and half a year is enough of them.
MOST_DAYS = 182


@dataclass(frozen=True)
class Usual:
    """The days that the release was made of: their mean loss, how days and single rows vary, where bad days begin.

    A day's standing is its distance from `mean` in the standard deviations of a day with so many rows, so that a day of
    few rows is not bad more often than one of many.
    """

    mean: float
    between: float
    within: float
    bad_from: float
    bad: Flags

    @classmethod
    def of(cls, days: DayMeans) -> "Usual":
        """From the history, of which the first column is the loss."""
        mean, within = float(days.sums[:, 0].sum() / days.rows.sum()), float(days.spread()[0])
        apart = (days.sums[:, 0] / days.rows - mean) ** 2 - within / days.rows
        usual = cls(mean, max(0.0, float(apart.mean())), within, 0.0, np.zeros(0, dtype=bool))
        standing = usual.standing(days, mean)
        bad_from = float(np.quantile(standing, 1 - BAD_SHARE))
        return cls(mean, usual.between, within, bad_from, standing > bad_from)

    def standing(self, days: DayMeans, mean: float) -> Numbers:
        """Of days with rows, how far each lies above a mean."""
        return np.asarray(
            (days.sums[:, 0] / days.rows - mean) / np.sqrt(np.maximum(self.between + self.within / days.rows, 1e-18))
        )


@dataclass(frozen=True)
class Online:
    """What the detector said: codes of days of alarm, of bad days, of all days with rows; `base` is the usual loss."""

    alarms: Sequence[int]
    bad: Sequence[int]
    days: Sequence[int]
    base: float
    test: SelfTest

    @property
    def kept(self) -> bool:
        """Whether the self-test saw no more alarms than the budget allows so many windows, rounded up to whole ones.

        Other families are trusted unless something shows the contrary beyond doubt. This detector takes days for
        independent; where they are not it alarms about twice as often, which few windows cannot prove.
        """
        return round(self.test.rate * self.test.stretches) <= math.ceil(self.test.budget * self.test.stretches)

    def since(self, end: int, window_days: int) -> int | None:
        """The first of the alarms that followed each other within a window until the end; None without one."""
        first, later = None, end
        for day in reversed(self.alarms):
            if later - day > window_days:
                break
            first = later = day
        return first


def unable(history_days: int, plan: Plan, run_length: float) -> str:
    """Why the detector cannot be set up; empty where it can."""
    fewest = FEWEST_BLOCKS * plan.stretch_days
    if history_days < fewest:
        return f"too few days in the release's history: {history_days} of {fewest}"
    if run_length > LONGEST_RUN:
        return f"one alarm in {run_length:,.0f} days cannot be solved for: at most {LONGEST_RUN:,.0f}"
    return ""


def taken(days: DayMeans, inside: Codes) -> DayMeans:
    """Some of the days."""
    return DayMeans(days.sums[inside], days.squares[inside], days.rows[inside])


def watch_days(
    history: DayMeans, production: DayMeans, base: float, plan: Plan, run_length: float, seed: int
) -> Online:
    """Runs the detector over the days of production in order, an alarm being expected in `run_length` clean days.

    Days are held against the history's mean or `base`, whichever is worse: what held-out days have lost already is no
    news.
    """
    history = taken(history, np.arange(max(0, len(history.rows) - MOST_DAYS), len(history.rows)))
    usual, days = Usual.of(history), np.flatnonzero(production.rows)
    base = max(base, usual.mean)
    bad = usual.standing(taken(production, days), base) > usual.bad_from
    (alarms,) = alarms_of_streams(usual.bad, [bad], run_length, windows_of(plan), seed)
    test = self_test(history, plan, run_length, seed)
    return Online([int(days[index]) for index in alarms], days[bad].tolist(), days.tolist(), base, test)


def windows_of(plan: Plan) -> list[int]:
    """Days that the detector looks back: two for what is gross, and as many as other alarms look at for the rest."""
    return sorted({min(SHORT_WINDOW, plan.stretch_days), plan.window_days, plan.stretch_days})


def self_test(history: DayMeans, plan: Plan, run_length: float, seed: int) -> SelfTest:
    """Learns from all blocks of the history but a fifth, and counts the windows with an alarm in those left out."""
    blocks = np.arange(len(history.rows)) // plan.stretch_days
    whole = len(history.rows) // plan.stretch_days
    alarms, windows = 0, 0
    for fold in range(min(FOLDS, whole)):
        left_out = [block for block in range(whole) if block % FOLDS == fold]
        usual = Usual.of(taken(history, np.flatnonzero(~np.isin(blocks, left_out))))
        parts = [taken(history, np.flatnonzero(blocks == block)) for block in left_out]
        streams = [usual.standing(days, usual.mean) > usual.bad_from for days in parts]
        found = alarms_of_streams(usual.bad, streams, run_length, windows_of(plan), seed)
        alarms += sum(len({day // plan.window_days for day in stream}) for stream in found)
        windows += len(streams) * plan.persistence
    return SelfTest(alarms / windows, exact_interval(alarms, windows), windows, plan.window_days / run_length)
