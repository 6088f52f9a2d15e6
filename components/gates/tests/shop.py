"""A small use case that has nothing to do with the shipped one, and snapshots of it: orders of a shop."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from windsock.contracts.artifact import Origin, new_artifact
from windsock.contracts.step import main
from windsock.contracts.verdict import Finding, Verdict
from windsock.gates.__main__ import STEPS

AS_OF = "2020-04-01T00:00:00Z"
ROWS = 96 * 91 + 4

USE_CASE = """
name = "shop"
question = "Will it come back?"
owner = "sales"

[request]
key = ["order_number"]
event_time = "ordered_at"
lead_time_minutes = 0

[request.fields]
order_number = "integer"
ordered_at = "timestamp"

[tables.orders]
key = ["order_number"]
event_time = "ordered_at"
created_time = "recorded_at"

[label]
column = "returned"
table = "orders"
mature_after_hours = 24

[views.shop_record]
fresh_for_s = 3600

[costs]
currency = "EUR"
act_positive = 1.0
act_negative = 1.0
skip_positive = 2.0
skip_negative = 0.0

[split]
evaluation_days = 7
calibration_days = 7
training_days = 60

[training]
seed = 1

[evaluation]
minimum_rows = 100
auc_floor = { limit = 0.5, origin = "a test" }
calibration_error = { limit = 0.2, origin = "a test" }
cost_margin = { limit = 0.1, origin = "a test" }

[evaluation.slices]
columns = []
minimum_rows = 10
cost_margin = { limit = 0.1, origin = "a test" }
auc_margin = { limit = 0.1, origin = "a test" }
calibration_gap = { limit = 0.1, origin = "a test" }

[gates]
time_zone = "Europe/Berlin"

[gates.tables.orders]
starts_on = "2020-01-01"
max_quarantined_share = { limit = 0.01, origin = "a test" }

[gates.tables.orders.volume]
low = { limit = 0.5, origin = "a test" }
high = { limit = 1.5, origin = "a test" }
missing_hours = { limit = 2, origin = "a test" }

[gates.tables.orders.nulls]
day = { limit = 0.2, origin = "a test" }
window = { limit = 0.1, origin = "a test" }

[gates.tables.orders.distributions]
shop = { measure = "l_infinity", limit = 0.1, origin = "a test" }
revenue = { measure = "jensen_shannon", limit = 0.2, origin = "a test", owner = "controlling" }
event_hour = { measure = "l_infinity", limit = 0.05, origin = "a test" }

[gates.tables.orders.daily_means]
revenue = { limit = 1.0, origin = "a test" }
"""

SCHEMA = """
feature {
  name: "orders"
  type: STRUCT
  presence { min_count: 100 }
  struct_domain {
    feature { name: "order_number" type: INT presence { min_fraction: 1.0 } value_count { min: 1 max: 1 } }
    feature { name: "shop" type: BYTES domain: "shop" presence { min_fraction: 1.0 } value_count { min: 1 max: 1 } }
    feature { name: "revenue" type: FLOAT presence { min_fraction: 0.5 } value_count { min: 1 max: 1 } }
    feature { name: "note" type: BYTES presence { min_fraction: 0.5 } value_count { min: 1 max: 1 } }
    feature {
      name: "ordered_at" type: INT time_domain { integer_format: UNIX_MICROSECONDS }
      presence { min_fraction: 1.0 } value_count { min: 1 max: 1 }
    }
    feature {
      name: "recorded_at" type: INT time_domain { integer_format: UNIX_MICROSECONDS }
      presence { min_fraction: 1.0 } value_count { min: 1 max: 1 }
    }
  }
}
string_domain { name: "shop" value: "north" value: "south" value: "west" }
"""

RULE = """-- table: orders
-- severity: {severity}
-- tolerance: {tolerance}
-- tolerance_a_day: {tolerance_a_day}
-- origin: a test
-- owner: controlling
-- message: brings in less than nothing
select order_number from orders where revenue < 0
"""

# 96 orders a day, one each quarter of an hour, from January to March; the same every time.
ORDERS = """
    select n as order_number, ['north', 'south', 'west'][1 + (hash(n) % 3)::int] as shop,
        20.0 + hash(n, 1) % 1000 / 20 as revenue,
        'fine' || (hash(n, 2) % 5) as note, timestamptz '2019-12-31 23:00:00Z' + to_minutes(15 * n) as ordered_at,
        ordered_at + interval '5 minutes' as recorded_at
    from range(96 * 91 + 4) orders(n)
"""


def write_use_case(
    directory: Path, rules: Mapping[str, str] | None = None, edits: Mapping[str, str] | None = None
) -> Path:
    """Writes the files of the use case; `edits` replaces pieces of any of them."""
    (directory / "rules").mkdir(parents=True)
    rule = RULE.format(severity="quarantine", tolerance=0.001, tolerance_a_day=0.05)
    files = {"use_case.toml": USE_CASE, "schema.pbtxt": SCHEMA}
    files |= {f"rules/{name}.sql": text for name, text in (rules or {"orders_negative_revenue": rule}).items()}
    for name, text in files.items():
        for old, new in (edits or {}).items():
            text = text.replace(old, new)
        (directory / name).write_text(text)
    return directory


def write_snapshot(directory: Path, statements: str = "", rows: str = ORDERS) -> Path:
    """Writes `orders.parquet`; `statements` spoil the table first."""
    directory.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute(f"create table orders as {rows}")
        if statements:
            connection.execute(statements)
        connection.execute(f"copy orders to '{directory / 'orders.parquet'}' (format parquet)")
    return directory


@dataclass(frozen=True)
class Run:
    """A finished step: its exit code and where its outputs are."""

    code: int
    directory: Path

    @property
    def verdict(self) -> Verdict:
        """The verdict that the step wrote."""
        return Verdict.read(self.directory / "verdict")

    def finding(self, check: str) -> Finding:
        """One finding by its exact name."""
        return next(finding for finding in self.verdict.findings if finding.check == check)

    @property
    def reasons(self) -> list[str]:
        """The names of the checks that stand against passing."""
        return [finding.check for finding in self.verdict.reasons]


def run_step(
    name: str, work: Path, inputs: Mapping[str, Path], outputs: tuple[str, ...], values: Mapping[str, Any]
) -> int:
    """Runs a step in this process as its command line would."""
    executor_input = {
        "inputs": {"parameterValues": values, "artifacts": {key: _artifact(key, path) for key, path in inputs.items()}},
        "outputs": {
            "artifacts": {key: _artifact(key, work / key) for key in outputs},
            "outputFile": str(work / f"{name}.json"),
        },
    }
    return main("gates", STEPS, [name, json.dumps(executor_input)])


def _artifact(name: str, path: Path) -> dict[str, Any]:
    return {"artifacts": [{"name": name, "uri": str(path)}]}


def validate(
    work: Path,
    statements: str = "",
    *,
    rows: str = ORDERS,
    as_of: str = AS_OF,
    rules: Mapping[str, str] | None = None,
    edits: Mapping[str, str] | None = None,
    since: str = "",
) -> Run:
    """Seals a use case and a snapshot below `work`, and runs `validate_data` on them.

    With `since` the snapshot says that it holds only what happened from then on.
    """
    with new_artifact(work / "use_case", "use_case", Origin("test")) as directory:
        write_use_case(directory, rules, edits)
    details = {"since": since} if since else {}
    with new_artifact(work / "snapshot", "snapshot", Origin("test", as_of), details) as directory:
        write_snapshot(directory, statements, rows)
    inputs = {"use_case": work / "use_case", "snapshot": work / "snapshot"}
    outputs = ("judged", "quarantine", "verdict", "report", "metrics")
    return Run(run_step("validate_data", work, inputs, outputs, {"as_of": as_of}), work)
