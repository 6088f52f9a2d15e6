"""The rules that answer when the model cannot: how often such flights are late, from the request alone.

The log-odds of "not on time" are a sum: a base, and one term each for local hour, weekday, carrier and airport of
departure. The terms are those of a logistic regression on the 80,789 flights of January to March 2013, rounded to two
digits; what is unknown adds nothing, so an unknown carrier or airport gets the base rate of its hour. At the cost table
of this use case the rules cost 6 to 11 % less than never acting in every month from January to June 2013, of which they
never saw the last three.
"""

import math
from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

NEW_YORK = ZoneInfo("America/New_York")
BASE = -0.98
HOUR = {
    **{5: -0.52, 6: -0.56, 7: -0.58, 8: -0.35, 9: -0.29, 10: -0.34, 11: -0.32, 12: -0.18, 13: -0.10, 14: 0.06},
    **{15: 0.22, 16: 0.22, 17: 0.35, 18: 0.29, 19: 0.38, 20: 0.30, 21: 0.31, 22: 0.42, 23: -0.03},
}
WEEKDAY = (-0.04, -0.16, 0.03, -0.12, 0.14, -0.20, -0.38)  # Monday first.
CARRIER = {
    **{"9E": 0.23, "AA": -0.16, "AS": -0.13, "B6": 0.28, "DL": -0.45, "EV": 0.71, "F9": 0.25, "FL": -0.02, "HA": -0.10},
    **{"MQ": 0.05, "OO": 0.02, "UA": -0.21, "US": -0.24, "VX": -0.87, "WN": -0.13, "YV": 0.04},
}
ORIGIN = {"EWR": 0.10, "JFK": -0.16, "LGA": 0.05}


def effect(table: Mapping[str, float], value: object) -> float:
    """A term of the sum; what the table does not know adds nothing."""
    return table.get(value, 0.0) if isinstance(value, str) else 0.0


def time_effect(departure: object) -> float:
    """What the hour and the weekday on New York's clocks add."""
    if not isinstance(departure, datetime):
        return 0.0
    try:
        local = departure.astimezone(NEW_YORK)
    except OverflowError:  # The first or last day of the calendar has no time in New York.
        return 0.0
    return HOUR.get(local.hour, 0.0) + WEEKDAY[local.weekday()]


def probability(request: Mapping[str, object]) -> float:
    """The probability, strictly between 0 and 1, that this flight is not on time. Never raises, is never NaN."""
    odds = BASE + time_effect(request.get("scheduled_departure_at"))
    odds += effect(CARRIER, request.get("carrier")) + effect(ORIGIN, request.get("origin"))
    return 1 / (1 + math.exp(-odds))
