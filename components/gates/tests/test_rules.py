from pathlib import Path

import pytest
from shop import RULE, write_use_case
from windsock.contracts.errors import InputError
from windsock.gates.duck import check_queries
from windsock.gates.rules import Severity, load_rules, parse_rule

GOOD = RULE.format(severity="quarantine", tolerance=0.001, tolerance_a_day=0.05)


def test_a_rule_is_its_header_and_its_query() -> None:
    rule = parse_rule("negative", GOOD)
    assert (rule.name, rule.severity, rule.header.tolerance) == ("negative", Severity.QUARANTINE, 0.001)
    assert rule.query == "select order_number from orders where revenue < 0"


@pytest.mark.parametrize(
    "old, new, named",
    [
        ("quarantine", "ignore", "severity"),
        ("0.001", "1.5", "tolerance"),
        ("0.001", "nan", "tolerance"),
        ("0.05", "-0.1", "tolerance_a_day"),
        ("0.05", "some", "tolerance_a_day"),
        ("-- owner: controlling\n", "", "owner"),
        ("-- owner: controlling", "-- owner:", "owner"),
        ("-- origin: a test", "-- origin: ", "origin"),
        ("-- owner: controlling", "-- owner: a\n-- owner: b", "owner"),
        ("-- owner: controlling", "-- owner: a\n-- disabled: true", "disabled"),
        ("-- owner: controlling", "-- owner: a\n-- a remark", "negative"),
        ("select order_number from orders where revenue < 0", "", "negative"),
    ],
)
def test_a_bad_rule_is_refused_by_name(old: str, new: str, named: str) -> None:
    assert old in GOOD
    with pytest.raises(InputError) as error:
        parse_rule("negative", GOOD.replace(old, new))
    assert "negative" in error.value.field
    assert named in error.value.field


@pytest.mark.parametrize(
    "query",
    [
        "delete from orders",
        "select 1; drop table orders",
        "copy orders to '/tmp/stolen.csv'",
        "attach '/tmp/other.db'",
        "set enable_external_access = true",
        "selekt 1",
        "",
    ],
)
def test_a_rule_is_one_query_and_nothing_else(query: str) -> None:
    with pytest.raises(InputError, match="one select"):
        check_queries({"negative": query})


def test_a_use_case_without_rules_is_refused(tmp_path: Path) -> None:
    directory = write_use_case(tmp_path / "use_case")
    (directory / "rules/orders_negative_revenue.sql").unlink()
    with pytest.raises(InputError, match="at least one file"):
        load_rules(directory)


def test_a_rule_is_read_as_utf8(tmp_path: Path) -> None:
    directory = write_use_case(tmp_path / "use_case")
    (directory / "rules/latin.sql").write_bytes("-- owner: Gérard".encode("latin-1"))
    with pytest.raises(InputError, match="UTF-8"):
        load_rules(directory)
