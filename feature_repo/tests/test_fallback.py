"""`fallback.py`: an answer to any request."""

import importlib.util
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).parents[1]
spec = importlib.util.spec_from_file_location("flights_fallback", ROOT / "fallback.py")
fallback = importlib.util.module_from_spec(spec)
spec.loader.exec_module(fallback)
# Tuesday 2 July 2013, 18:05 in New York: the rush hour.
EVENING = {"carrier": "EV", "origin": "EWR", "scheduled_departure_at": datetime(2013, 7, 2, 22, 5, tzinfo=UTC)}
anything = st.one_of(
    st.none(), st.text(), st.integers(), st.floats(), st.lists(st.text()), st.datetimes(timezones=st.just(UTC))
)


def test_the_odds_are_the_sum_of_the_terms():
    odds = -0.98 + 0.29 - 0.16 + 0.71 + 0.10
    assert fallback.probability(EVENING) == pytest.approx(1 / (1 + math.exp(-odds)))


def test_an_evening_in_a_feeder_is_worse_than_a_morning_in_an_airliner():
    morning = EVENING | {"carrier": "DL", "scheduled_departure_at": datetime(2013, 7, 2, 11, 0, tzinfo=UTC)}
    assert fallback.probability(morning) < 0.15 < 0.4 < fallback.probability(EVENING)


def test_unknown_carriers_and_airports_get_the_rate_of_their_hour():
    unknown = EVENING | {"carrier": "ZZ", "origin": "XXX"}
    assert fallback.probability(unknown) == pytest.approx(1 / (1 + math.exp(0.98 - 0.29 + 0.16)))
    assert fallback.probability({}) == pytest.approx(0.2729, abs=1e-4)


@given(st.dictionaries(st.sampled_from([*EVENING, "destination", "tail_number"]), anything))
def test_any_request_gets_a_probability(request):
    assert 0 < fallback.probability(request) < 1


def test_every_hour_of_a_week_has_an_answer_between_the_extremes():
    week = [EVENING["scheduled_departure_at"] + timedelta(hours=hour) for hour in range(168)]
    given = [fallback.probability(EVENING | {"scheduled_departure_at": hour}) for hour in week]
    assert 0.15 < min(given) < max(given) < 0.7


@pytest.mark.parametrize("edge", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
def test_the_edges_of_the_calendar_have_an_answer(edge):
    assert 0 < fallback.probability(EVENING | {"scheduled_departure_at": edge}) < 1
