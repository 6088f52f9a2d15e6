from pathlib import Path

import pytest
from shop import write_use_case
from windsock.contracts.clock import parse_time
from windsock.contracts.errors import InputError
from windsock.contracts.use_case import load_use_case
from windsock.gates.tfdv import load_schema
from windsock.gates.validate_data import make_gate


def load(directory: Path, edits: dict[str, str]) -> None:
    write_use_case(directory, edits=edits)
    make_gate(load_use_case(directory), directory, parse_time("2020-04-01", "as_of"))


def test_the_small_use_case_loads(tmp_path: Path) -> None:
    load(tmp_path / "use_case", {})


def test_an_infinity_norm_of_numbers_is_refused_when_the_policy_is_loaded(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        load(tmp_path / "use_case", {'revenue = { measure = "jensen_shannon"': 'revenue = { measure = "l_infinity"'})
    assert error.value.field == "gates.tables.orders.distributions.revenue.measure"
    assert "infinity norm" in str(error.value)


@pytest.mark.parametrize(
    "old, new, named",
    [
        ("event_hour =", "weekday =", "distributions.weekday"),
        ("event_hour =", "recorded_at =", "distributions.recorded_at"),
        ('"l_infinity", limit = 0.1', '"chi_squared", limit = 0.1', "distributions.shop.measure"),
        ('"l_infinity", limit = 0.1', '"l_infinity", limit = 1.1', "l_infinity.limit"),
        ('limit = 0.1, origin = "a test" }\nrevenue', 'limit = 0.1, origin = "" }\nrevenue', "origin"),
        ("[gates.tables.orders.daily_means]\nrevenue", "[gates.tables.orders.daily_means]\nnote", "daily_means.note"),
        ("low = { limit = 0.5", "low = { limit = 1.5", "low"),
        ("missing_hours = { limit = 2", "missing_hours = { limit = 24", "missing_hours"),
        ('starts_on = "2020-01-01"', 'starts_on = "January"', "starts_on"),
        ('starts_on = "2020-01-01"', "complete_after_hours = -1", "complete_after_hours"),
        ('time_zone = "Europe/Berlin"', 'time_zone = "Europe/Berlin"\nreference_days = 7', "reference_days"),
        ('time_zone = "Europe/Berlin"', 'time_zone = "Europe/Berlin"\nenabled = false', "gates.enabled"),
        ("[gates.tables.orders", "[gates.tables.returns", "gates.tables"),
        ("-- table: orders", "-- table: returns", "table"),
        ('feature {\n  name: "orders"', 'feature {\n  name: "returns"', "schema"),
        ("presence { min_count: 100 }", "", "schema: orders"),
        ("type: STRUCT", "type: BYTES", "schema: orders"),
        ("string_domain {", "string_domains {", "schema"),
        ('name: "note"', 'name: "event_hour"', "column"),
    ],
)
def test_a_bad_policy_is_refused_by_name(old: str, new: str, named: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        load(tmp_path / "use_case", {old: new})
    assert named in error.value.field


def test_a_table_without_settings_is_refused(tmp_path: Path) -> None:
    text = (
        '\n[tables.returns]\nkey = ["order_number"]\nevent_time = "ordered_at"\ncreated_time = "recorded_at"\n\n[label]'
    )
    with pytest.raises(InputError, match="every table of the use case is judged"):
        load(tmp_path / "use_case", {"[label]": text})


def test_a_schema_of_several_tables(tmp_path: Path) -> None:
    directory = write_use_case(tmp_path / "use_case")
    schema = load_schema(directory)["orders"]
    assert schema.least_rows == 100
    assert schema.kinds["shop"] == "text"
    assert schema.kinds["ordered_at"] == "time"
    assert (schema.kinds["order_number"], schema.kinds["revenue"]) == ("whole number", "number")


def test_a_schema_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="schema"):
        load_schema(tmp_path)
