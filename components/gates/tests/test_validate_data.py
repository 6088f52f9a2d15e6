"""The whole step on a small use case: what it refuses, what it sets aside, and what it leaves alone."""

import json
from pathlib import Path

import duckdb
import pytest
from shop import AS_OF, ORDERS, ROWS, RULE, Run, run_step, validate, write_snapshot, write_use_case
from windsock.contracts.artifact import Origin, new_artifact, open_artifact
from windsock.contracts.threads import THREADS
from windsock.contracts.verdict import Outcome

ON_DAY = "ordered_at::date = date '2020-03-04'"
SINCE = "ordered_at >= timestamptz '2020-03-15'"


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return validate(tmp_path_factory.mktemp("clean"))


HIGH = "volume/orders/high"


def until(day: str) -> str:
    return f"select * from ({ORDERS}) where ordered_at < timestamptz '{day}'"


def count(path: Path) -> int:
    with duckdb.connect() as connection:
        row = connection.execute(f"select count(*) from '{path}'").fetchone()
    return int(row[0]) if row else -1


def test_good_data_passes(clean: Run) -> None:
    assert clean.code == 0
    assert clean.reasons == []
    assert clean.verdict.outcome is Outcome.PASSED
    assert len(clean.verdict.findings) > 25


def test_good_data_keeps_its_bytes(clean: Run) -> None:
    paths = [clean.directory / name / "orders.parquet" for name in ("snapshot", "judged")]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert count(clean.directory / "quarantine/orders.parquet") == 0


def test_the_chain_is_sealed(clean: Run) -> None:
    snapshot = open_artifact(clean.directory / "snapshot")
    for kind in ("judged", "quarantine", "verdict"):
        artifact = open_artifact(clean.directory / kind, kind)
        assert artifact.origin.inputs["snapshot"] == snapshot.digest
        assert artifact.origin.as_of == AS_OF
    output = json.loads((clean.directory / "validate_data.json").read_text())
    assert set(output["artifacts"]) == {"judged", "quarantine", "verdict", "report", "metrics"}


def test_the_same_data_gives_the_same_bytes_by_however_many_threads(
    clean: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(THREADS, "1")
    again = validate(tmp_path)
    for kind in ("judged", "quarantine", "verdict"):
        assert open_artifact(again.directory / kind).digest == open_artifact(clean.directory / kind).digest


def test_a_finding_says_how_much_on_what_and_who(clean: Run) -> None:
    finding = clean.finding("distribution/orders/revenue")
    assert finding.effect is not None
    assert 0 <= finding.effect < 0.2
    assert finding.sample_size == 28 * 96 - 4  # the clocks went forward
    assert (finding.threshold, finding.threshold_origin, finding.owner) == (0.2, "a test", "controlling")
    assert clean.finding("volume/orders/low").owner == "sales"


def test_a_few_bad_rows_are_set_aside_and_counted(tmp_path: Path) -> None:
    run = validate(tmp_path, "update orders set revenue = -5 where order_number in (100, 1000, 4000)")
    assert run.reasons == []
    assert run.finding("rule/orders_negative_revenue").effect == pytest.approx(3 / ROWS)
    assert count(tmp_path / "judged/orders.parquet") == ROWS - 3
    with duckdb.connect() as connection:
        rows = connection.execute(f"select order_number, rule from '{tmp_path}/quarantine/orders.parquet'").fetchall()
    assert rows == [
        (100, "orders_negative_revenue"),
        (1000, "orders_negative_revenue"),
        (4000, "orders_negative_revenue"),
    ]
    accounting = run.finding("accounting/orders")
    assert accounting.message == f"{ROWS:,} rows in, {ROWS - 3:,} judged and 3 quarantined"
    assert open_artifact(tmp_path / "quarantine").details == {"rows_orders": 3}


def test_too_many_bad_rows_are_refused_and_still_accounted_for(tmp_path: Path) -> None:
    run = validate(tmp_path, "update orders set revenue = -revenue where order_number % 50 = 0")
    assert {"rule/orders_negative_revenue", "quarantine/orders"} <= set(run.reasons)
    assert count(tmp_path / "judged/orders.parquet") + count(tmp_path / "quarantine/orders.parquet") == ROWS
    assert run.finding("accounting/orders").outcome is Outcome.PASSED


def test_a_bad_day_is_refused_even_if_the_year_is_good(tmp_path: Path) -> None:
    run = validate(tmp_path, f"update orders set revenue = -5 where {ON_DAY} and order_number % 12 = 0")
    assert run.reasons == ["rule/orders_negative_revenue"]
    finding = run.finding("rule/orders_negative_revenue")
    assert (finding.effect, finding.threshold) == (pytest.approx(7 / 96), 0.05)


@pytest.mark.parametrize(
    "severity, refused, away", [("quarantine", False, 1), ("refuse", False, 0), ("warn", False, 0)]
)
def test_a_tolerated_row(severity: str, refused: bool, away: int, tmp_path: Path) -> None:
    rules = {"negative": RULE.format(severity=severity, tolerance=0.001, tolerance_a_day=0.05)}
    run = validate(tmp_path, "update orders set revenue = -5 where order_number = 100", rules=rules)
    assert bool(run.reasons) is refused
    assert count(tmp_path / "quarantine/orders.parquet") == away


@pytest.mark.parametrize("severity, reasons", [("refuse", ["rule/negative"]), ("warn", [])])
def test_a_row_that_is_not_tolerated(severity: str, reasons: list[str], tmp_path: Path) -> None:
    rules = {"negative": RULE.format(severity=severity, tolerance=0, tolerance_a_day=0)}
    run = validate(tmp_path, "update orders set revenue = -5 where order_number = 100", rules=rules)
    assert run.reasons == reasons
    assert ("warning" in run.finding("rule/negative").message) is (severity == "warn")


@pytest.mark.parametrize(
    "statements, expected",
    [
        ("alter table orders drop column revenue", "schema/orders/revenue"),
        ("alter table orders add column coupon varchar default 'none'", "schema/orders/coupon"),
        ("alter table orders rename note to remark", "schema/orders/remark"),
        ("alter table orders alter revenue type varchar", "schema/orders/revenue"),
        ("alter table orders alter recorded_at type varchar", "schema/orders/recorded_at"),
        ("alter table orders alter ordered_at type varchar", "schema/orders/ordered_at"),
        ("alter table orders alter order_number type boolean using order_number > 5", "schema/orders/order_number"),
        ("alter table orders alter note type varchar[] using [note]", "schema/orders/note"),
        ("update orders set shop = 'east' where order_number = 5", "schema/orders/shop"),
        ("update orders set shop = 'north'", "schema/orders/shop"),
        ("update orders set note = null", "schema/orders/note"),
        ("update orders set recorded_at = null where order_number = 5", "known/orders"),
        ("update orders set recorded_at = '2020-04-01 00:00:01Z' where order_number = 5", "known/orders"),
        ("insert into orders from orders where order_number = 5", "keys/orders"),
        ("update orders set order_number = null where order_number = 5", "keys/orders"),
        ("delete from orders where order_number > 60", "schema/orders"),
        ("delete from orders", "schema/orders"),
        (f"delete from orders where {ON_DAY}", "volume/orders/low"),
        (
            f"insert into orders select * replace (order_number + 100000 as order_number) from orders where {ON_DAY}",
            "volume/orders/high",
        ),
        (
            f"delete from orders where {ON_DAY} and extract(hour from ordered_at) between 8 and 11",
            "volume/orders/hours",
        ),
        ("delete from orders where ordered_at < '2020-01-15'", "history/orders"),
        ("delete from orders where ordered_at > '2020-03-29'", "volume/orders/low"),
        (f"update orders set note = null where {ON_DAY} and order_number % 2 = 0", "nulls/orders/note/day"),
        (f"update orders set note = null where {SINCE} and order_number % 4 = 0", "nulls/orders/note/window"),
        (f"update orders set revenue = revenue * 10 where {ON_DAY}", "mean/orders/revenue"),
        (f"update orders set revenue = revenue * 10 where {SINCE}", "distribution/orders/revenue"),
        (f"update orders set shop = 'north' where {SINCE} and order_number % 3 = 0", "distribution/orders/shop"),
        (f"update orders set revenue = null where {SINCE}", "nulls/orders/revenue/window"),
        (f"update orders set revenue = 'nan' where {ON_DAY}", "nulls/orders/revenue/day"),
    ],
)
def test_bad_data_is_refused_for_the_right_reason(statements: str, expected: str, tmp_path: Path) -> None:
    run = validate(tmp_path, statements)
    assert run.code == 0, "bad data is an answer, not a crash"
    assert expected in run.reasons
    assert run.verdict.outcome is Outcome.REFUSED


def test_a_rule_that_does_not_run_is_not_a_rule_that_is_kept(tmp_path: Path) -> None:
    rule = RULE.format(severity="warn", tolerance=1, tolerance_a_day=1).replace("revenue < 0", "earnings < 0")
    run = validate(tmp_path, rules={"negative": rule})
    assert run.reasons == ["rule/negative"]
    assert "does not run" in run.finding("rule/negative").message


def test_too_little_history_is_inconclusive_and_says_so(tmp_path: Path) -> None:
    run = validate(
        tmp_path, rows=f"select * from ({ORDERS}) where ordered_at < '2020-01-20'", as_of="2020-01-20T00:00:00Z"
    )
    assert run.verdict.outcome is Outcome.INCONCLUSIVE
    assert {"windows/orders", "distribution/orders/revenue"} <= set(run.reasons)
    assert "too few" in run.finding("windows/orders").message


def test_a_short_first_month_passes_in_the_open(tmp_path: Path) -> None:
    run = validate(
        tmp_path, rows=f"select * from ({ORDERS}) where ordered_at < '2020-01-31'", as_of="2020-01-31T00:00:00Z"
    )
    assert run.reasons == []
    assert "shortened from 28 days" in run.finding("windows/orders").message


def test_data_is_escaped_on_the_page(tmp_path: Path) -> None:
    attack = "<script>alert(1)</script>"
    statements = f"update orders set note = '{attack}', shop = '{attack}', revenue = -1 where order_number = 5"
    page = (validate(tmp_path, statements).directory / "report").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_the_page_needs_nothing_else(clean: Run, tmp_path: Path) -> None:
    pages = [(clean.directory / "report").read_text()]
    pages.append((validate(tmp_path, f"delete from orders where {ON_DAY}").directory / "report").read_text())
    for page, outcome in zip(pages, ("passed", "refused"), strict=True):
        assert page.startswith("<!doctype html>")
        assert f'<header class="{outcome}">' in page
        assert "http" not in page.replace("http-equiv", "")
        assert page.count("<svg") >= 4


def test_what_is_no_snapshot_is_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_snapshot(tmp_path / "broken")
    (tmp_path / "broken/orders.parquet").write_bytes(b"PAR1 and then nothing")
    run = validate_sealed(tmp_path)
    assert run == 2
    assert "a readable Parquet file" in capsys.readouterr().err.splitlines()[-1]
    assert not any((tmp_path / name).exists() for name in ("judged", "quarantine", "verdict"))


def validate_sealed(work: Path) -> int:
    """Validates a snapshot that was broken before it was sealed."""
    with new_artifact(work / "use_case", "use_case", Origin("test")) as directory:
        write_use_case(directory)
    with new_artifact(work / "snapshot", "snapshot", Origin("test", AS_OF)) as directory:
        (directory / "orders.parquet").write_bytes((work / "broken/orders.parquet").read_bytes())
    inputs = {"use_case": work / "use_case", "snapshot": work / "snapshot"}
    outputs = ("judged", "quarantine", "verdict", "report", "metrics")
    return run_step("validate_data", work, inputs, outputs, {"as_of": AS_OF})
