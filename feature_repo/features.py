"""The feature views in Feast's terms. Their rows come from `views/*.sql`; how old a value may be: `use_case.toml`."""

import os
import tomllib
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from feast import Entity, FeatureView, Field, FileSource, ValueType
from feast.types import Float64, String

# Whoever computes the rows says where they lie; whoever only wants to know the views need not.
SOURCES = Path(os.environ.get("WINDSOCK_FEATURE_SOURCES", "data"))
VIEWS = tomllib.loads(Path(__file__).with_name("use_case.toml").read_text(encoding="utf-8"))["views"]


def view(name: str, entities: Sequence[Entity], features: Sequence[str]) -> FeatureView:
    """A view whose rows lie in `SOURCES` under its name; a value is valid for as long as it is fresh."""
    return FeatureView(
        name=name,
        entities=list(entities),
        ttl=timedelta(seconds=VIEWS[name]["fresh_for_s"]),
        schema=[
            *(Field(name=entity.join_key, dtype=String) for entity in entities),
            *(Field(name=feature, dtype=Float64) for feature in features),
        ],
        source=FileSource(
            name=name,
            path=str(SOURCES / f"{name}.parquet"),
            timestamp_field="event_timestamp",
            created_timestamp_column="created_timestamp",
        ),
    )


origin = Entity(name="origin", value_type=ValueType.STRING, description="The airport of departure")
destination = Entity(name="destination", value_type=ValueType.STRING, description="The airport of arrival")
carrier = Entity(name="carrier", value_type=ValueType.STRING, description="The airline")
tail_number = Entity(name="tail_number", value_type=ValueType.STRING, description="The aircraft")

weather_observed = view(
    "weather_observed",
    [origin],
    [
        "temperature_f",
        "dew_point_f",
        "humidity_pct",
        "wind_direction_deg",
        "wind_speed_mph",
        "wind_gust_mph",
        "precipitation_in",
        "precipitation_3h_in",
        "pressure_mb",
        "pressure_change_3h_mb",
        "visibility_mi",
    ],
)
airport_congestion = view(
    "airport_congestion",
    [origin],
    [
        "late_share_1h",
        "late_share_3h",
        "cancelled_share_3h",
        "departure_delay_1h_minutes",
        "departure_delay_3h_minutes",
        "departed_3h_delay_minutes",
        "reported_3h",
        "departures_ahead",
    ],
)
previous_leg = view(
    "previous_leg",
    [tail_number],
    ["arrival_delay_minutes", "departure_delay_minutes", "arrived_at_s", "scheduled_minutes", "cancelled"],
)
carrier_record = view(
    "carrier_record",
    [carrier, origin],
    ["late_share_6h", "late_share_1d", "late_share_7d", "late_share_28d"],
)
route_record = view(
    "route_record",
    [origin, destination],
    [
        "distance_miles",
        "scheduled_minutes",
        "late_share_28d",
        "destination_late_share_6h",
        "destination_late_share_1d",
    ],
)
