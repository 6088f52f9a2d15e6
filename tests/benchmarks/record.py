"""What a record on disk costs: group commit against one commit a record, interleaved in one run.

    serving/predictor/.venv/bin/python tests/benchmarks/record.py [--rounds 5] [--records 1000]

`group` is the journal as it ships. `single` is the same journal with one record a commit. `plain` is SQLite as one
would use it at first: a table in WAL mode, synchronous, one INSERT and COMMIT a record, in the event loop. All three
write the same records, each with its sync; every caller waits for its record before it makes the next.
"""

import argparse
import asyncio
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "drills" / "record_crash"))
from scenario import prediction_of
from windsock.contracts.journal import Recorder
from windsock.contracts.record import Prediction, new_prediction_id
from windsock.contracts.record_settings import RecordSettings
from windsock.predictor.record import open_recorder

CALLERS = (1, 8, 64)
LONG_S = 60.0
SWITCH_INTERVAL_S = 0.0005
Append = Callable[[Prediction], Awaitable[None]]


def fresh() -> Prediction:
    """A record of usual size, with a new identifier."""
    return replace(prediction_of(700), prediction_id=new_prediction_id(datetime.now(UTC)))


def opened(directory: Path, group_rows: int) -> Recorder:
    """A journal that ships nothing while it is measured."""
    settings = RecordSettings(capacity_mb=256, group_rows=group_rows, ship_every_s=3600.0)
    return open_recorder(directory / "journal", (directory / "sink").as_uri(), settings, "benchmark")


def journalled(recorder: Recorder) -> Append:
    """Records by the product's own door."""

    async def append(prediction: Prediction) -> None:
        await recorder.append([prediction], LONG_S)

    return append


def plain(path: Path) -> Append:
    """Records by the first thing that comes to mind."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE records (sequence INTEGER PRIMARY KEY, body BLOB NOT NULL)")

    async def append(prediction: Prediction) -> None:
        connection.execute("INSERT INTO records (body) VALUES (?)", (prediction.encode(),))
        await asyncio.sleep(0)

    return append


async def measured(append: Append, callers: int, records: int) -> tuple[float, list[float]]:
    """Records a second, and the seconds that each took."""
    took: list[float] = []

    async def caller() -> None:
        for _ in range(records // callers):
            prediction = fresh()
            began = time.perf_counter()
            await append(prediction)
            took.append(time.perf_counter() - began)

    began = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(callers)))
    return len(took) / (time.perf_counter() - began), took


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--records", type=int, default=1000, help="a round")
    parser.add_argument("--directory", type=Path, help="on the disk to be measured; as a rule the temporary directory")
    options = parser.parse_args()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    with tempfile.TemporaryDirectory(dir=options.directory) as scratch:
        group, single = opened(Path(scratch) / "group", 256), opened(Path(scratch) / "single", 1)
        ways = {
            "group": journalled(group),
            "single": journalled(single),
            "plain": plain(Path(scratch) / "plain.db"),
        }
        print(f"a record: {len(fresh().encode())} bytes; SQLite {sqlite3.sqlite_version}; {options.rounds} rounds")
        print(f"{'callers':>7} {'way':>7} {'records/s':>10} {'p50 µs':>9} {'p99 µs':>9} {'rate against plain':>19}")
        for callers in CALLERS:
            compare(ways, callers, options.rounds, options.records)
        group.close()
        single.close()


def compare(ways: dict[str, Append], callers: int, rounds: int, records: int) -> None:
    """All ways in turn, round by round; the median round's rate, and quantiles over all rounds."""
    rates: dict[str, list[float]] = {name: [] for name in ways}
    took: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, append in ways.items():
            rate, seconds = asyncio.run(measured(append, callers, records))
            rates[name].append(rate)
            took[name] += seconds
    for name in ways:
        quantiles = [1e6 * quantile for quantile in statistics.quantiles(took[name], n=100)]
        ratio = statistics.median(own / base for own, base in zip(rates[name], rates["plain"], strict=True))
        rate = statistics.median(rates[name])
        print(f"{callers:7} {name:>7} {rate:10,.0f} {quantiles[49]:9,.0f} {quantiles[98]:9,.0f} {ratio:19.2f}")


if __name__ == "__main__":
    main()
