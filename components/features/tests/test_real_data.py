"""The flights' training set against features computed by hand, straight from the delivered files.

This file knows neither the views' SQL nor DuckDB's join nor Feast: only what each feature is said to mean.
"""

import csv
import importlib.util
import random
import subprocess
from bisect import bisect_right
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest
from windsock.contracts.clock import parse_time
from windsock.contracts.use_case import load_use_case
from windsock.features.build_training_set import build, open_training_repository
from windsock.features.history import open_history

FLIGHTS = Path(__file__).parents[3] / "feature_repo"
PYTHON = FLIGHTS / ".venv" / "bin" / "python"
UNTIL = "2013-02-15"
SAMPLE = 400
HOUR, DAY = 3600, 86_400


@pytest.fixture(scope="module")
def landing(tmp_path_factory):
    """Six weeks of the real feed, a blizzard among them."""
    if not PYTHON.exists():
        pytest.skip("the environment of feature_repo is not prepared (make environments): no real data to test with")
    directory = tmp_path_factory.mktemp("real") / "landing"
    subprocess.run(
        [PYTHON, FLIGHTS / "source.py", "--into", directory, "--until", UNTIL], check=True, capture_output=True
    )
    return directory


@pytest.fixture(scope="module")
def rows(landing, tmp_path_factory):
    """The training set that the chain makes of the feed."""
    directory = tmp_path_factory.mktemp("training_set")
    for table in ("flights", "weather", "outcomes"):
        files = f"select * from read_csv('{landing}/{table}/*/*.csv', sample_size=-1)"
        duckdb.execute(f"set timezone = 'UTC'; copy ({files}) to '{directory}/{table}.parquet'")
    build(FLIGHTS, directory, directory, parse_time(UNTIL, "as_of"))
    return pq.read_table(directory / "rows.parquet")


@pytest.fixture(scope="module")
def feed(landing):
    return Feed(landing)


def test_what_views_look_back_on_is_all_that_a_day_needs(rows, feed, landing, tmp_path):
    """Each view of one day's news from facts of late, against the same rows from all facts: the setting is no guess."""
    for table in ("flights", "weather", "outcomes"):
        files = f"select * from read_csv('{landing}/{table}/*/*.csv', sample_size=-1)"
        duckdb.execute(f"set timezone = 'UTC'; copy ({files}) to '{tmp_path}/{table}.parquet'")
    use_case = load_use_case(FLIGHTS)
    as_of, since = parse_time(UNTIL, "as_of"), parse_time("2013-02-14", "since")
    facts_from = use_case.facts_from(since)
    assert facts_from is not None
    found = []
    for begins in (None, facts_from):
        with open_history(use_case, FLIGHTS, tmp_path, as_of, begins) as history:
            repository = open_training_repository(FLIGHTS, use_case, tmp_path / str(begins))
            news = {}
            for name, view in repository.views.items():
                history.compute(view)
                history.keep_news(view, since, valid_only=True)
                rows_of = f'select * from features."{name}" where greatest(event_timestamp, created_timestamp) > ?'
                order = "order by all"
                news[name] = history.connection.execute(f"{rows_of} {order}", [since]).fetchall()
            found.append(news)
    assert all(len(part) > 20 for part in found[0].values())
    assert found[0] == found[1]


def seconds(text):
    return int(datetime.fromisoformat(text).timestamp()) if text else None


def number(text):
    return float(text) if text else None


def up(time, step):
    """The end of the step of time that a moment lies in."""
    return -(-time // step) * step


def mean(values):
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def read(landing, table):
    for path in sorted((landing / table).glob("*/*.csv")):
        with path.open() as file:
            yield from csv.DictReader(file)


class News:
    """Some outcomes in the order in which they became known."""

    def __init__(self):
        self.rows, self.times = [], []

    def add(self, row):
        self.rows.append(row)
        self.times.append(row["known"])

    def between(self, after, until):
        """What became known later than `after`, and not later than `until`."""
        return self.rows[bisect_right(self.times, after) : bisect_right(self.times, until)]

    def late_share(self, after, until):
        return mean([row["late"] for row in self.between(after, until)])


class Feed:
    """The delivered files, laid out so that questions about one moment are quick to answer by hand."""

    def __init__(self, landing):
        self.planned, self.news = defaultdict(list), defaultdict(News)
        flights = {}
        for row in read(landing, "flights"):
            leaves = seconds(row["scheduled_departure_at"])
            flights[row["carrier"], row["flight_number"], row["origin"], leaves] = row
            self.planned[row["origin"]].append((leaves, seconds(row["published_at"])))
        outcomes = []
        for row in read(landing, "outcomes"):
            leaves = seconds(row["scheduled_departure_at"])
            flight = flights[row["carrier"], row["flight_number"], row["origin"], leaves]
            delay = number(row["arrival_delay_minutes"])
            outcomes.append({
                **flight,
                "known": max(seconds(row["reported_at"]), seconds(flight["published_at"])),
                "late": row["status"] != "arrived" or delay >= 15,
                "cancelled": row["status"] == "cancelled",
                "departed": seconds(row["departed_at"]),
                "departure_delay": number(row["departure_delay_minutes"]),
                "arrival_delay": delay,
                "arrived": seconds(row["arrived_at"]),
                "happened": seconds(row["arrived_at"]) or seconds(row["reported_at"]),
                "minutes": (seconds(flight["scheduled_arrival_at"]) - leaves) / 60,
            })  # fmt: skip
        for row in sorted(outcomes, key=lambda row: row["known"]):
            start, end = row["origin"], row["destination"]
            own = ("aircraft", row["tail_number"]), ("carrier", row["carrier"], start), ("route", start, end)
            for key in ("all", ("from", start), ("to", end), *own):
                self.news[key].add(row)
        self.weather = defaultdict(list)
        for row in read(landing, "weather"):
            self.weather[row["origin"]].append(row)

    def last_moments(self, key, step, cut, valid):
        """The ends of the steps in which news came, known by the cut-off and still valid, the newest first."""
        rows = self.news[key].between(cut - valid - step, cut)
        return sorted(
            {up(row["known"], step) for row in rows if cut - valid <= up(row["known"], step) <= cut}, reverse=True
        )

    def features(self, request, cut):
        return {
            **named("weather_observed", self.weather_observed(request["origin"], cut)),
            **named("airport_congestion", self.airport_congestion(request["origin"], cut)),
            **named("previous_leg", self.previous_leg(request["tail_number"], cut)),
            **named("carrier_record", self.carrier_record(request["carrier"], request["origin"], cut)),
            **named("route_record", self.route_record(request["origin"], request["destination"], cut)),
        }

    def weather_observed(self, origin, cut):
        known = [
            row for row in self.weather[origin]
            if cut - 3 * HOUR <= seconds(row["observed_at"]) <= cut and seconds(row["published_at"]) <= cut
        ]  # fmt: skip
        if not known:
            return {}
        newest = max(known, key=lambda row: row["observed_at"])
        seen, told = seconds(newest["observed_at"]), seconds(newest["published_at"])
        last = [
            row for row in self.weather[origin]
            if seen - 3 * HOUR < seconds(row["observed_at"]) <= seen and seconds(row["published_at"]) <= told
        ]  # fmt: skip
        rain = [number(row["precipitation_in"]) for row in last if row["precipitation_in"]]
        pressures = [number(row["pressure_mb"]) for row in last if row["pressure_mb"]]
        plain = newest.keys() - {"origin", "observed_at", "published_at"}
        return {
            **{name: number(newest[name]) for name in plain},
            "precipitation_3h_in": sum(rain) if rain else None,
            "pressure_change_3h_mb": number(newest["pressure_mb"]) - pressures[0] if newest["pressure_mb"] else None,
        }

    def airport_congestion(self, origin, cut):
        for moment in self.last_moments("all", 900, cut, 4 * HOUR):
            last3, last1 = (self.news["from", origin].between(moment - hours * HOUR, moment) for hours in (3, 1))
            ahead = sum(
                1.5 * HOUR <= leaves - moment <= 2.5 * HOUR and published <= moment
                for leaves, published in self.planned[origin]
            )
            if last3 or ahead:
                departed = [row["departure_delay"] for row in last3 if (row["departed"] or 0) > moment - 3 * HOUR]
                return {
                    "late_share_1h": mean([row["late"] for row in last1]),
                    "late_share_3h": mean([row["late"] for row in last3]),
                    "cancelled_share_3h": mean([row["cancelled"] for row in last3]),
                    "departure_delay_1h_minutes": mean([row["departure_delay"] for row in last1]),
                    "departure_delay_3h_minutes": mean([row["departure_delay"] for row in last3]),
                    "departed_3h_delay_minutes": mean(departed),
                    "reported_3h": len(last3),
                    "departures_ahead": ahead,
                }
        return {}

    def previous_leg(self, tail_number, cut):
        legs = [
            row for row in self.news["aircraft", tail_number].between(0, cut)
            if tail_number != "UNASSIGNED" and cut - 2 * DAY <= row["happened"] <= cut
        ]  # fmt: skip
        if not legs:
            return {}
        last = max(legs, key=lambda row: (row["happened"], row["known"], row["scheduled_departure_at"]))
        return {
            "arrival_delay_minutes": last["arrival_delay"],
            "departure_delay_minutes": last["departure_delay"],
            "arrived_at_s": last["arrived"],
            "scheduled_minutes": last["minutes"],
            "cancelled": float(last["cancelled"]),
        }

    def carrier_record(self, carrier, origin, cut):
        record = self.news["carrier", carrier, origin]
        for moment in self.last_moments("all", 3 * HOUR, cut, 2 * DAY):
            if record.between(moment - 28 * DAY, moment):
                spans = {"6h": 6 * HOUR, "1d": DAY, "7d": 7 * DAY, "28d": 28 * DAY}
                return {f"late_share_{name}": record.late_share(moment - span, moment) for name, span in spans.items()}
        return {}

    def route_record(self, origin, destination, cut):
        record, all_there = self.news["route", origin, destination], self.news["to", destination]
        for moment in self.last_moments(("to", destination), 6 * HOUR, cut, 7 * DAY):
            if last := record.between(moment - 28 * DAY, moment):
                return {
                    "distance_miles": max(number(row["distance_miles"]) for row in last),
                    "scheduled_minutes": mean([row["minutes"] for row in last]),
                    "late_share_28d": mean([row["late"] for row in last]),
                    "destination_late_share_6h": all_there.late_share(moment - 6 * HOUR, moment),
                    "destination_late_share_1d": all_there.late_share(moment - DAY, moment),
                }
        return {}


def named(view, features):
    return {f"{view}__{name}": None if value is None else float(value) for name, value in features.items()}


def test_four_hundred_random_flights_are_what_was_known_of_them(rows, feed):
    spec = importlib.util.spec_from_file_location("flights_derive", FLIGHTS / "derive.py")
    derive = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(derive)
    chosen = random.Random(7).sample(range(rows.num_rows), SAMPLE)
    filled = np.zeros(len(derive.COLUMNS))
    for row in rows.take(sorted(chosen)).to_pylist():
        cut = int(row["event_timestamp"].timestamp())
        assert row["scheduled_departure_at"].timestamp() - cut == 2 * HOUR
        expected = np.array(derive.derive(row, feed.features(row, cut)), np.float32)
        found = np.array([row[name] for name in derive.COLUMNS], np.float32)
        differing = ~(np.isclose(found, expected, rtol=1e-6, atol=1e-5, equal_nan=True))
        assert not differing.any(), (
            row["scheduled_departure_at"],
            {name: (f, e) for name, f, e, d in zip(derive.COLUMNS, found, expected, differing, strict=True) if d},
        )
        filled += ~np.isnan(found)
    assert (filled > SAMPLE * 0.1).all(), dict(zip(derive.COLUMNS, filled, strict=True))


def test_labels_are_those_of_the_feed_and_all_due_flights_are_there(rows, feed):
    due = datetime(2013, 2, 13, tzinfo=UTC).timestamp()
    expected = {
        (row["carrier"], int(row["flight_number"]), row["origin"], leaves): int(row["late"])
        for row in feed.news["all"].rows
        if (leaves := seconds(row["scheduled_departure_at"])) <= due
    }
    names = ("carrier", "flight_number", "origin", "scheduled_departure_at", "not_on_time")
    found = {}
    for carrier, flight_number, origin, leaves, label in zip(*(rows[name].to_pylist() for name in names), strict=True):
        found[carrier, flight_number, origin, int(leaves.timestamp())] = label
    assert found == expected
