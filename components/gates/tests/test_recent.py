"""Data that begin lately: what is new is judged as strictly as ever, what is there to hold it against is not."""

from datetime import date

import pytest
from shop import ORDERS, validate
from windsock.gates.windows import Span, windows

# The snapshot begins 88 days before it is taken, on 4 January: 28 days to judge, 56 before them, and the odd ends.
SINCE = "2020-01-04T00:00:00Z"
LATE = f"select * from ({ORDERS}) where ordered_at >= timestamptz '{SINCE}'"


def judged(work, statements="", rows=LATE, since=SINCE):
    return validate(work, statements, rows=rows, since=since)


def test_data_of_late_pass_without_what_came_before(tmp_path):
    run = judged(tmp_path)
    assert run.reasons == []
    assert run.finding("history/orders").message == "history begins 2020-01-04"
    assert run.finding("windows/orders").message.startswith("1 windows of 28 days, 2020-03-04 to 2020-03-31")


def test_the_same_data_are_refused_where_all_is_asked_for(tmp_path):
    assert "history/orders" in judged(tmp_path, since="").reasons


def test_data_that_begin_later_than_they_say_are_refused(tmp_path):
    rows = f"select * from ({ORDERS}) where ordered_at >= timestamptz '2020-01-07'"
    assert "history/orders" in judged(tmp_path, rows=rows).reasons


ON = "ordered_at::date = date '{}'"
SPOILED = {
    "volume/orders/low": "delete from orders where " + ON + " and order_number % 3 > 0",
    "volume/orders/hours": "delete from orders where " + ON + " and extract(hour from ordered_at) in (9, 10, 11)",
    "mean/orders/revenue": "update orders set revenue = revenue * 4 where " + ON,
    "nulls/orders/note/day": "update orders set note = null where " + ON + " and order_number % 2 = 0",
}


@pytest.mark.parametrize("check", SPOILED)
@pytest.mark.parametrize(("day", "refused"), [("2020-03-20", True), ("2020-01-20", False)])
def test_a_bad_day_is_refused_while_it_is_new(tmp_path, check, day, refused):
    run = judged(tmp_path, SPOILED[check].format(day))
    assert (check in run.reasons) == refused


def test_of_a_day_that_is_there_in_part_no_share_is_judged(tmp_path):
    """The snapshot begins at midnight in UTC, which is an hour into its first day in Berlin."""
    first = "update orders set revenue = -1 where ordered_at < timestamptz '2020-01-04 02:00:00Z'"
    late = f"select * from ({LATE}) where ordered_at < '2020-01-04 02:00:00Z' or ordered_at >= '2020-01-04 23:00:00Z'"
    assert "rule/orders_negative_revenue" not in judged(tmp_path / "part", first, rows=late).reasons
    whole = "update orders set revenue = -1 where ordered_at between '2020-01-05 08:00:00Z' and '2020-01-05 09:30:00Z'"
    assert "rule/orders_negative_revenue" in judged(tmp_path / "whole", whole, rows=late).reasons


def test_a_window_is_held_against_all_of_its_reference_or_not_judged(shop_gates):
    since = date(2020, 1, 4)
    recent = shop_gates.for_recent(since)
    assert recent.gates.tables["orders"].starts_on == "2020-01-05"
    assert recent.leading_days == recent.gates.around_days
    assert [str(one.judged) for one in windows(Span(date(2020, 1, 5), date(2020, 3, 31)), recent.gates)] == [
        "2020-03-04 to 2020-03-31"
    ]
    assert windows(Span(date(2020, 2, 5), date(2020, 3, 31)), recent.gates) == []
    assert len(windows(Span(date(2020, 1, 5), date(2020, 3, 31)), shop_gates.gates)) == 2


@pytest.fixture
def shop_gates(tmp_path):
    from shop import write_use_case
    from windsock.contracts.clock import parse_time
    from windsock.contracts.use_case import load_use_case
    from windsock.gates.validate_data import make_gate

    directory = write_use_case(tmp_path / "use_case")
    return make_gate(load_use_case(directory), directory, parse_time("2020-04-01", "as_of")).policy
