"""Each day of a window counts by the same part of its questions: tables of days."""

import numpy as np
import pytest
from windsock.drift.frame import Frame
from windsock.drift.traffic import Asked, equal_parts

FRAME = Frame(end=104, window_days=2, count=2)


@pytest.mark.parametrize(
    "asked,given,kept",
    [
        ([8, 8, 8, 8], [8, 8, 8, 8], [8, 8, 8, 8]),
        ([8, 4, 8, 2], [8, 4, 8, 2], [8, 4, 8, 2]),  # All of days that differ: nothing was shared.
        ([8, 8, 8, 8], [2, 8, 8, 4], [2, 2, 4, 4]),  # The smallest part of each window.
        ([8, 8, 8, 8], [0, 8, 8, 8], [0, 0, 8, 8]),  # None of a day that had questions.
        ([0, 8, 8, 0], [0, 8, 2, 0], [0, 8, 2, 0]),  # A day without questions has no part in it.
        ([0, 0, 8, 8], [0, 0, 8, 6], [0, 0, 6, 6]),
        ([9, 3, 10, 10], [3, 1, 7, 10], [3, 1, 7, 7]),
    ],
)
def test_every_day_of_a_window_counts_by_the_same_part(asked, given, kept):
    days = np.repeat(np.arange(4), given)
    mask = equal_parts(days, np.asarray(asked), FRAME)
    assert np.bincount(days[mask], minlength=4).tolist() == kept


def test_those_that_count_lie_evenly_in_the_day_whatever_the_order_of_days():
    days = np.asarray([1, 0, 1, 0, 1, 1])
    mask = equal_parts(days, np.asarray([4, 4, 0, 0]), FRAME)
    assert mask.tolist() == [False, True, True, True, False, True]


def test_questions_are_counted_by_day_and_those_outside_of_the_frame_left_out():
    asked = Asked.of(np.asarray([103, 99, 100, 103, 104]))
    assert asked.inside(FRAME).tolist() == [1, 0, 0, 2]
