"""The views' SQL: what became known after a cut-off never shows in a row that could be seen at it.

Random small worlds with corrections, late news and nonsense; everything that was created after a random cut-off is
dropped, altered or joined by more. The rows of every view that happened and were known by then must stay the same.
"""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

ROOT = Path(__file__).parents[1]
VIEWS = sorted(path.stem for path in (ROOT / "views").glob("*.sql"))
START = datetime(2013, 2, 1, tzinfo=UTC)
DAYS = 40
SCHEMA = """
set timezone = 'UTC'; set threads = 1;
create table flights (carrier varchar, flight_number bigint, tail_number varchar, origin varchar, destination varchar,
    scheduled_departure_at timestamptz, scheduled_arrival_at timestamptz, distance_miles bigint,
    published_at timestamptz);
create table outcomes (carrier varchar, flight_number bigint, origin varchar, scheduled_departure_at timestamptz,
    status varchar, departed_at timestamptz, departure_delay_minutes bigint, arrived_at timestamptz,
    arrival_delay_minutes bigint, air_time_minutes bigint, reported_at timestamptz);
create table weather (origin varchar, observed_at timestamptz, temperature_f double, dew_point_f double,
    humidity_pct double, wind_direction_deg bigint, wind_speed_mph double, wind_gust_mph double,
    precipitation_in double, pressure_mb double, visibility_mi double, published_at timestamptz);
"""


def minutes(count):
    return timedelta(minutes=count)


def random_flight(chance, number, origins):
    """A flight and, mostly, its outcome; either may have been corrected long after."""
    departure = START + minutes(chance.choice([chance.randrange(DAYS * 1440), chance.randrange(3 * 1440)]))
    arrival = departure + minutes(chance.choice([45, 60, 60, 200]))
    carrier, origin = chance.choice(["UA", "EV"]), chance.choice(origins)
    tail = chance.choice(["N1", "N2", "N3", "UNASSIGNED"])
    published = departure - minutes(1440) + minutes(chance.choice([0, 0, 0, 1500, 3000, 20_000]))
    flight = (carrier, number, tail, origin, chance.choice(["BOS", "LAX"]), departure, arrival, 300, published)
    status = chance.choice(["arrived", "arrived", "arrived", "cancelled", "diverted", None, "lost"])
    delay = chance.choice([-5, 0, 14, 15, 100, None])
    late = minutes(delay or 0)
    arrived = arrival + late if status == "arrived" else None
    reported = (arrived or departure) + minutes(chance.choice([15, 15, 15, -30, 0, 700, 30_000]))
    outcome = (carrier, number, origin, departure, status, departure + late, delay, arrived, delay, 40, reported)
    return flight, outcome if chance.random() < 0.9 else None


def random_observation(chance, hour):
    origin, seen = chance.choice(["EWR", "JFK"]), START + minutes(60 * hour)
    told = seen + minutes(chance.choice([10, 10, 10, 130, 3000]))
    rain, pressure = chance.choice([0.0, 0.01, 0.37, None]), chance.choice([1000.1, 1003.4, None])
    return (origin, seen, 40.0, 30.0, 50.0, chance.choice([90, None]), 5.0, None, rain, pressure, 10.0, told)


def random_world(chance, first_number=0, origins=("EWR", "JFK", "XXX")):
    """Rows by table; the last column of each is when the row became known."""
    pairs = [random_flight(chance, first_number + number, origins) for number in range(chance.randrange(5, 60))]
    weather = {row[:2]: row for row in (random_observation(chance, chance.randrange(80)) for _ in range(40))}
    return {
        "flights": [flight for flight, _ in pairs],
        "outcomes": [outcome for _, outcome in pairs if outcome],
        "weather": list(weather.values()),
    }


def after(chance, world, cut):
    """Another world that is the same up to the cut-off, and different in all that was created after it."""
    more = random_world(chance, first_number=1000, origins=("EWR", "NEW"))
    other = {}
    for table, rows in world.items():
        known = [row for row in rows if row[-1] <= cut]
        keys = {(row[0], row[1]) for row in known}
        kept = [row for row in rows if row[-1] > cut and chance.random() < 0.4]
        replaced = [(*row[:-4], *chance.choice(more[table])[-4:-1], row[-1] + minutes(7)) for row in kept]
        new = [row for row in more[table] if row[-1] > cut and (row[0], row[1]) not in keys]
        other[table] = known + list({(row[0], row[1], row[3]): row for row in replaced + new}.values())
    return other


def fill(connection, world):
    """Lays out the tables, each in one statement."""
    connection.execute(SCHEMA)
    for table, rows in world.items():
        if rows:
            places = ", ".join(f"({', '.join('?' * len(row))})" for row in rows)
            connection.execute(f"insert into {table} values {places}", [value for row in rows for value in row])


def seen_at(world, cut):
    """For each view and for the labels: the sorted rows that happened and were known by the cut-off."""
    with duckdb.connect() as connection:
        fill(connection, world)
        connection.execute(f"create table labels as {(ROOT / 'labels.sql').read_text()}")
        labels = "select to_json(labels)::varchar from labels where label_known_at <= ? order by 1"
        requests = """
            select to_json(asked)::varchar from (select * exclude (not_on_time, label_known_at) from labels) as asked
            where request_known_at <= ? order by 1"""
        found = {
            "labels": connection.execute(labels, [cut]).fetchall(),
            "requests": connection.execute(requests, [cut]).fetchall(),
        }
        for view in VIEWS:
            sql = (ROOT / "views" / f"{view}.sql").read_text()
            known = f"""
                select to_json(seen)::varchar from ({sql}) as seen
                where event_timestamp <= ? and created_timestamp <= ? order by 1"""
            found[view] = connection.execute(known, [cut, cut]).fetchall()
        return found


@pytest.mark.parametrize("block", range(10))
def test_nothing_that_became_known_later_shows(block):
    rows = 0
    for seed in range(block * 8, block * 8 + 8):
        chance = random.Random(seed)
        world = random_world(chance)
        cut = START + minutes(chance.choice([chance.randrange(3 * 1440), chance.randrange(DAYS * 1440)]))
        before, later = seen_at(world, cut), seen_at(after(chance, world, cut), cut)
        assert before == later, seed
        rows += sum(map(len, before.values()))
    assert rows > 100, "a test on empty views proves nothing"


def test_a_missing_outcome_is_no_label_and_neither_is_one_that_says_nothing():
    world = {
        "flights": [
            ("UA", n, "N1", "EWR", "BOS", START, START + minutes(60), 300, START - minutes(1440)) for n in range(6)
        ],
        "outcomes": [
            ("UA", 0, "EWR", START, "arrived", START, 0, START, 14, 40, START + minutes(75)),
            ("UA", 1, "EWR", START, "arrived", START, 0, START, 15, 40, START + minutes(75)),
            ("UA", 2, "EWR", START, "cancelled", None, None, None, None, None, START),
            ("UA", 3, "EWR", START, "diverted", START, 0, None, None, None, START + minutes(240)),
            ("UA", 4, "EWR", START, "arrived", START, 0, START, None, None, START + minutes(75)),
        ],
        "weather": [],
    }  # fmt: skip
    with duckdb.connect() as connection:
        fill(connection, world)
        sql = (ROOT / "labels.sql").read_text()
        labels = connection.execute(
            f"select flight_number, not_on_time, label_known_at::varchar from ({sql}) order by 1"
        ).fetchall()
    assert [row[1] for row in labels] == [0, 1, 1, 1, None, None]
    assert labels[5][2] is None
    assert labels[2][2] == "2013-02-01 00:00:00+00"


def test_an_aircraft_that_nobody_assigned_has_no_previous_leg():
    """Cancelled flights without an aircraft must not be told by a leg that they share."""
    flight = ("UA", 1, "UNASSIGNED", "EWR", "BOS", START, START + minutes(60), 300, START - minutes(1440))
    outcome = ("UA", 1, "EWR", START, "cancelled", None, None, None, None, None, START)
    found = seen_at({"flights": [flight], "outcomes": [outcome], "weather": []}, START + minutes(1))
    assert found["previous_leg"] == []
    assert len(found["carrier_record"]) == 1


def test_two_last_legs_in_one_minute_are_one_row():
    """Feast takes any of several rows of the same key and times; the view must not leave it the choice."""
    flights = [
        ("UA", n, "N1", "EWR", "BOS", START + minutes(n), START + minutes(60), 300, START - minutes(1)) for n in (1, 2)
    ]
    outcomes = [
        ("UA", n, "EWR", START + minutes(n), "arrived", START, 0, START + minutes(90), n, 40, START + minutes(95))
        for n in (1, 2)
    ]
    found = seen_at({"flights": flights, "outcomes": outcomes, "weather": []}, START + minutes(200))["previous_leg"]
    assert len(found) == 1
    assert '"arrival_delay_minutes":2' in found[0][0]
