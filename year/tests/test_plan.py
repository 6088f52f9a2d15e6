"""The calendar of a year and what comes next in it."""

from datetime import date

import pytest
from windsock.contracts.errors import InputError

from year.plan import EACH_PERIOD, Period, Stage, counted, next_due, periods, plan

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


def test_every_event_is_counted_once_after_its_label_is_due():
    calendar = periods(MARCH, date(2013, 3, 29), 7)
    spans = [counted(one, MARCH, 2) for one in calendar]
    assert spans[0] == Period(MARCH, date(2013, 3, 6))
    assert [one.since for one in spans[1:]] == [one.until for one in spans[:-1]]
    assert all((one.until - span.until).days == 2 for one, span in zip(calendar, spans))


def test_a_period_shorter_than_labels_take_counts_nothing():
    span = counted(Period(MARCH, date(2013, 3, 2)), MARCH, 2)
    assert span.since == span.until == MARCH


def test_the_first_model_is_trained_once_and_the_stages_of_a_period_follow_each_other():
    stages = plan(periods(MARCH, date(2013, 3, 15), 7), 2)
    assert [due.stage for due in stages] == [Stage.TRAIN, *EACH_PERIOD, *EACH_PERIOD]
    assert len({due.name for due in stages}) == len(stages)


def test_a_killed_year_goes_on_at_the_first_stage_that_has_not_ended():
    stages = plan(periods(MARCH, date(2013, 3, 15), 7), 2)
    ended: set[str] = set()
    for due in stages:
        assert next_due(stages, ended) == due
        ended.add(due.name)
    assert next_due(stages, ended) is None


def test_a_calendar_is_also_cut_where_asked():
    cuts = [date(2013, 5, 3), date(2013, 5, 8), date(2013, 4, 1), date(2013, 5, 15)]
    found = periods(date(2013, 5, 1), date(2013, 5, 15), 7, cuts)
    assert [(one.since.day, one.until.day) for one in found] == [(1, 3), (3, 8), (8, 15)]
