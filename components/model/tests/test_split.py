"""The cut in time: nobody learns from what was not yet known."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from windsock.contracts.use_case import load_use_case
from windsock.model.split import EPOCH, cut, windows_at

HOUR = 3_600_000_000
AS_OF = datetime(2024, 5, 1, tzinfo=UTC)


def microseconds(moment):
    return (moment - EPOCH) // timedelta(microseconds=1)


@pytest.fixture(scope="module")
def windows(use_case):
    return windows_at(load_use_case(use_case.path), AS_OF)


def test_windows_end_with_the_last_question_whose_outcome_must_be_known(windows):
    assert windows.end == AS_OF - timedelta(hours=24, minutes=60)
    assert windows.evaluation_from == windows.end - timedelta(days=28)
    assert windows.calibration_from == windows.evaluation_from - timedelta(days=28)
    assert windows.training_from == windows.calibration_from - timedelta(days=90)


@given(
    rows=st.lists(st.tuples(st.integers(-160 * 24, 0), st.integers(0, 72)), min_size=1, max_size=80),
    folds=st.integers(1, 4),
)
def test_nothing_is_learned_before_it_was_known(windows, rows, folds):
    end = microseconds(windows.end)
    asked = np.array([end + hours * HOUR for hours, _ in rows])
    known = asked + np.array([delay * HOUR for _, delay in rows])
    parts = cut(windows, folds, asked, known)
    assert not (parts.training & parts.evaluation).any()
    assert (known[parts.training] <= microseconds(windows.evaluation_from)).all()
    assert (asked[parts.evaluation] >= microseconds(windows.evaluation_from)).all()
    for fold in parts.folds:
        if fold.scored.any() and fold.learned.any():
            assert known[fold.learned].max() <= asked[fold.scored].min()
    scored = np.sum([fold.scored for fold in parts.folds], axis=0)
    calibrating = parts.training & (asked >= microseconds(windows.calibration_from))
    assert (scored == calibrating).all()
    kept = int((parts.training | parts.evaluation).sum())
    assert kept + sum(parts.left_out.values()) == len(rows)


def test_an_outcome_that_came_too_late_is_purged(windows):
    asked = np.full(2, microseconds(windows.evaluation_from) - HOUR)
    parts = cut(windows, 1, asked, asked + np.array([HOUR, HOUR + 1]))
    assert parts.training.tolist() == [True, False]
    assert parts.left_out["purged"] == 1
