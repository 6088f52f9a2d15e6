"""A use case of kiosks that shares no name with the flights, and its data."""

import json
import shutil
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
from windsock.contracts.artifact import Origin, new_artifact

START = datetime(2020, 3, 1, tzinfo=UTC)
TIME = pa.timestamp("us", tz="UTC")

GATES = """
[gates.tables.{table}]
max_quarantined_share = {{ limit = 0.1, origin = "a test" }}
volume.low = {{ limit = 0.5, origin = "a test" }}
volume.high = {{ limit = 2, origin = "a test" }}
volume.missing_hours = {{ limit = 1, origin = "a test" }}
nulls.day = {{ limit = 0.1, origin = "a test" }}
nulls.window = {{ limit = 0.1, origin = "a test" }}
"""

USE_CASE = """
name = "kiosks"
question = "Half an hour before a kiosk opens: will it sell out?"
owner = "sales"

[request]
key = ["kiosk", "opens_at"]
event_time = "opens_at"
lead_time_minutes = 30

[request.fields]
kiosk = "string"
street = "integer"
opens_at = "timestamp"
price = "number"

[tables.plans]
key = ["kiosk", "opens_at"]
event_time = "opens_at"
created_time = "planned_at"

[tables.sales]
key = ["kiosk", "opens_at"]
event_time = "opens_at"
created_time = "counted_at"

[tables.facts]
key = ["kiosk", "seen_at"]
event_time = "seen_at"
created_time = "told_at"

[label]
column = "sold_out"
table = "sales"
mature_after_hours = 24

[views.stock]
fresh_for_s = 7200

[views.weather]
fresh_for_s = 3600
required = false

[costs]
currency = "EUR"
act_positive = 1.0
act_negative = 1.0
skip_positive = 5.0
skip_negative = 0.0

[split]
evaluation_days = 7
calibration_days = 7
training_days = 30

[training]
seed = 1

[evaluation]
auc_floor = { limit = 0.5, origin = "a test" }
calibration_error = { limit = 0.5, origin = "a test" }
cost_margin = { limit = 0.5, origin = "a test" }

[gates]
time_zone = "UTC"
""" + "".join(GATES.format(table=table) for table in ("plans", "sales", "facts"))

LABELS = """
select kiosk, street, opens_at, price, planned_at as request_known_at, sold_out::tinyint as sold_out,
    counted_at as label_known_at
from plans left join sales using (kiosk, opens_at)
"""
STOCK = """
select kiosk, amount, amount::bigint as pieces, seen_at as event_timestamp, told_at as created_timestamp
from facts where kiosk is not null and street is null
"""
WEATHER = """
select kiosk, street, amount as rain, amount > 50 as wet, kind, seen_at as event_timestamp, told_at as created_timestamp
from facts where kiosk is not null and street is not null
"""
FEATURES = """
import os
from datetime import timedelta
from pathlib import Path

from feast import Entity, FeatureView, Field, FileSource, ValueType
from feast.types import Bool, Float32, Float64, Int64, String

kiosk = Entity(name="kiosk", value_type=ValueType.STRING)
street = Entity(name="street", value_type=ValueType.INT64)


def source(name):
    path = Path(os.environ.get("WINDSOCK_FEATURE_SOURCES", "data")) / f"{name}.parquet"
    return FileSource(name=name, path=str(path), timestamp_field="event_timestamp",
                      created_timestamp_column="created_timestamp")


stock = FeatureView(name="stock", entities=[kiosk], ttl=timedelta(hours=2), source=source("stock"), schema=[
    Field(name="kiosk", dtype=String), Field(name="amount", dtype=Float64), Field(name="pieces", dtype=Int64)])
weather = FeatureView(name="weather", entities=[kiosk, street], ttl=timedelta(hours=1), source=source("weather"),
                      schema=[
    Field(name="kiosk", dtype=String), Field(name="street", dtype=Int64), Field(name="rain", dtype=Float32),
    Field(name="wet", dtype=Bool), Field(name="kind", dtype=String)])
"""
STORE = """
project: kiosks
provider: local
registry: ${WINDSOCK_FEATURE_REGISTRY}
offline_store:
  type: duckdb
online_store: ${WINDSOCK_ONLINE_STORE}
entity_key_serialization_version: 3
"""
DERIVE = """
import math

COLUMNS = ("hour", "amount", "rain", "wet", "kind")


def derive(request, features):
    def number(name):
        value = features[name]
        return math.nan if value is None else float(value)

    assert features["stock__pieces"] is None or features["stock__pieces"] == int(features["stock__amount"])
    assert request["opens_at"].utcoffset().total_seconds() == 0
    return (request["opens_at"].hour, number("stock__amount"), number("weather__rain"), number("weather__wet"),
            number("weather__kind"))
"""
FILES = {
    "use_case.toml": USE_CASE,
    "labels.sql": LABELS,
    "views/stock.sql": STOCK,
    "views/weather.sql": WEATHER,
    "features.py": FEATURES,
    "feature_store.yaml": STORE,
    "derive.py": DERIVE,
}
SCHEMAS = {
    "plans": pa.schema([("kiosk", pa.string()), ("street", pa.int64()), ("opens_at", TIME), ("price", pa.float64()),
                        ("planned_at", TIME)]),
    "sales": pa.schema([("kiosk", pa.string()), ("opens_at", TIME), ("sold_out", pa.bool_()), ("counted_at", TIME)]),
    "facts": pa.schema([("kiosk", pa.string()), ("street", pa.int64()), ("amount", pa.float64()), ("kind", pa.string()),
                        ("seen_at", TIME), ("told_at", TIME)]),
}  # fmt: skip


def at(minutes):
    """A time of the tests, in minutes after the start."""
    return START + timedelta(minutes=minutes)


def write_use_case(path, **changes):
    """Writes the kiosks' use case; a change replaces a file, and None leaves it out: `labels_sql` for `labels.sql`."""
    for name, text in FILES.items():
        text = changes.get(name.replace("/", "_").replace(".", "_"), text)
        if text is not None:
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_text(text)
    return path


def write_data(path, **tables):
    """Writes the tables as judged data would hold them; rows are tuples in the order of `SCHEMAS`."""
    path.mkdir(parents=True, exist_ok=True)
    for name, schema in SCHEMAS.items():
        rows = tables.get(name, [])
        columns = [pa.array([row[index] for row in rows], field.type) for index, field in enumerate(schema)]
        pq.write_table(pa.table(columns, schema=schema), path / f"{name}.parquet")
    return path


def sealed(source, target, kind):
    """A sealed artifact with the files of a directory."""
    with new_artifact(target, kind, Origin(step="test")) as directory:
        shutil.copytree(source, directory, dirs_exist_ok=True)
    return target


def executor_input(path, inputs, parameters, outputs):
    """KFP's executor input for one step, as a text."""

    def artifacts(named):
        return {name: {"artifacts": [{"name": name, "uri": str(uri)}]} for name, uri in named.items()}

    return json.dumps({
        "inputs": {"artifacts": artifacts(inputs), "parameterValues": parameters},
        "outputs": {
            "artifacts": artifacts({name: path / name for name in outputs}),
            "outputFile": str(path / "executor_output.json"),
        },
    })  # fmt: skip
