from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from windsock.contracts.errors import InputError
from windsock.ingest.policy import Kind, days_to_read, duplicated, empty_month, midnight, settle

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DELIVERED = [date(2020, 1, 1), date(2020, 1, 10)]


@pytest.mark.parametrize(
    "kinds, kind",
    [
        ([], Kind.NUMBER),
        ([Kind.INTEGER], Kind.INTEGER),
        ([Kind.NUMBER], Kind.NUMBER),
        ([Kind.INTEGER, Kind.NUMBER, Kind.INTEGER], Kind.NUMBER),
        ([Kind.TIMESTAMP, Kind.TIMESTAMP], Kind.TIMESTAMP),
        ([Kind.TIMESTAMP, Kind.INTEGER], Kind.STRING),
        ([Kind.STRING, Kind.INTEGER], Kind.STRING),
    ],
)
def test_one_type_holds_all_that_was_delivered(kinds, kind):
    assert settle(kinds) is kind


@given(st.datetimes(datetime(2020, 1, 1, 0, 0, 1), datetime(2020, 1, 11)))
def test_exactly_the_days_that_began_before_as_of_are_read(as_of):
    as_of = as_of.replace(tzinfo=UTC)
    days = days_to_read(as_of, NOW, DELIVERED)
    every = [date(2020, 1, 1) + timedelta(days=number) for number in range(10)]
    assert days == [day for day in every if midnight(day) < as_of]


@pytest.mark.parametrize(
    "as_of, now, expected",
    [
        (datetime(2020, 1, 1, tzinfo=UTC), NOW, "after the first delivery began, on 2020-01-01"),
        (datetime(2019, 6, 1, tzinfo=UTC), NOW, "after the first delivery began, on 2020-01-01"),
        (datetime(2020, 1, 11, 0, 0, 1, tzinfo=UTC), NOW, "at most 2020-01-11T00:00:00Z"),
        (datetime(2020, 1, 5, tzinfo=UTC), datetime(2020, 1, 4, tzinfo=UTC), "not in the future; now is 2020-01-04"),
    ],
)
def test_an_as_of_outside_the_deliveries_or_in_the_future_is_refused(as_of, now, expected):
    with pytest.raises(InputError, match=f"^as_of: got '{as_of:%Y-%m-%d}.*{expected}"):
        days_to_read(as_of, now, DELIVERED)


def _days(first: date, last: date, rows: int) -> dict[date, int]:
    return {first + timedelta(days=number): rows for number in range((last - first).days + 1)}


def test_a_whole_month_without_a_row_is_found_and_a_part_of_one_is_not():
    rows = _days(date(2019, 12, 30), date(2020, 3, 10), 1)
    assert empty_month(rows) is None
    assert empty_month(rows | _days(date(2020, 2, 1), date(2020, 2, 29), 0)) == "2020-02"
    assert empty_month(rows | _days(date(2020, 2, 1), date(2020, 2, 28), 0)) is None
    assert empty_month(rows | _days(date(2019, 12, 30), date(2019, 12, 31), 0)) is None
    assert empty_month(rows | _days(date(2020, 3, 1), date(2020, 3, 10), 0)) is None


def test_december_has_an_end():
    assert empty_month(_days(date(2019, 12, 1), date(2019, 12, 31), 0)) == "2019-12"


def test_a_name_that_is_there_twice_is_found():
    assert duplicated(["a", "b", "a"]) == "a"
    assert duplicated(["a", "A"]) is None
