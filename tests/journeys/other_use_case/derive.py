"""Model rows of the pumps."""

import math
from collections.abc import Mapping

COLUMNS = ("planned_load", "vibration", "pressure", "trips_share", "night", "south")


def derive(request: Mapping[str, object], features: Mapping[str, object]) -> tuple[float, ...]:
    def number(name: str) -> float:
        value = features.get(name)
        return math.nan if value is None else float(value)

    return (
        float(request["load"]),
        number("pump_reading__vibration"),
        number("pump_reading__pressure"),
        number("pump_record__trips_share"),
        float(request["starts_at"].hour < 6),
        float(request["site"] == "south"),
    )
