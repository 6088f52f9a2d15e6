"""The calendar of a year and what comes next in it."""

from datetime import date, timedelta
from itertools import pairwise

import pytest
from windsock.contracts.errors import InputError

from year.plan import AHEAD, WATCHED, Period, Stage, counts, month_starts, periods, plan

MARCH = date(2013, 3, 1)


def test_the_calendar_has_every_day_once_and_the_last_period_may_be_short():
    calendar = periods(MARCH, date(2013, 3, 17), 7)
    assert [(one.since.day, one.until.day) for one in calendar] == [(1, 8), (8, 15), (15, 17)]


@pytest.mark.parametrize(
    ("until", "days", "field"),
    [(date(2013, 4, 1), 0, "--days"), (MARCH, 7, "--until"), (date(2012, 1, 1), 7, "--until")],
)
def test_a_calendar_without_days_is_refused(until, days, field):
    with pytest.raises(InputError, match=field):
        periods(MARCH, until, days)


def test_a_calendar_is_also_cut_at_months_and_where_asked():
    cuts = [date(2013, 5, 3), date(2013, 5, 8), date(2013, 4, 1), date(2013, 6, 5)]
    found = periods(date(2013, 5, 1), date(2013, 6, 5), 14, cuts)
    assert [(one.since.day, one.until.day) for one in found] == [(1, 3), (3, 8), (8, 15), (15, 29), (29, 1), (1, 5)]


@pytest.mark.parametrize("days", [1, 7, 10])
@pytest.mark.parametrize("until", [date(2013, 3, 10), date(2013, 4, 1), date(2013, 7, 2)])
def test_every_event_is_counted_once_after_its_label_is_due(days, until):
    found = counts(periods(MARCH, until, days), 2)
    halves = [half for at, due in sorted(found.items()) for half in due]
    assert halves[0].since == MARCH
    assert halves[-1].until == until - timedelta(days=2)
    assert all(one.until == other.since for one, other in pairwise(halves))
    assert all(half.until + timedelta(days=2) <= at.until for at, due in found.items() for half in due)


def test_what_is_counted_is_never_older_than_what_monitoring_reads():
    found = counts(periods(MARCH, date(2014, 1, 1), 1), 2)
    assert max((at.until - half.since).days for at, due in found.items() for half in due) <= 19


def test_a_year_shorter_than_labels_take_counts_nothing():
    assert counts(periods(MARCH, date(2013, 3, 3), 1), 2) == {}


def test_a_period_is_judged_before_it_is_served_and_watched_after():
    made = plan(periods(MARCH, date(2013, 3, 15), 7), 2)
    assert made.first.stage == Stage.TRAIN
    for turn in made.turns:
        assert [due.stage for due in turn.ahead] == list(AHEAD)
        assert (turn.replay.stage, turn.lead.stage) == (Stage.REPLAY, Stage.LEAD)
        assert [due.stage for due in turn.watched][:2] == list(WATCHED)
    assert len({due.name for due in made.stages}) == len(made.stages)


def test_a_model_that_nobody_judged_is_trained_as_each_month_begins():
    made = plan(periods(date(2013, 3, 5), date(2013, 6, 10), 7), 2)
    ungated = [turn.period.until for turn in made.turns for due in turn.ahead if due.stage == Stage.UNGATED]
    assert ungated == [date(2013, 4, 1), date(2013, 5, 1), date(2013, 6, 1)]
    assert ungated == list(month_starts(date(2013, 3, 5), date(2013, 6, 10)))


def test_months_begin_in_every_year():
    assert list(month_starts(date(2012, 11, 2), date(2013, 2, 1))) == [date(2012, 12, 1), date(2013, 1, 1)]
    assert Period(MARCH, date(2013, 3, 2)) < Period(MARCH, date(2013, 3, 3))
