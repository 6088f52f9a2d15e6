"""`derive.py`: one row, any input, no surprise."""

import importlib.util
import math
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).parents[1]


def load(name):
    spec = importlib.util.spec_from_file_location(f"flights_{name}", ROOT / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


derive = load("derive")
# Monday 1 July 2013, 12:30 in New York.
REQUEST = {
    "carrier": "UA",
    "flight_number": 15,
    "tail_number": "N37293",
    "origin": "JFK",
    "destination": "LAX",
    "scheduled_departure_at": datetime(2013, 7, 1, 16, 30, tzinfo=UTC),
}
FEATURES = (*derive.PLAIN, derive.WIND_DIRECTION, derive.ARRIVED_AT, derive.SCHEDULED)
values = st.one_of(st.none(), st.floats(), st.integers(), st.booleans(), st.text(max_size=3))


def row(request=None, **features):
    given = {name.replace("__", "__", 1): value for name, value in features.items()}
    return dict(zip(derive.COLUMNS, derive.derive(REQUEST | (request or {}), given), strict=True))


def test_the_columns_have_different_names():
    assert len(set(derive.COLUMNS)) == len(derive.COLUMNS)
    assert set(derive.PLAIN) < set(derive.COLUMNS)


def test_hour_and_weekday_are_those_of_new_york():
    summer = row()
    assert (summer["hour_of_day"], summer["day_of_week"]) == (12.5, 0.0)
    winter = row({"scheduled_departure_at": datetime(2013, 1, 1, 4, 59, tzinfo=UTC)})
    assert (winter["hour_of_day"], winter["day_of_week"]) == (pytest.approx(23 + 59 / 60), 0.0)
    assert (summer["hour_sin"], summer["hour_cos"]) == pytest.approx((math.sin(math.pi * 12.5 / 12), -0.99144486))


def test_the_same_moment_in_another_zone_gives_the_same_row():
    elsewhere = REQUEST["scheduled_departure_at"].astimezone(timezone(timedelta(hours=9)))
    assert row({"scheduled_departure_at": elsewhere})["hour_of_day"] == 12.5


def test_origins_are_told_apart_and_a_new_one_is_none_of_them():
    names = ("origin_ewr", "origin_jfk", "origin_lga")
    assert [row()[name] for name in names] == [0.0, 1.0, 0.0]
    assert [row({"origin": "BOS"})[name] for name in names] == [0.0, 0.0, 0.0]


def test_north_wind_is_north_wind_on_both_sides_of_zero():
    west, east = (row(weather_observed__wind_direction_deg=degrees) for degrees in (359.0, 1.0))
    assert east["wind_direction_sin"] == pytest.approx(-west["wind_direction_sin"]) == pytest.approx(0.01745241)
    assert east["wind_direction_cos"] == pytest.approx(west["wind_direction_cos"])


def test_the_slack_is_the_time_since_the_last_arrival_less_a_leg():
    arrived = REQUEST["scheduled_departure_at"] - timedelta(hours=5)
    found = row(previous_leg__arrived_at_s=arrived.timestamp(), previous_leg__scheduled_minutes=90)
    assert (found["hours_since_previous_leg"], found["previous_leg_slack_minutes"]) == (5.0, 210.0)


def test_what_is_missing_is_not_a_number():
    found = derive.derive(REQUEST, {})
    known = {"hour_of_day", "hour_sin", "hour_cos", "day_of_week", "origin_ewr", "origin_jfk", "origin_lga"}
    assert {name for name, value in zip(derive.COLUMNS, found, strict=True) if not math.isnan(value)} == known
    assert len(derive.derive({}, {})) == len(derive.COLUMNS)


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf, "12", b"1", 10**400, [1.0]])
def test_what_is_no_finite_number_is_not_a_number(value):
    name = derive.PLAIN[0]
    assert math.isnan(row(**{name: value})[name])


@pytest.mark.parametrize("value", [0, 7, True, -1.5, 1e-300])
def test_numbers_go_through_as_they_are(value):
    name = derive.PLAIN[0]
    assert row(**{name: value})[name] == float(value)


@given(
    st.dictionaries(st.sampled_from(FEATURES), values),
    st.datetimes(timezones=st.just(UTC)),
    st.one_of(st.none(), st.text(max_size=4)),
)
def test_any_request_gives_so_many_floats_that_are_finite_or_missing(features, departure, origin):
    found = derive.derive(REQUEST | {"scheduled_departure_at": departure, "origin": origin}, features)
    assert len(found) == len(derive.COLUMNS)
    assert all(type(value) is float and not math.isinf(value) for value in found)


@pytest.mark.parametrize("departure", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC), None, "now"])
def test_the_edges_of_the_calendar_have_no_hour(departure):
    assert math.isnan(row({"scheduled_departure_at": departure})["hour_of_day"]) or departure.year == 9999


def test_every_feature_that_is_read_is_one_that_a_view_declares():
    declared = (ROOT / "features.py").read_text()
    for feature in FEATURES:
        view, name = feature.split("__")
        assert f'"{view}"' in declared
        assert f'"{name}"' in declared
