"""One flight's model row: the same function makes every row of the training set and every row that is served.

`request` holds the request's fields, times as aware datetimes; `features` maps `view__feature` to its value as known
two hours before departure, or to None. What is missing, not a number or infinite becomes NaN, which the model
understands.
The month and the day of the year are left out on purpose: the months to come were never seen in training.
"""

import math
from collections.abc import Mapping
from datetime import datetime
from operator import itemgetter
from zoneinfo import ZoneInfo

NEW_YORK = ZoneInfo("America/New_York")  # Where all three airports of departure are: their rush hours are local.
ORIGINS = ("EWR", "JFK", "LGA")
NAN = math.nan

# Features that go into the model as they are.
PLAIN = (
    "weather_observed__temperature_f",
    "weather_observed__dew_point_f",
    "weather_observed__humidity_pct",
    "weather_observed__wind_speed_mph",
    "weather_observed__wind_gust_mph",
    "weather_observed__precipitation_in",
    "weather_observed__precipitation_3h_in",
    "weather_observed__pressure_mb",
    "weather_observed__pressure_change_3h_mb",
    "weather_observed__visibility_mi",
    "airport_congestion__late_share_1h",
    "airport_congestion__late_share_3h",
    "airport_congestion__cancelled_share_3h",
    "airport_congestion__departure_delay_1h_minutes",
    "airport_congestion__departure_delay_3h_minutes",
    "airport_congestion__departed_3h_delay_minutes",
    "airport_congestion__reported_3h",
    "airport_congestion__departures_ahead",
    "previous_leg__arrival_delay_minutes",
    "previous_leg__departure_delay_minutes",
    "previous_leg__cancelled",
    "carrier_record__late_share_6h",
    "carrier_record__late_share_1d",
    "carrier_record__late_share_7d",
    "carrier_record__late_share_28d",
    "route_record__distance_miles",
    "route_record__scheduled_minutes",
    "route_record__late_share_28d",
    "route_record__destination_late_share_6h",
    "route_record__destination_late_share_1d",
)
# What is computed from the request, or from the request and features together.
DERIVED = (
    "hour_of_day",
    "hour_sin",
    "hour_cos",
    "day_of_week",
    "origin_ewr",
    "origin_jfk",
    "origin_lga",
    "wind_direction_sin",
    "wind_direction_cos",
    "hours_since_previous_leg",
    "previous_leg_slack_minutes",
)
COLUMNS: tuple[str, ...] = (*DERIVED, *PLAIN)

WIND_DIRECTION = "weather_observed__wind_direction_deg"
ARRIVED_AT = "previous_leg__arrived_at_s"
SCHEDULED = "previous_leg__scheduled_minutes"
_read_plain = itemgetter(*PLAIN)


def number(value: object) -> float:
    """The value as a finite float, else NaN: also for None, text and whole numbers too large for a float."""
    if type(value) is float:  # Nearly every value, so it is asked first.
        return value if math.isfinite(value) else NAN
    if value is None or not isinstance(value, (float, int)):
        return NAN
    try:
        return float(value) if math.isfinite(value) else NAN
    except OverflowError:
        return NAN


def local_time(departure: object) -> datetime | None:
    """The departure on New York's clocks; None for what is no time, or one at the very edge of the calendar."""
    if not isinstance(departure, datetime):
        return None
    try:
        return departure.astimezone(NEW_YORK)
    except OverflowError:
        return None


def derive(request: Mapping[str, object], features: Mapping[str, object]) -> tuple[float, ...]:
    """The model's inputs in the order of `COLUMNS`.

    Scheduled hour and weekday are local; the wind's direction is a point on a circle, so that 359 and 1 degree are
    close. The slack is the time from the aircraft's last known arrival to this departure, less the last leg's scheduled
    length: every leg known here leaves New York, so the aircraft still has to come back.
    """
    departure = request.get("scheduled_departure_at")
    local = local_time(departure)
    hour = weekday = hours_since = slack = NAN
    if local is not None and isinstance(departure, datetime):
        hour, weekday = local.hour + local.minute / 60, float(local.weekday())
        minutes_since = (departure.timestamp() - number(features.get(ARRIVED_AT))) / 60
        hours_since, slack = minutes_since / 60, minutes_since - number(features.get(SCHEDULED))
    angle, wind = hour * (math.pi / 12), math.radians(number(features.get(WIND_DIRECTION)))
    origin = request.get("origin")
    derived = (
        hour,
        math.sin(angle),
        math.cos(angle),
        weekday,
        *[1.0 if origin == airport else 0.0 for airport in ORIGINS],
        math.sin(wind),
        math.cos(wind),
        hours_since,
        slack,
    )
    try:
        plain = _read_plain(features)
    except KeyError:  # A feature that was never read is a missing one.
        plain = tuple(map(features.get, PLAIN))
    return derived + tuple(map(number, plain))
