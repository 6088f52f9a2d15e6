"""The step `snapshot_data`: what was known at `as_of`, as sealed Parquet, one file a table."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from windsock.contracts.clock import format_time
from windsock.contracts.errors import InputError
from windsock.contracts.log import log
from windsock.contracts.step import Step
from windsock.contracts.use_case import Table, load_use_case
from windsock.ingest.arrow import decode, write_parquet
from windsock.ingest.duck import Staging, database
from windsock.ingest.landing import MEGABYTE, Delivery, delivered_days, delivery
from windsock.ingest.policy import days_to_read, empty_month, recent_since

KIND = "snapshot"


def run(step: Step) -> None:
    """Reads the landing zone as of the step's time and writes the artifact `snapshot`."""
    use_case = load_use_case(step.artifact("use_case", "use_case").path)
    max_bytes = use_case.ingest.max_file_megabytes * MEGABYTE
    landing, as_of, now = step.path("landing"), step.as_of, datetime.now(UTC)
    recent = step.parameter("recent")
    if recent:
        use_case.check_recent_days()
    reach = Reach(use_case.ingest.recent_days if recent else 0, use_case.ingest.ahead_days)
    details: dict[str, Any] = {}
    with step.output("snapshot", KIND, details) as directory:
        details.update(
            take_snapshot(use_case.tables, landing, directory, as_of=as_of, now=now, max_bytes=max_bytes, reach=reach)
        )
    log("snapshot_taken", **details)


@dataclass(frozen=True)
class Reach:
    """How far back a snapshot goes: `recent_days` (0: as far as there is), of what is delivered `ahead_days` before."""

    recent_days: int = 0
    ahead_days: int = 0


ALL = Reach()


def take_snapshot(
    tables: Mapping[str, Table],
    landing: Path,
    into: Path,
    *,
    as_of: datetime,
    now: datetime,
    max_bytes: int,
    reach: Reach = ALL,
) -> dict[str, Any]:
    """Writes `<table>.parquet` for each table, and returns the counts for the manifest.

    `now` only guards against an `as_of` in the future, and `max_bytes` bounds each delivered file. The same deliveries
    and the same `as_of` give the same bytes.

    Raises:
        InputError: a delivery that the snapshot needs is missing, half-written, broken or unusable.
    """
    delivered = [delivered_days(landing, name) for name in tables]
    days = days_to_read(as_of, now, set().union(*delivered))
    since = recent_since(as_of, reach.recent_days, days[0])
    if since:
        days = [day for day in days if day >= since.date() - timedelta(days=reach.ahead_days)]
    receipts = hashlib.sha256()
    counts = {}
    with database() as connection:
        for name, settings in sorted(tables.items()):
            staging = Staging(connection, settings)
            deliveries = [delivery(landing, name, day, settings.format) for day in days]
            _stage(staging, deliveries, settings, max_bytes, receipts)
            known = staging.keep_known(as_of, since)
            kinds, rows = staging.rows()
            write_parquet(into / f"{name}.parquet", list(kinds), list(kinds.values()), rows)
            counts[name] = {**asdict(known), "columns": {column: kind.value for column, kind in kinds.items()}}
    return {
        "first_day": str(days[0]),
        "last_day": str(days[-1]),
        **({"since": format_time(since)} if since else {}),
        "landing_digest": f"sha256:{receipts.hexdigest()}",
        "rows": sum(table["kept"] for table in counts.values()),
        "tables": counts,
    }


def _stage(staging: Staging, deliveries: list[Delivery], settings: Table, max_bytes: int, receipts: Any) -> None:
    """Reads one table's deliveries in the order of their days, each held against its receipt."""
    rows: dict[date, int] = {}
    for file in deliveries:
        content, receipt = file.read(max_bytes)
        decoded = decode(content, settings.format, file.name, max_bytes)
        if decoded.row_count != receipt.rows:
            raise InputError(file.name, f"{decoded.row_count} rows", f"{receipt.rows} rows, as its receipt says")
        staging.add(file.name, file.day, decoded)
        rows[file.day] = receipt.rows
        receipts.update(f"{receipt.sha256}  {file.name}\n".encode())
    month = empty_month(rows)
    if month is not None:
        raise InputError(f"landing {deliveries[0].table}/{month}", "0 rows in the whole month", "at least one row")
