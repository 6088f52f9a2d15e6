"""Views of every kind that the online store is read for: keys of text and of numbers, alone and in pairs."""

from datetime import timedelta

from feast import Entity, FeatureView, Field, FileSource, ValueType
from feast.types import Bool, Float32, Float64, Int32, Int64, String, UnixTimestamp

station = Entity(name="station", value_type=ValueType.STRING)
line = Entity(name="line", value_type=ValueType.STRING)
platform = Entity(name="platform", value_type=ValueType.INT64)


def view(name, entities, **features):
    source = FileSource(name=name, path=f"{name}.parquet", timestamp_field="event_timestamp")
    fields = [Field(name=feature, dtype=kind) for feature, kind in features.items()]
    return FeatureView(name=name, entities=entities, ttl=timedelta(days=365), schema=fields, source=source)


station_now = view("station_now", [station], waiting=Int64, delay=Float64, weather=String)
line_record = view("line_record", [line], late_share=Float32, runs=Int32)
platform_record = view("platform_record", [platform, station], closed=Bool, since=UnixTimestamp, late_share=Float64)
