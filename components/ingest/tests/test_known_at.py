"""What was known at a time is what a brute-force reading of the deliveries says, and nothing later ever gets in."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from windsock.contracts.threads import THREADS

START = datetime(2020, 1, 1, tzinfo=UTC)
MINUTES_A_DAY = 24 * 60
DAYS = 3

# Few moments, many of them at the edges of days: so rows of one key often meet at one time.
MINUTES = st.sampled_from([0, 1, 700, 1439, 1440, 1441, 2879, 2880, 3000, 4319])
# A row is (id, created, delivered, value): created and delivered in minutes since START, in the order of delivery.
ROWS = st.lists(
    st.tuples(
        st.integers(1, 4),
        MINUTES,
        MINUTES,
        st.integers(0, 2),
    ),
    max_size=14,
)


def moment(minutes: int) -> datetime:
    return START + timedelta(minutes=minutes)


def line(row) -> str:
    key, created, _, value = row
    return f"{key},2020-02-01T00:00:00Z,{moment(created).isoformat()},{value}"


def deliver(landing, rows, days=DAYS):
    """Each row in the file of the day on which it was delivered; row 9 is always there, so that no table is empty."""
    for day in range(days):
        lines = [line(row) for row in rows if row[2] // MINUTES_A_DAY == day]
        landing.csv(day + 1, *([line((9, 0, 0, 9))] if day == 0 else []), *lines)


def oracle(rows, as_of: int):
    """Row by row in the order of delivery: the latest created one of each key, the last delivered one of equals."""
    kept = {9: (0, 9)}
    read = sorted(
        (row for row in rows if row[2] // MINUTES_A_DAY * MINUTES_A_DAY < as_of),
        key=lambda row: row[2] // MINUTES_A_DAY,
    )
    for key, created, _, value in read:
        if created <= as_of and created >= kept.get(key, (0, 0))[0]:
            kept[key] = (created, value)
    return {key: (moment(created), value) for key, (created, value) in kept.items()}


@settings(max_examples=60)
@given(rows=ROWS, as_of=MINUTES.map(lambda minutes: minutes + 1) | MINUTES.filter(bool))
def test_a_snapshot_is_what_the_oracle_says(fresh_landing, rows, as_of):
    landing = fresh_landing()
    deliver(landing, rows)
    found = landing.rows(moment(as_of)).to_pylist()
    assert {row["id"]: (row["known_at"], row["value"]) for row in found} == oracle(rows, as_of)
    assert [row["id"] for row in found] == sorted({row["id"] for row in found})
    assert all(row["known_at"] <= moment(as_of) for row in found)


@settings(max_examples=25)
@given(rows=ROWS, as_of=MINUTES.map(lambda minutes: minutes + 1) | MINUTES.filter(bool))
def test_counts_add_up_and_nothing_disappears_unseen(fresh_landing, rows, as_of):
    landing = fresh_landing()
    deliver(landing, rows)
    counts = landing.counts(moment(as_of))
    read = [row for row in [(9, 0, 0, 9), *rows] if row[2] // MINUTES_A_DAY * MINUTES_A_DAY < as_of]
    known = Counter((key, created, value) for key, created, _, value in read if created <= as_of)
    assert counts["delivered"] == len(read)
    assert counts["after_as_of"] == len(read) - known.total()
    assert counts["duplicates"] == known.total() - len(known)
    assert counts["kept"] == len({key for key, _, _ in known})
    assert counts["corrections"] == len(known) - counts["kept"]
    assert counts["conflicts"] == len(known) - len({(key, created) for key, created, _ in known})
    assert counts["misdated"] == sum(row[1] // MINUTES_A_DAY != row[2] // MINUTES_A_DAY for row in read)


@settings(max_examples=15)
@given(rows=ROWS)
def test_what_is_delivered_or_created_later_changes_no_byte(fresh_landing, rows):
    before, after = fresh_landing(), fresh_landing()
    as_of = moment(2 * MINUTES_A_DAY)
    deliver(before, [row for row in rows if row[1] <= 2 * MINUTES_A_DAY], days=2)
    deliver(after, rows)
    assert (before.take(as_of)[0] / "readings.parquet").read_bytes() == (
        after.take(as_of)[0] / "readings.parquet"
    ).read_bytes()


def test_two_runs_give_the_same_bytes_and_the_same_landing_digest_by_however_many_threads(landing, monkeypatch):
    deliver(landing, [(key, key * 7, key * 7, 1) for key in range(10, 3000)])
    first, one = landing.take(moment(MINUTES_A_DAY))
    monkeypatch.setenv(THREADS, "1")
    second, other = landing.take(moment(MINUTES_A_DAY))
    assert (first / "readings.parquet").read_bytes() == (second / "readings.parquet").read_bytes()
    assert one == other


def test_the_landing_digest_tells_another_delivery(landing):
    deliver(landing, [])
    before = landing.take(moment(MINUTES_A_DAY))[1]["landing_digest"]
    deliver(landing, [(1, 5, 5, 1)])
    assert landing.take(moment(MINUTES_A_DAY))[1]["landing_digest"] != before


def test_a_late_correction_counts_from_the_time_it_was_known(landing):
    landing.csv(1, "1,2020-01-01T06:00:00Z,2020-01-01T07:00:00Z,5")
    landing.csv(2, "1,2020-01-01T06:00:00Z,2020-01-02T09:00:00Z,6")
    assert landing.rows(moment(MINUTES_A_DAY + 8 * 60))["value"].to_pylist() == [5]
    assert landing.rows(moment(MINUTES_A_DAY + 9 * 60))["value"].to_pylist() == [6]
    assert landing.counts(moment(2 * MINUTES_A_DAY))["corrections"] == 1


def test_of_two_rows_of_one_time_the_one_delivered_last_counts(landing):
    row = "1,2020-01-01T06:00:00Z,2020-01-01T07:00:00Z,"
    landing.csv(1, row + "5", row + "6")
    assert landing.rows(moment(MINUTES_A_DAY))["value"].to_pylist() == [6]
    landing.csv(2, row + "4", row + "3")
    assert landing.rows(moment(2 * MINUTES_A_DAY))["value"].to_pylist() == [3]
    assert landing.counts(moment(2 * MINUTES_A_DAY))["conflicts"] == 3


def test_a_row_that_claims_to_be_older_than_its_delivery_is_not_seen_before_it_came(landing):
    landing.csv(1, "1,2020-01-01T06:00:00Z,2020-01-01T07:00:00Z,5")
    landing.csv(2, "1,2020-01-01T06:00:00Z,2020-01-01T08:00:00Z,6")
    assert landing.rows(moment(MINUTES_A_DAY))["value"].to_pylist() == [5]
    assert landing.counts(moment(2 * MINUTES_A_DAY))["misdated"] == 1


@pytest.mark.parametrize("rows_before", [0, 131_071, 131_072, 131_073])
def test_row_groups_are_cut_at_fixed_rows_however_batches_come(rows_before, tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as parquet
    from windsock.ingest.arrow import write_parquet
    from windsock.ingest.policy import Kind

    rows = pa.table({"a": pa.array(range(200_000), pa.int64())})
    write_parquet(tmp_path / "one", ["a"], [Kind.INTEGER], rows.to_batches())
    cut = [*rows.slice(0, rows_before).to_batches(), *rows.slice(rows_before).to_batches(max_chunksize=30_000)]
    assert write_parquet(tmp_path / "other", ["a"], [Kind.INTEGER], cut) == 200_000
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()
    assert parquet.read_table(tmp_path / "one") == rows
