"""A landing zone to write into, and snapshots of it."""

import hashlib
import json
import sys
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from hypothesis import settings
from windsock.contracts.use_case import Table
from windsock.ingest.snapshot_data import take_snapshot

sys.path.insert(0, str(Path(__file__).parent))

# A busy machine makes no test fail: generated examples have no deadline.
settings.register_profile("windsock", deadline=None)
settings.load_profile("windsock")

HEADER = "id,happens_at,known_at,value"
READINGS = Table(key=("id",), event_time="happens_at", created_time="known_at")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Landing:
    """Writes deliveries of the table `readings`, and takes snapshots of them."""

    root: Path
    table: Table = READINGS
    snapshots: int = 0

    def deliver(self, day: date | int, content: bytes, rows: int, suffix: str = "csv", table: str = "readings") -> Path:
        """One file with the receipt that belongs to it; a number is a day of January 2020."""
        day = date(2020, 1, day) if isinstance(day, int) else day
        folder = self.root / table / f"{day:%Y-%m}"
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{day}.{suffix}"
        file.write_bytes(content)
        receipt = {"rows": rows, "sha256": hashlib.sha256(content).hexdigest()}
        (folder / f"{day}.receipt.json").write_text(json.dumps(receipt))
        return file

    def csv(self, day: date | int, *lines: str, header: str = HEADER, table: str = "readings") -> Path:
        return self.deliver(day, "\n".join([header, *lines, ""]).encode(), len(lines), table=table)

    def parquet(self, day: date | int, rows: pa.Table) -> Path:
        self.table = replace(self.table, format="parquet")
        sink = pa.BufferOutputStream()
        parquet.write_table(rows, sink)
        return self.deliver(day, sink.getvalue().to_pybytes(), rows.num_rows, "parquet")

    def take(self, as_of: datetime, now: datetime = NOW, max_bytes: int = 1 << 20, tables=None) -> tuple[Path, dict]:
        """A snapshot's directory and its counts."""
        self.snapshots += 1
        into = self.root.with_name(f"snapshot-{self.snapshots}")
        into.mkdir()
        tables = tables or {"readings": self.table}
        return into, take_snapshot(tables, self.root, into, as_of=as_of, now=now, max_bytes=max_bytes)

    def rows(self, as_of: datetime) -> pa.Table:
        return parquet.read_table(self.take(as_of)[0] / "readings.parquet")

    def counts(self, as_of: datetime) -> dict:
        return self.take(as_of)[1]["tables"]["readings"]


@pytest.fixture(scope="session")
def fresh_landing(tmp_path_factory):
    """Makes an empty landing zone each time it is called."""
    return lambda: Landing(tmp_path_factory.mktemp("zone") / "landing")


@pytest.fixture
def landing(fresh_landing) -> Landing:
    return fresh_landing()
