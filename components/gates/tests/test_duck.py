from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pytest
from shop import ROWS, write_snapshot
from windsock.contracts.errors import InputError
from windsock.contracts.use_case import Table
from windsock.gates.duck import RuleError, Tables, split_table
from windsock.gates.windows import Span

TABLES = {"orders": Table(("order_number",), "ordered_at", "recorded_at")}
AS_OF = datetime(2020, 4, 1, tzinfo=UTC)


def tables(directory: Path, statements: str = "", zone: str = "Europe/Berlin") -> Tables:
    return Tables(write_snapshot(directory, statements), TABLES, zone, AS_OF)


@pytest.mark.parametrize(
    "query",
    [
        "select order_number from read_csv('{file}')",
        "select order_number from '{file}'",
        "select order_number from orders, glob('/*')",
        "select content as order_number from read_text('{file}')",
        "select order_number from read_csv('https://example.org/rows.csv')",
        "select order_number from nowhere",
        "select lost from orders",
        "select shop from orders",
    ],
)
def test_a_rule_reads_the_tables_and_nothing_else(query: str, tmp_path: Path) -> None:
    file = tmp_path / "secret.csv"
    file.write_text("order_number\n1\n2\n")
    with tables(tmp_path) as opened, pytest.raises(RuleError):
        opened.offenders("orders", query.format(file=file))


def test_a_rule_finds_its_rows_and_their_worst_day(tmp_path: Path) -> None:
    with tables(tmp_path) as opened:
        found = opened.offenders("orders", "select order_number from orders where order_number in (3, 100, 101)")
    assert found.rows == (3, 100, 101)
    assert found.worst_day == date(2020, 1, 2)
    assert found.worst_day_share == pytest.approx(2 / 96)


def test_a_rule_may_return_no_key_at_all(tmp_path: Path) -> None:
    with tables(tmp_path, "update orders set order_number = null where order_number = 5") as opened:
        found = opened.offenders("orders", "select order_number from orders where order_number is null")
    assert len(found.rows) == 1


def test_a_rule_knows_the_time_it_judges_at(tmp_path: Path) -> None:
    with tables(tmp_path) as opened:
        query = "select order_number from orders where ordered_at > getvariable('as_of') - interval '3 hours'"
        assert len(opened.offenders("orders", query).rows) == 11


def test_days_are_those_of_the_zone(tmp_path: Path) -> None:
    with tables(tmp_path) as opened:
        span, first = opened.span("orders", "", 0, AS_OF)
        assert (first, span) == (date(2020, 1, 1), Span(date(2020, 1, 2), date(2020, 3, 31)))
        assert opened.span("orders", "2020-01-01", 3, AS_OF)[0] == Span(date(2020, 1, 1), date(2020, 3, 30))
        days = opened.days("orders", ["revenue", "note", "lost"])
    assert days[date(2020, 1, 1)].rows == 96
    # The clocks of Berlin went forward on 29 March: the day has 23 hours, and none between two and three.
    assert days[date(2020, 3, 29)].rows == 92
    assert 2 not in days[date(2020, 3, 29)].hours
    assert set(days[date(2020, 1, 1)].means) == {"revenue"}


def test_what_is_no_number_counts_as_missing(tmp_path: Path) -> None:
    spoil = "update orders set revenue = case order_number when 24 then 'inf' else 'nan' end where order_number < 25"
    with tables(tmp_path, spoil) as opened:
        day = opened.days("orders", ["revenue"])[date(2020, 1, 1)]
    assert day.nulls["revenue"] == pytest.approx(25 / 96)
    assert day.means["revenue"] == pytest.approx(44.5, abs=10)


def test_broken_keys_are_counted(tmp_path: Path) -> None:
    spoil = (
        "update orders set order_number = case order_number when 1 then null else 7 end where order_number in (1, 8, 9)"
    )
    with tables(tmp_path, spoil) as opened:
        assert opened.broken_keys("orders") == (1, 3)


def test_rows_set_aside_are_gone_from_what_is_measured(tmp_path: Path) -> None:
    with tables(tmp_path) as opened:
        opened.set_aside("orders", [0, 5])
        assert opened.count("orders") == ROWS - 2
        assert opened.offenders("orders", "select order_number from orders where order_number < 7").rows == (
            1,
            2,
            3,
            4,
            6,
        )


@pytest.mark.parametrize("zone", ["Mars/Olympus", "', now()) --", ""])
def test_an_unknown_zone_is_refused(zone: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="time_zone"):
        tables(tmp_path, zone=zone)


def test_a_missing_or_broken_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="snapshot table orders"):
        Tables(tmp_path, TABLES, "UTC", AS_OF)
    (tmp_path / "orders.parquet").write_bytes(b"PAR1 but no more than that")
    with pytest.raises(InputError, match="a readable Parquet file"):
        Tables(tmp_path, TABLES, "UTC", AS_OF)


def test_split_keeps_every_row_once(tmp_path: Path) -> None:
    source = write_snapshot(tmp_path) / "orders.parquet"
    judged, quarantine = tmp_path / "judged.parquet", tmp_path / "quarantine.parquet"
    assert split_table(source, {4: "a", 9: "a, b"}, judged, quarantine) == (ROWS - 2, 2)
    with duckdb.connect() as connection:
        away = connection.execute(f"select order_number, rule from '{quarantine}' order by 1").fetchall()
        both = f"(select * exclude (rule) from '{quarantine}' union all from '{judged}')"
        differences = connection.execute(f"select count(*) from (from '{source}' except all from {both})").fetchone()
        types = [connection.sql(f"from '{path}'").types for path in (source, judged)]
    assert away == [(4, "a"), (9, "a, b")]
    assert differences == (0,)
    assert types[0] == types[1]


def test_split_of_nothing_keeps_the_bytes(tmp_path: Path) -> None:
    source = write_snapshot(tmp_path) / "orders.parquet"
    judged, quarantine = tmp_path / "judged.parquet", tmp_path / "quarantine.parquet"
    assert split_table(source, {}, judged, quarantine) == (ROWS, 0)
    assert judged.read_bytes() == source.read_bytes()
