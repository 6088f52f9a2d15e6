"""A snapshot of what happened of late: what it leaves out, and that all else is what a whole snapshot holds."""

from datetime import UTC, datetime, timedelta

import pyarrow.compute as pc
import pyarrow.parquet as parquet
import pytest
from windsock.ingest.policy import recent_since
from windsock.ingest.snapshot_data import Reach, take_snapshot

AS_OF = datetime(2020, 1, 20, tzinfo=UTC)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
SINCE = datetime(2020, 1, 10, tzinfo=UTC)
REACH = Reach(recent_days=10, ahead_days=3)


def row(name: str, happens: int, known: int, value: int = 1) -> str:
    return f"{name},2020-01-{happens:02}T06:00:00Z,2020-01-{known:02}T07:00:00Z,{value}"


@pytest.fixture
def zone(landing):
    """Nineteen days, each with a row of its own; some rows came ahead, late, or again."""
    for day in range(1, 20):
        lines = [row(f"d{day}", day, day)]
        lines += [row("ahead", 12, 8)] if day == 8 else []
        lines += [row("late", 9, 15)] if day == 15 else []
        lines += [row("d11", 11, 16, 2)] if day == 16 else []
        landing.csv(day, *lines)
    return landing


def taken(zone, reach=REACH, as_of=AS_OF):
    zone.snapshots += 1
    into = zone.root.with_name(f"recent-{zone.snapshots}")
    into.mkdir()
    tables = {"readings": zone.table}
    counts = take_snapshot(tables, zone.root, into, as_of=as_of, now=NOW, max_bytes=1 << 20, reach=reach)
    return parquet.read_table(into / "readings.parquet"), counts


def test_it_holds_what_a_whole_snapshot_holds_of_those_days(zone):
    whole, _ = taken(zone, Reach())
    recent, counts = taken(zone)
    kept = whole.filter(pc.greater_equal(whole["happens_at"], SINCE))
    assert recent.equals(kept)
    assert "ahead" in recent["id"].to_pylist()
    assert "late" not in recent["id"].to_pylist(), "it happened before"
    assert counts["since"] == "2020-01-10T00:00:00Z"


def test_every_delivered_row_is_accounted_for(zone):
    counts = taken(zone)[1]["tables"]["readings"]
    parts = ("after_as_of", "earlier", "duplicates", "corrections", "kept")
    assert counts["delivered"] == sum(counts[name] for name in parts)
    # The days 7 to 9 are read for what came ahead in them; of those and of the late row nothing else is kept.
    assert (counts["earlier"], counts["corrections"]) == (4, 1)


def test_what_was_delivered_before_that_is_not_read(zone):
    (zone.root / "readings" / "2020-01" / "2020-01-02.csv").write_bytes(b"changed since")
    taken(zone)


def test_a_history_that_is_short_is_taken_whole(zone):
    recent, counts = taken(zone, Reach(recent_days=30, ahead_days=3))
    assert recent.equals(taken(zone, Reach())[0])
    assert "since" not in counts


@pytest.mark.parametrize(
    ("recent_days", "first", "expected"),
    [
        (0, 1, None),
        (10, 1, SINCE),
        (19, 1, None),
        (18, 1, datetime(2020, 1, 2, tzinfo=UTC)),
        (10, 10, None),
    ],
)
def test_where_it_begins(recent_days, first, expected):
    assert recent_since(AS_OF, recent_days, (AS_OF.replace(day=first)).date()) == expected
    assert recent_since(AS_OF + timedelta(hours=5), recent_days, AS_OF.replace(day=first).date()) == expected
