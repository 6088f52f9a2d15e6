"""Another upstream: pumps at two sites, their readings, their planned shifts, and whether a shift ended in a trip.

Synthetic and seeded: the chance of a trip follows vibration, load and wear, so that a model can learn it. It shares
no name, type or table with the flights, and one of its tables is delivered as Parquet.

    python source.py --into LANDING --until 2024-07-01
"""

import argparse
import csv
import hashlib
import json
import math
import random
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb

FIRST_DAY = date(2024, 1, 1)
PUMPS = {pump: ("north" if pump % 2 else "south") for pump in range(101, 141)}
HOURS = (0, 8, 16)
TABLES = {"readings": "parquet", "shifts": "csv", "trips": "csv"}
TYPES = {
    "readings": "pump bigint, measured_at timestamptz, vibration double, pressure double, stored_at timestamptz",
    "shifts": "pump bigint, site varchar, starts_at timestamptz, load double, planned_at timestamptz",
    "trips": "pump bigint, starts_at timestamptz, tripped boolean, stopped_for double, logged_at timestamptz",
}


def pump_days(until: date) -> dict[str, list[tuple]]:
    """All rows up to a day, from one seed: the same for every call, whatever was delivered before."""
    rows: dict[str, list[tuple]] = {table: [] for table in TABLES}
    for pump, site in PUMPS.items():
        dice = random.Random(pump)
        wear = dice.uniform(0.0, 0.6)
        day = FIRST_DAY
        while day < until:
            for hour in HOURS:
                starts_at = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
                wear = wear + dice.uniform(0, 0.03)
                vibration = 1.5 + 3 * wear + dice.gauss(0, 0.3)
                load = round(dice.uniform(40, 100), 1)
                chance = 1 / (1 + math.exp(-(1.8 * (vibration - 3.6) + 0.05 * (load - 75))))
                tripped = dice.random() < chance
                wear = dice.uniform(0, 0.3) if tripped else wear
                measured_at = starts_at - timedelta(hours=2)
                stored_at = measured_at + timedelta(minutes=5)
                pressure = round(6 - 0.2 * vibration + dice.gauss(0, 0.1), 3)
                rows["readings"].append((pump, measured_at, round(vibration, 3), pressure, stored_at))
                rows["shifts"].append((pump, site, starts_at, load, starts_at - timedelta(hours=36)))
                stopped_for = round(dice.uniform(0.5, 6), 2) if tripped else None
                rows["trips"].append((pump, starts_at, tripped, stopped_for, starts_at + timedelta(hours=9)))
            day += timedelta(days=1)
    return rows


def deliver(connection: duckdb.DuckDBPyConnection, table: str, day: date, landing: Path) -> None:
    """One day of one table: the rows that became known on it, then the receipt."""
    file_format = TABLES[table]
    folder = landing / table / f"{day:%Y-%m}"
    folder.mkdir(parents=True, exist_ok=True)
    known_at = TYPES[table].split(", ")[-1].split()[0]
    rows = (
        f"select * from {table} where {known_at} >= '{day}' and {known_at} < '{day + timedelta(days=1)}' order by all"
    )
    options = (
        "format parquet" if file_format == "parquet" else "format csv, header, timestampformat '%Y-%m-%dT%H:%M:%SZ'"
    )
    file = folder / f"{day}.{file_format}"
    connection.execute(f"copy ({rows}) to '{file}' ({options})")
    count = connection.execute(f"select count(*) from ({rows})").fetchone()
    receipt = {"rows": count[0] if count else 0, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
    (folder / f"{day}.receipt.json").write_text(json.dumps(receipt) + "\n")


def load(connection: duckdb.DuckDBPyConnection, table: str, columns: str, rows: list[tuple]) -> None:
    """Puts rows into a table by way of a file, which is a hundred times faster than one by one."""
    connection.execute(f"create table {table} ({columns})")
    with tempfile.NamedTemporaryFile("w", suffix=".csv", newline="") as file:
        csv.writer(file).writerows(rows)
        file.flush()
        connection.execute(f"insert into {table} from read_csv('{file.name}', header=false, all_varchar=true)")


def main() -> None:
    parser = argparse.ArgumentParser(description="Delivers pump data into a landing zone, day by day.")
    parser.add_argument("--into", type=Path, required=True)
    parser.add_argument("--until", type=date.fromisoformat, required=True)
    arguments = parser.parse_args()
    # Shifts are planned ahead: the plan known at the end holds shifts of the two days after it.
    rows = pump_days(arguments.until + timedelta(days=3))
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        for table, columns in TYPES.items():
            load(connection, table, columns, rows[table])
        day = FIRST_DAY
        while day < arguments.until:
            for table in TABLES:
                deliver(connection, table, day, arguments.into)
            day += timedelta(days=1)


if __name__ == "__main__":
    main()
