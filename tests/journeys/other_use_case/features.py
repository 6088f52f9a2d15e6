"""The pumps' feature views."""

import os
from datetime import timedelta
from pathlib import Path

from feast import Entity, FeatureView, Field, FileSource, ValueType
from feast.types import Float64, Int64

SOURCES = Path(os.environ["WINDSOCK_FEATURE_SOURCES"])
pump = Entity(name="pump", value_type=ValueType.INT64)


def source(name: str) -> FileSource:
    return FileSource(
        name=name,
        path=str(SOURCES / f"{name}.parquet"),
        timestamp_field="event_timestamp",
        created_timestamp_column="created_timestamp",
    )


pump_reading = FeatureView(
    name="pump_reading",
    entities=[pump],
    ttl=timedelta(hours=4),
    schema=[
        Field(name="pump", dtype=Int64),
        Field(name="vibration", dtype=Float64),
        Field(name="pressure", dtype=Float64),
    ],
    source=source("pump_reading"),
)
pump_record = FeatureView(
    name="pump_record",
    entities=[pump],
    ttl=timedelta(days=1),
    schema=[Field(name="pump", dtype=Int64), Field(name="trips_share", dtype=Float64)],
    source=source("pump_record"),
)
