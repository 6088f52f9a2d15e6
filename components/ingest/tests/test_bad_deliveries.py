"""What cannot be believed is refused in one line that names the file, what was found and what was expected."""

import json
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest
from windsock.contracts.errors import InputError

TIMES = "2020-01-01T06:00:00Z,2020-01-01T07:00:00Z"
AS_OF = datetime(2020, 1, 4, tzinfo=UTC)
DAY_2 = "landing readings/2020-01/2020-01-02.csv"


@pytest.fixture
def three_days(landing):
    for day in (1, 2, 3):
        landing.csv(day, f"{day},2020-01-0{day}T06:00:00Z,2020-01-0{day}T07:00:00Z,{day}")
    return landing


def refusal(landing, as_of=AS_OF, **options) -> str:
    """The one line with which a snapshot is refused, after which nothing was written."""
    with pytest.raises(InputError) as refused:
        landing.take(as_of, **options)
    assert "\n" not in str(refused.value)
    assert not list(landing.root.parent.glob("snapshot-*/*"))
    return str(refused.value)


def receipt_of(file):
    return file.with_name(f"{file.stem}.receipt.json")


def test_the_whole_landing_zone_is_missing(landing):
    assert refusal(landing).startswith(f"landing readings: got '{landing.root}/readings', expected a directory of")


def test_a_table_without_any_delivery(landing):
    (landing.root / "readings" / "2020-01").mkdir(parents=True)
    (landing.root / "readings" / "2020-01" / "notes.txt").write_text("not a delivery")
    assert "expected at least one delivery" in refusal(landing)


def test_a_table_that_is_not_delivered_at_all(three_days):
    tables = {"readings": three_days.table, "events": three_days.table}
    assert refusal(three_days, tables=tables).startswith("landing events: got")


def test_a_table_that_began_later_than_another(three_days):
    three_days.csv(2, f"1,{TIMES},1", table="events")
    tables = {"readings": three_days.table, "events": three_days.table}
    assert refusal(three_days, tables=tables) == (
        "landing events/2020-01/2020-01-01.csv: got 'no such file', "
        "expected a delivery for every day from the first one to as_of"
    )


def test_a_missing_day(three_days):
    file = three_days.csv(2, "")
    file.unlink()
    receipt_of(file).unlink()
    assert (
        refusal(three_days)
        == f"{DAY_2}: got 'no such file', expected a delivery for every day from the first one to as_of"
    )


def test_a_missing_month(landing):
    landing.csv(date(2020, 1, 31), f"1,{TIMES},1")
    landing.csv(date(2020, 3, 1), f"1,{TIMES},1")
    assert refusal(landing, datetime(2020, 3, 2, tzinfo=UTC)).startswith("landing readings/2020-02/2020-02-01.csv: got")


def test_a_file_whose_receipt_has_not_come(three_days):
    receipt_of(three_days.csv(2, f"2,{TIMES},1")).unlink()
    assert refusal(three_days) == (
        f"{DAY_2}: got 'no receipt', expected 2020-01-02.receipt.json beside it; without, it is half-written"
    )


def test_a_receipt_whose_file_has_not_come(three_days):
    three_days.csv(2, f"2,{TIMES},1").unlink()
    assert refusal(three_days).startswith(f"{DAY_2}: got 'no such file'")


def test_a_file_that_was_cut_off(three_days):
    file = three_days.csv(2, f"2,{TIMES},1", f"3,{TIMES},1")
    file.write_bytes(file.read_bytes()[:-20])
    line = refusal(three_days)
    assert line.startswith(f"{DAY_2}: got 'sha256 ")
    assert line.endswith("as its receipt says; the file is half-written or was changed")


def test_a_receipt_that_counts_other_rows(three_days):
    file = three_days.csv(2, f"2,{TIMES},1")
    receipt = json.loads(receipt_of(file).read_text())
    receipt_of(file).write_text(json.dumps(receipt | {"rows": 5}))
    assert refusal(three_days) == f"{DAY_2}: got '1 rows', expected 5 rows, as its receipt says"


@pytest.mark.parametrize(
    "receipt, expected",
    [
        ("", "valid JSON"),
        ("[]", "an object with `rows` and `sha256`"),
        ('{"rows": 1}', "receipt of " + DAY_2 + ".sha256: got None"),
        ('{"rows": "1", "sha256": "' + "0" * 64 + '"}', ".rows: got '1', expected a whole number"),
        ('{"rows": -1, "sha256": "' + "0" * 64 + '"}', ".rows: got -1, expected at least 0"),
        ('{"rows": 1, "sha256": "0"}', "receipt.sha256: got '0', expected 64 hexadecimal digits"),
    ],
)
def test_a_receipt_that_says_nothing_usable(three_days, receipt, expected):
    receipt_of(three_days.csv(2, f"2,{TIMES},1")).write_text(receipt)
    assert expected in refusal(three_days)


def test_a_receipt_may_say_more_than_is_needed(three_days):
    file = three_days.csv(2, f"2,{TIMES},1")
    receipt = json.loads(receipt_of(file).read_text())
    receipt_of(file).write_text(json.dumps(receipt | {"sent_by": "north"}))
    assert three_days.counts(AS_OF)["delivered"] == 3


def test_a_whole_month_without_rows(landing):
    day = date(2020, 1, 31)
    while day < date(2020, 3, 2):
        landing.csv(day, *([] if day.month == 2 else [f"{day:%m%d},{day}T01:00:00Z,{day}T02:00:00Z,1"]))
        day += timedelta(days=1)
    expected = "landing readings/2020-02: got '0 rows in the whole month', expected at least one row"
    assert refusal(landing, datetime(2020, 3, 2, tzinfo=UTC)) == expected


def test_text_that_is_not_utf_8(three_days):
    three_days.deliver(2, f"id,happens_at,known_at,value\n2,{TIMES},1\n3,{TIMES},Gr\xf6n\n".encode("latin-1"), 2)
    assert refusal(three_days) == (
        f"{DAY_2}: got 'byte 0xf6 at offset 121, line 3', expected text in UTF-8 (invalid start byte)"
    )


def test_text_in_utf_16(three_days):
    three_days.deliver(2, f"id,happens_at,known_at,value\n2,{TIMES},1\n".encode("utf-16"), 1)
    assert "byte 0xff at offset 0, line 1" in refusal(three_days)


@pytest.mark.parametrize("row", [f"2,{TIMES}", f"2,{TIMES},1,2", "2"])
def test_a_ragged_row(three_days, row):
    three_days.csv(2, f"1,{TIMES},1", row)
    line = refusal(three_days)
    assert line.startswith(f"{DAY_2}: got 'CSV parse error: Row #3: Expected 4 columns, got ")
    assert line.endswith("expected rows of 4 fields, as the header has")


def test_a_file_without_a_header(three_days):
    three_days.deliver(2, b"", 0)
    assert refusal(three_days) == f"{DAY_2}: got 'no header', expected a line with the names of the columns"


@pytest.mark.parametrize(
    "header, found",
    [
        ("id,happens_at,known_at,id", "\"column 'id' twice\""),
        ("id,happens_at,known_at,", "'columns id, happens_at, known_at, '"),
        (
            "ID,happens_at,known_at,value",
            "'columns ID, happens_at, known_at, value', expected the column id among them",
        ),
        ("id,happened_at,known_at,value", "expected the column happens_at among them"),
        ("id,happens_at,known,value", "expected the column known_at among them"),
    ],
)
def test_a_header_that_does_not_identify_and_date_its_rows(three_days, header, found):
    three_days.csv(2, f"2,{TIMES},1", header=header)
    line = refusal(three_days)
    assert line.startswith(f"{DAY_2}: got ")
    assert found in line


@pytest.mark.parametrize(
    "row, found",
    [
        ("2,2020-01-01T06:00:00Z,,1", "row 2 known_at: got None, expected a time such as"),
        ("2,2020-01-01T06:00:00Z,yesterday,1", "row 2 known_at: got 'yesterday', expected a time such as"),
        (
            "2,2020-01-01T06:00:00Z,2020-13-01T00:00:00Z,1",
            "row 2 known_at: got '2020-13-01T00:00:00Z', expected a time",
        ),
        ("2,,2020-01-01T07:00:00Z,1", "row 2 happens_at: got None, expected a time such as"),
        ("2,1577858400,2020-01-01T07:00:00Z,1", "row 2 happens_at: got '1577858400', expected a time such as"),
        (f",{TIMES},1", "row 2 id: got None, expected a value, since it is part of the key"),
    ],
)
def test_a_row_that_is_not_identified_or_dated(three_days, row, found):
    three_days.csv(2, f"1,{TIMES},1", row)
    assert refusal(three_days).startswith(f"{DAY_2} {found}")


@pytest.mark.parametrize(
    "damage", [lambda good: b"PAR1 nonsense PAR1", lambda good: good[: len(good) // 2], lambda good: b""]
)
def test_a_corrupt_parquet_file(landing, damage):
    noon = datetime(2020, 1, 1, 12, tzinfo=UTC)
    file = landing.parquet(1, pa.table({"id": [1], "happens_at": [noon], "known_at": [noon]}))
    landing.deliver(1, damage(file.read_bytes()), 1, "parquet")
    line = refusal(landing, datetime(2020, 1, 2, tzinfo=UTC))
    assert line.startswith("landing readings/2020-01/2020-01-01.parquet: got ")
    assert line.endswith("expected a Parquet file that can be read")


def test_a_parquet_file_whose_pages_are_damaged(landing):
    noon = datetime(2020, 1, 1, 12, tzinfo=UTC)
    file = landing.parquet(1, pa.table({"id": list(range(999)), "happens_at": [noon] * 999, "known_at": [noon] * 999}))
    content = bytearray(file.read_bytes())
    content[10:400] = bytes(390)
    landing.deliver(1, bytes(content), 999, "parquet")
    assert "expected a Parquet file that can be read" in refusal(landing, datetime(2020, 1, 2, tzinfo=UTC))


def test_a_file_larger_than_the_bound_is_not_opened(three_days):
    three_days.deliver(2, b"x" * 5000, 1)
    assert refusal(three_days, max_bytes=4999) == (
        f"{DAY_2}: got '5000 bytes', expected at most 4999 bytes; the bound is ingest.max_file_megabytes"
    )


def test_a_parquet_file_that_unpacks_beyond_the_bound(landing):
    noon = datetime(2020, 1, 1, 12, tzinfo=UTC)
    rows = {"id": list(range(100_000)), "happens_at": [noon] * 100_000, "known_at": [noon] * 100_000}
    file = landing.parquet(1, pa.table(rows))
    size = file.stat().st_size
    assert "bytes when unpacked" in refusal(landing, datetime(2020, 1, 2, tzinfo=UTC), max_bytes=size)


@pytest.mark.parametrize("as_of", [datetime(2019, 12, 31, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC)])
def test_as_of_before_the_data(three_days, as_of):
    expected = f"as_of: got '{as_of:%Y-%m-%d}T00:00:00Z', expected a time after the first delivery began, on 2020-01-01"
    assert refusal(three_days, as_of) == expected


def test_as_of_before_the_first_row(three_days):
    line = refusal(three_days, datetime(2020, 1, 1, 6, 59, tzinfo=UTC))
    assert line.startswith("as_of: got '2020-01-01T06:59:00Z', expected a time by which a row of landing readings/2020")


def test_as_of_after_the_last_delivery(three_days):
    assert refusal(three_days, datetime(2020, 1, 5, tzinfo=UTC)) == (
        "as_of: got '2020-01-05T00:00:00Z', "
        "expected at most 2020-01-04T00:00:00Z, up to which the landing zone is delivered"
    )


def test_as_of_in_the_future(three_days):
    line = refusal(three_days, now=datetime(2020, 1, 3, 23, tzinfo=UTC))
    assert line == (
        "as_of: got '2020-01-04T00:00:00Z', expected a time that is not in the future; now is 2020-01-03T23:00:00Z"
    )


def test_a_half_written_delivery_after_as_of_is_nobody_s_business(three_days):
    receipt_of(three_days.csv(3, f"2,{TIMES},1")).unlink()
    assert three_days.counts(datetime(2020, 1, 3, tzinfo=UTC))["kept"] == 2


def test_a_file_that_is_named_after_no_day(three_days):
    (three_days.root / "readings" / "2020-01" / "2020-01-32.csv").write_text("")
    assert refusal(three_days).startswith(
        "landing readings: got '2020-01/2020-01-32.csv', expected a file named after a day"
    )
