from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from windsock.contracts.clock import format_time, parse_time
from windsock.contracts.errors import InputError

SIX = datetime(2013, 7, 1, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    "text, time",
    [
        ("2013-07-01", SIX.replace(hour=0)),
        ("2013-07-01T06:00:00Z", SIX),
        ("2013-07-01T06:00:00", SIX),
        ("2013-07-01T02:00:00-04:00", SIX),
        ("2013-07-01 06:00:00.000001+00:00", SIX.replace(microsecond=1)),
    ],
)
def test_times_are_read_as_utc(text, time):
    assert parse_time(text, "as_of") == time
    assert parse_time(text, "as_of").tzinfo is UTC


@given(st.datetimes(timezones=st.just(UTC)))
def test_what_is_written_reads_back(time):
    assert parse_time(format_time(time), "as_of") == time
    assert format_time(time).endswith("Z")


@pytest.mark.parametrize(
    "text", ["", "July", "2013-02-30", "2013-07-01T25:00", None, 20130701.5, "0001-01-01T00:00:00+23:59"]
)
def test_what_is_no_time_is_one_line(text):
    with pytest.raises(InputError, match=r"^as_of: got .*, expected a date or time such as 2013-07-01"):
        parse_time(text, "as_of")


@pytest.mark.parametrize("text", ["[[ScheduledTime]]", "2013-07-01[[Index]]"])
def test_a_placeholder_that_nothing_expanded_is_called_that(text):
    with pytest.raises(InputError, match=r"this placeholder was never expanded"):
        parse_time(text, "as_of")
