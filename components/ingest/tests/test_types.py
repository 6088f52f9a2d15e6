"""Columns get the type that all their values have; what a gate must judge gets through to it."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

AS_OF = datetime(2020, 1, 3, tzinfo=UTC)
TIMES = "2020-01-01T06:00:00Z,2020-01-01T07:00:00Z"
TEXT, WHOLE, NUMBER, TIME = pa.string(), pa.int64(), pa.float64(), pa.timestamp("us", tz="UTC")


def given_values(landing, *values: str) -> pa.ChunkedArray:
    """The column `value` of a snapshot of two days, the first value on the second one."""
    landing.csv(1, *(f"{number},{TIMES},{value}" for number, value in enumerate(values[1:])))
    landing.csv(2, f"99,{TIMES},{values[0]}")
    return landing.rows(AS_OF)["value"]


@pytest.mark.parametrize(
    "texts, kind, values",
    [
        (["1", "-2", "0"], WHOLE, [-2, 0, 1]),
        (["1", "2.5", "3"], NUMBER, [2.5, 3.0, 1.0]),
        (["1", "", "3"], WHOLE, [None, 3, 1]),
        (["", "", ""], NUMBER, [None, None, None]),
        (['""', "1", "2"], WHOLE, [1, 2, None]),
        (["1e3", "-2.5E-2", "0.1"], NUMBER, [-0.025, 0.1, 1000.0]),
        (["9223372036854775807", "1", "2"], WHOLE, [1, 2, 9223372036854775807]),
        (["9223372036854775808", "1", "2"], NUMBER, [1.0, 2.0, 9223372036854775808.0]),
        (["1e999", "1", "2"], TEXT, ["1", "2", "1e999"]),
        (["007", "8", "9"], TEXT, ["8", "9", "007"]),
        (["+1", "2", "3"], TEXT, ["2", "3", "+1"]),
        (["nan", "1", "2"], TEXT, ["1", "2", "nan"]),
        (["oops", "1", "2"], TEXT, ["1", "2", "oops"]),
        (["true", "false", "true"], TEXT, ["false", "true", "true"]),
        ([" 1", "2", "3"], TEXT, ["2", "3", " 1"]),
        (["größer", "日本", '"a,b"'], TEXT, ["日本", "a,b", "größer"]),
        (['"two\nlines"', "a", "b"], TEXT, ["a", "b", "two\nlines"]),
        (["2020-02-30", "2020-01-01", "2020-01-02"], TEXT, ["2020-01-01", "2020-01-02", "2020-02-30"]),
        (["9999-12-31", "2020-01-01", "2020-01-02"], TEXT, ["2020-01-01", "2020-01-02", "9999-12-31"]),
    ],
)  # fmt: skip
def test_text_gets_the_narrowest_type_that_fits_every_row(landing, texts, kind, values):
    column = given_values(landing, *texts)
    assert column.type == kind
    assert column.to_pylist() == values


def test_times_are_utc_whatever_zone_they_were_written_in(landing):
    column = given_values(landing, "2020-01-05T06:00:00.123456+05:30", "2020-01-05T06:00:00Z", "2020-01-05 06:00")
    assert column.type == TIME
    six = datetime(2020, 1, 5, 6, tzinfo=UTC)
    assert column.to_pylist() == [six, six, datetime(2020, 1, 5, 0, 30, 0, 123456, UTC)]


@settings(max_examples=20)
@given(
    numbers=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20),
    whole=st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=20),
)
def test_numbers_come_through_to_the_last_bit(fresh_landing, numbers, whole):
    landing = fresh_landing()
    landing.csv(1, *(f"{index},{TIMES},{value!r}" for index, value in enumerate(numbers)))
    assert landing.rows(AS_OF.replace(day=2))["value"].to_pylist() == numbers
    landing.csv(1, *(f"{index},{TIMES},{value}" for index, value in enumerate(whole)))
    assert landing.rows(AS_OF.replace(day=2))["value"].to_pylist() == whole


def test_a_value_that_was_corrected_leaves_no_type_behind(landing):
    landing.csv(1, f"1,{TIMES},oops", f"2,{TIMES},4")
    landing.csv(2, "1,2020-01-01T06:00:00Z,2020-01-02T07:00:00Z,3")
    assert landing.rows(AS_OF.replace(day=2))["value"].type == TEXT
    assert landing.rows(AS_OF)["value"].type == WHOLE


def test_keys_that_are_the_same_time_are_the_same_key(landing):
    landing.table = landing.table.__class__(("happens_at",), "happens_at", "known_at")
    landing.csv(
        1, "1,2020-01-01T06:00:00Z,2020-01-01T07:00:00Z,1", "1,2020-01-01T07:00:00+01:00,2020-01-01T08:00:00Z,2"
    )
    assert landing.rows(AS_OF.replace(day=2))["value"].to_pylist() == [2]


def test_new_missing_and_renamed_columns_reach_the_gates(landing):
    landing.csv(1, f"1,{TIMES},1")
    landing.csv(2, f"2,{TIMES},2,x", header="id,happens_at,known_at,Value,new")
    rows = landing.rows(AS_OF)
    assert rows.column_names == ["id", "happens_at", "known_at", "value", "Value", "new"]
    assert rows.select(["value", "Value", "new"]).to_pylist() == [
        {"value": 1, "Value": None, "new": None},
        {"value": None, "Value": 2, "new": "x"},
    ]


def test_a_column_name_is_data_and_no_code(landing):
    name = 'a"; drop table staged; --'
    landing.csv(1, f"1,{TIMES},1", header=f'id,happens_at,known_at,"{name.replace(chr(34), chr(34) * 2)}"')
    assert landing.rows(AS_OF.replace(day=2)).column_names[-1] == name


def test_rows_are_sorted_by_key(landing):
    landing.csv(1, *(f"{number},{TIMES},1" for number in (10, 9, 2)))
    assert landing.rows(AS_OF.replace(day=2))["id"].to_pylist() == [2, 9, 10]


def test_a_field_may_be_longer_than_any_block(landing):
    text = "x" * 3_000_000
    landing.csv(1, f"1,{TIMES},{text}", f"2,{TIMES},y")
    into, _ = landing.take(AS_OF.replace(day=2), max_bytes=4_000_000)
    assert parquet.read_table(into / "readings.parquet")["value"].to_pylist() == [text, "y"]


def test_a_byte_order_mark_is_no_part_of_a_name(landing):
    content = f"\ufeffid,happens_at,known_at,value\r\n1,{TIMES},1\r\n".encode()
    landing.deliver(1, content, 1)
    assert landing.rows(AS_OF.replace(day=2))["id"].to_pylist() == [1]


NOON = datetime(2020, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "column, kind, value",
    [
        (pa.array(["007"]), TEXT, "007"),
        (pa.array(["a"]).dictionary_encode(), TEXT, "a"),
        (pa.array([7], pa.uint8()), WHOLE, 7),
        (pa.array([2**64 - 1], pa.uint64()), TEXT, str(2**64 - 1)),
        (pa.array([0.1], pa.float32()), NUMBER, pa.scalar(0.1, pa.float32()).as_py()),
        (pa.array([1e300]), NUMBER, 1e300),
        (pa.array([float("inf")]), NUMBER, float("inf")),
        (pa.array([Decimal("1.25")]), NUMBER, 1.25),
        (pa.array([True]), TEXT, "true"),
        (pa.array([None], pa.null()), NUMBER, None),
        (pa.array([date(2020, 1, 1)]), TIME, datetime(2020, 1, 1, tzinfo=UTC)),
        (pa.array([NOON.replace(tzinfo=None)], pa.timestamp("ns")), TIME, NOON),
        (pa.array([NOON], pa.timestamp("ms", "America/New_York")), TIME, NOON),
        (pa.array([datetime(9999, 12, 31)], pa.timestamp("us")), TEXT, "9999-12-31 00:00:00.000000"),
        (pa.array([[1, 2]]), TEXT, "[1, 2]"),
    ],
)
def test_parquet_columns_keep_the_type_they_were_delivered_with(landing, column, kind, value):
    times = {"happens_at": pa.array([NOON], pa.timestamp("us", "UTC")), "known_at": pa.array([NOON])}
    landing.parquet(1, pa.table({"id": pa.array([1]), **times, "value": column}))
    rows = landing.rows(AS_OF.replace(day=2))
    assert rows["value"].type == kind
    assert rows["value"].to_pylist() == [value]
    assert rows["happens_at"].to_pylist() == [NOON]


def test_parquet_files_of_different_types_meet_in_one_that_holds_both(landing):
    def table(number, value):
        return pa.table({"id": [number], "happens_at": [NOON], "known_at": [NOON], "value": value})

    landing.parquet(1, table(1, pa.array([7])))
    landing.parquet(2, table(2, pa.array([0.5])))
    assert landing.rows(AS_OF)["value"].to_pylist() == [7.0, 0.5]
    landing.parquet(2, table(2, pa.array(["x"])))
    assert landing.rows(AS_OF)["value"].to_pylist() == ["7", "x"]
