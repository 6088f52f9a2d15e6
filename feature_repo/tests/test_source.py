"""The upstream feed delivers whole days, once, and tells nothing before its time."""

import hashlib
import importlib.util
import json
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

FILE = Path(__file__).parents[1] / "source.py"
KEYS = {
    "flights": "carrier, flight_number, origin, scheduled_departure_at",
    "weather": "origin, observed_at",
    "outcomes": "carrier, flight_number, origin, scheduled_departure_at",
}
TABLES = sorted(KEYS)
FIRST, SECOND, UNTIL = date(2012, 12, 31), date(2013, 1, 1), date(2013, 1, 4)


@pytest.fixture(scope="session")
def source():
    spec = importlib.util.spec_from_file_location("flights_source", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def upstream(source):
    """All tables of the whole year."""
    with duckdb.connect() as connection:
        source.load(connection)
        yield connection


def one(connection, query: str):
    return connection.execute(query).fetchone()[0]


def place(landing: Path, table: str, day: date) -> Path:
    return landing / table / f"{day:%Y-%m}" / f"{day}.csv"


def receipt(file: Path) -> Path:
    return file.with_name(f"{file.stem}.receipt.json")


def contents(landing: Path) -> dict[str, bytes]:
    return {path.relative_to(landing).as_posix(): path.read_bytes() for path in landing.rglob("*") if path.is_file()}


@pytest.fixture(scope="session")
def delivered(source, tmp_path_factory) -> Path:
    """Four days of all tables, delivered at one go."""
    landing = tmp_path_factory.mktemp("delivered")
    assert source.release(landing, UNTIL) == 4 * len(TABLES)
    return landing


def days(until: date = UNTIL) -> list[date]:
    return [FIRST + timedelta(days=number) for number in range((until - FIRST).days)]


def test_every_table_has_a_file_and_a_receipt_a_day_and_nothing_else(delivered):
    expected = {place(delivered, table, day) for table in TABLES for day in days()}
    expected |= {receipt(file) for file in expected}
    assert {delivered / name for name in contents(delivered)} == expected


def test_receipts_say_what_the_files_hold(delivered):
    for table in TABLES:
        for day in days():
            file = place(delivered, table, day)
            said = json.loads(receipt(file).read_text())
            assert said["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
            assert said["rows"] == len(file.read_text().splitlines()) - 1


def test_a_day_without_rows_is_a_header_and_a_receipt(delivered):
    file = place(delivered, "outcomes", FIRST)
    assert file.read_text().startswith("carrier,flight_number,origin,scheduled_departure_at,status")
    assert json.loads(receipt(file).read_text())["rows"] == 0


def test_a_broken_off_feed_goes_on_where_it_stopped(source, delivered, tmp_path):
    """As after a power cut: days whole, half-written, and not begun; what is whole stays as it is, byte for byte."""
    whole = place(tmp_path, "weather", FIRST)
    whole.parent.mkdir(parents=True)
    whole.write_text("delivered before, and not to be touched")
    receipt(whole).write_text("{}")
    half = place(tmp_path, "weather", SECOND)
    half.parent.mkdir(parents=True)
    half.write_text("origin,observed_at\nEW")
    half.with_name(f".{SECOND}.partial").write_text("less")
    assert source.release(tmp_path, UNTIL) == 4 * len(TABLES) - 1
    found, expected = contents(tmp_path), contents(delivered)
    for file in (whole, receipt(whole)):
        name = file.relative_to(tmp_path).as_posix()
        assert found.pop(name) != expected.pop(name)
    assert found == expected


def test_nothing_is_done_when_all_is_there(source, delivered):
    before = contents(delivered)
    assert source.release(delivered, UNTIL) == 0
    assert source.release(delivered, UNTIL - timedelta(days=2)) == 0
    assert contents(delivered) == before


def test_a_feed_that_has_no_day_to_deliver_delivers_none(source, tmp_path):
    assert source.release(tmp_path, FIRST) == 0
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("table", TABLES)
def test_a_file_holds_what_became_known_on_its_day_and_nothing_later(source, delivered, table):
    known_at = source.KNOWN_AT[table]
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        for day in days():
            rows = f"read_csv('{place(delivered, table, day)}', all_varchar=true)"
            query = f"select count(*) from {rows} where not starts_with({known_at}, '{day}T')"
            assert one(connection, query) == 0


@pytest.mark.parametrize("table", TABLES)
def test_the_files_together_hold_every_row_once(source, upstream, delivered, table):
    files = [
        str(place(delivered, table, day))
        for day in days()
        if json.loads(receipt(place(delivered, table, day)).read_text())["rows"]
    ]
    found = f"select * from read_csv({files}, union_by_name=true)"
    expected = f"select * from {table} where {source.KNOWN_AT[table]} < '{UNTIL}'::date"
    assert one(upstream, f"select count(*) from ({found})") == one(upstream, f"select count(*) from ({expected})") > 0
    assert one(upstream, f"select count(*) from ({found} except all {expected})") == 0


@pytest.mark.parametrize("table", TABLES)
def test_every_row_of_the_year_becomes_known_within_the_days_of_the_feed(source, upstream, table):
    known_at = source.KNOWN_AT[table]
    inside = f"{known_at} >= '{source.FIRST_DAY}'::date and {known_at} < '{source.LAST_DAY}'::date"
    assert one(upstream, f"select count(*) from {table} where not coalesce({inside}, false)") == 0


@pytest.mark.parametrize("table, key", KEYS.items())
def test_keys_are_unique_and_complete(upstream, table, key):
    assert one(upstream, f"select count(*) - count(distinct ({key})) from {table}") == 0
    missing = " or ".join(f"{column} is null" for column in key.split(", "))
    assert one(upstream, f"select count(*) from {table} where {missing}") == 0


def test_every_flight_of_the_source_is_there_and_has_one_outcome(upstream):
    assert one(upstream, "select count(*) from flights_raw") == 336_776
    assert one(upstream, "select count(*) from flights") == 336_776
    unmatched = f"select count(*) from flights full join outcomes using ({KEYS['flights']}) where status is null"
    assert one(upstream, unmatched) == 0


@pytest.mark.parametrize(
    "promise",
    [
        "select count(*) from flights where published_at <> scheduled_departure_at - interval 24 hours",
        "select count(*) from weather where published_at <> observed_at + interval 10 minutes",
        "select count(*) from outcomes where reported_at < scheduled_departure_at",
        "select count(*) from outcomes where status = 'arrived' and reported_at <> arrived_at + interval 15 minutes",
        "select count(*) from outcomes where reported_at < departed_at",
    ],
)
def test_nothing_is_known_before_it_can_be(upstream, promise):
    assert one(upstream, promise) == 0


@pytest.mark.parametrize(
    "impossible",
    [
        "select count(*) from flights where scheduled_arrival_at <= scheduled_departure_at",
        "select count(*) from flights where scheduled_arrival_at > scheduled_departure_at + interval 18 hours",
        "select count(*) from outcomes where (status = 'arrived') <> (arrived_at is not null)",
        "select count(*) from outcomes where (status = 'cancelled') <> (departed_at is null)",
        "select count(*) from outcomes where arrived_at < departed_at",
    ],
)
def test_times_fit_together_across_zones_and_midnights(upstream, impossible):
    assert one(upstream, impossible) == 0


def test_a_tail_number_is_always_there_and_never_a_mark(upstream):
    """Where the source knows none, the flight was cancelled: a gap or a stand-in would give that away."""
    assert one(upstream, "select count(*) from flown where tailnum is null and dep_time is not null") == 0
    assert one(upstream, "select count(*) from flown where tailnum is null") > 2000
    assert one(upstream, "select count(*) from flights where tail_number is null or tail_number = 'UNASSIGNED'") == 0
    on_flown = "select tail_number from flown where dep_time is not null"
    assert one(upstream, f"select count(*) from flown where tailnum is null and tail_number not in ({on_flown})") == 0


def test_a_planned_aircraft_is_no_odder_than_a_recorded_one_on_a_cancelled_flight(upstream):
    """An aircraft due elsewhere when it should leave: as often where it was filled in as where the source knew it."""
    overlaps = """
        select avg(cast(overlap as integer)) from (
            select tailnum is null as filled_in, dep_time is null as cancelled, scheduled_departure_at <
                lag(scheduled_arrival_at) over (partition by tail_number order by scheduled_departure_at) as overlap
            from flown
        ) where cancelled and """
    filled_in, recorded = one(upstream, overlaps + "filled_in"), one(upstream, overlaps + "not filled_in")
    assert filled_in < recorded + 0.01


def test_a_planned_aircraft_is_known_from_earlier_flights_alone(source, upstream):
    """The first two months give the same tail numbers whether the rest of the year has happened or not."""
    upstream.execute("create schema early; set search_path = 'early,main'")
    upstream.execute("create table early.flights_raw as select * from main.flights_raw where month <= 2")
    upstream.execute(source.SCHEDULE)
    upstream.execute("set search_path = 'main'")
    filled_in = one(upstream, "select count(*) from early.flown where tailnum is null")
    assert filled_in > 500
    key = KEYS["flights"]
    different = f"select count(*) from early.flown e join flown f using ({key}) where e.tail_number <> f.tail_number"
    assert one(upstream, different) == 0


@pytest.mark.parametrize(
    "arguments, line",
    [
        (["--until", "2013-07-01"], "error: the following arguments are required: --into"),
        (["--into", "x"], "error: the following arguments are required: --until"),
        (["--into", "x", "--until", "July"], "source: --until: got 'July', expected a day such as 2013-07-01"),
    ],
)
def test_a_bad_command_line_is_one_line(tmp_path, arguments, line):
    command = [sys.executable, str(FILE), *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert result.returncode != 0
    assert result.stderr.splitlines()[-1].endswith(line)
    assert not list(tmp_path.iterdir())


def test_the_command_says_how_far_it_got(delivered):
    command = [sys.executable, str(FILE), "--into", str(delivered), "--until", str(UNTIL)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stderr == f"landing zone {delivered}: 0 new files, complete until 2013-01-04\n"


def test_incidents_change_their_days_and_no_other(source, delivered, tmp_path):
    (tmp_path / "incidents.toml").write_text(
        """[[data]]
        sql = ["update weather set published_at = published_at + interval 1 day where published_at < '2013-01-02'"]
        """
    )
    source.release(tmp_path / "landing", UNTIL, tmp_path / "incidents.toml")
    other, usual = contents(tmp_path / "landing"), contents(delivered)
    changed = {name.split(".")[0] for name in usual if other[name] != usual[name]}
    assert changed == {"weather/2013-01/2013-01-01", "weather/2013-01/2013-01-02"}


def test_the_incidents_of_the_year_run(source):
    with duckdb.connect() as connection:
        source.load(connection)
        rows = {table: one(connection, f"select count(*) from {table}") for table in TABLES}
        source.apply(connection, FILE.with_name("incidents.toml"))
        more = {table: one(connection, f"select count(*) from {table}") - rows[table] for table in TABLES}
        assert more == {"flights": 0, "outcomes": 0, "weather": 2 * 24 * 3}
        cold = "select max(temperature_f) from weather where published_at between '2013-05-16' and '2013-05-17'"
        assert one(connection, cold) < 35


@pytest.mark.parametrize("text", ["data = [", "[[data]]\nname = 'x'", "[[data]]\nname = 'x'\nsql = ['nonsense']"])
def test_an_incident_that_does_not_run_is_one_line(source, tmp_path, text):
    (tmp_path / "incidents.toml").write_text(text)
    with pytest.raises(SystemExit, match=r"^source: .*incidents.toml.*expected"):
        source.release(tmp_path / "landing", UNTIL, tmp_path / "incidents.toml")
    assert not (tmp_path / "landing").exists()
