from datetime import date, timedelta
from itertools import pairwise

import pytest
from windsock.contracts.gate_settings import Gates
from windsock.gates.windows import Span, around, windows

LAST = date(2020, 6, 30)


def gates(**values: int) -> Gates:
    return Gates("UTC", {}, **values)


def span(days: int) -> Span:
    return Span(LAST - timedelta(days=days - 1), LAST)


@pytest.mark.parametrize(
    "days, expected", [(-3, 0), (0, 0), (27, 0), (28, 1), (41, 1), (42, 1), (69, 1), (70, 2), (181, 5), (182, 6)]
)
def test_number_of_windows(days: int, expected: int) -> None:
    assert len(windows(span(days), gates())) == expected


@pytest.mark.parametrize("days", range(28, 200, 7))
def test_windows_meet_and_end_with_the_newest_day(days: int) -> None:
    found = windows(span(days), gates())
    assert found[0].judged.last == LAST
    for newer, older in pairwise(found):
        assert older.judged.last == newer.judged.first - timedelta(days=1)
    for window in found:
        assert window.reference.last == window.judged.first - timedelta(days=1)
        assert window.reference.first >= span(days).first
        assert 14 <= window.reference.days <= 56


def test_short_history_is_halved() -> None:
    (window,) = windows(span(30), gates())
    assert (window.judged.days, window.reference.days) == (15, 15)


def test_nothing_is_held_against_too_little() -> None:
    assert windows(span(27), gates()) == []
    assert windows(span(27), gates(min_reference_days=13)) != []


def test_days_of_a_span() -> None:
    assert list(Span(date(2020, 2, 28), date(2020, 3, 1))) == [date(2020, 2, 28), date(2020, 2, 29), date(2020, 3, 1)]
    assert list(Span(date(2020, 3, 1), date(2020, 2, 28))) == []


def test_around_leaves_out_the_one_itself() -> None:
    assert around([0, 1, 2, 3, 4, 5], 2, 2) == [0, 1, 3, 4]
    assert around([0, 1, 2], 0, 5) == [1, 2]
