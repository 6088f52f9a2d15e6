"""The model's row."""

import math

COLUMNS = ("load", "waiting", "delay", "line_late_share", "closed")


def derive(request, features):
    def number(value):
        return math.nan if value is None else float(value)

    return (
        float(request["load"]),
        number(features["station_now__waiting"]),
        number(features["station_now__delay"]),
        number(features["line_record__late_share"]),
        number(features["platform_record__closed"]),
    )
