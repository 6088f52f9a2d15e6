"""Where the time of one answer goes, stage by stage, in the predictor's own process: medians in microseconds.

    serving/predictor/.venv/bin/python tests/benchmarks/serving/where.py [--answers 2000]

A small release with three views in SQLite, and a journal on the disk of the temporary directory. What is over HTTP in
`one_row.py` and not in the last line here is the loopback, the HTTP parser and the event loop.
"""

import argparse
import asyncio
import itertools
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "serving" / "predictor" / "tests"))
import orjson  # noqa: E402
import stage  # noqa: E402 - the predictor's stage, found beside its tests
from servers import ASKED, tensors  # noqa: E402
from windsock.contracts.call import read_call  # noqa: E402
from windsock.predictor.answer import Answerer, _records, request_time  # noqa: E402
from windsock.predictor.http import HttpRequest, encode  # noqa: E402
from windsock.predictor.metrics import Metrics  # noqa: E402
from windsock.predictor.paths import Paths  # noqa: E402
from windsock.predictor.record import open_recorder  # noqa: E402
from windsock.predictor.release import load_release  # noqa: E402
from windsock.predictor.server import SWITCH_INTERVAL_S  # noqa: E402
from windsock.predictor.store import open_reader  # noqa: E402
from windsock.predictor.workers import Work, _derived  # noqa: E402

WARM = 100
LONG_S = 60.0
# The journal's pages; so many that each is written again only much later.
PAGE_BYTES, PAGES = 16_384, 256


def median_us(times: list[float]) -> float:
    """The median, in microseconds, without the first ones."""
    return 1e6 * statistics.median(times[WARM:])


def sync(count: int, call: Callable[[], Any]) -> float:
    """The median time of a call."""
    times = []
    for _ in range(WARM + count):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return median_us(times)


async def waited(count: int, call: Callable[[], Awaitable[Any]]) -> float:
    """The median time until an awaitable is done."""
    times = []
    for _ in range(WARM + count):
        began = time.perf_counter()
        await call()
        times.append(time.perf_counter() - began)
    return median_us(times)


def disk(path: Path, count: int) -> float:
    """What the disk alone takes for a record: the page that it lies on, written and synced."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        os.pwrite(descriptor, bytes(PAGES * PAGE_BYTES), 0)
        os.fsync(descriptor)
        places = itertools.cycle(range(PAGES))

        def write() -> None:
            os.pwrite(descriptor, os.urandom(PAGE_BYTES), next(places) * PAGE_BYTES)
            os.fdatasync(descriptor)

        return sync(count, write)
    finally:
        os.close(descriptor)


async def measure(into: Path, count: int) -> dict[str, float]:
    """Every stage by itself, then all of them."""
    release = load_release(into / "bundle", known=into / "known")
    recorder = open_recorder(into / "journal", (into / "sink").as_uri(), release.use_case.serving.record, "where")
    store = str(into / "online.db")
    answerer = Answerer(release, recorder, Metrics(dict), lambda plan: open_reader(store, plan, 1.0), request_time)
    paths = Paths(answerer, Metrics(dict), lambda: True)
    body = json.dumps(tensors(ASKED)).encode()
    given = orjson.loads(body)
    rows = release.protocol.rows_of_v2(given)
    reader = open_reader(store, release.plan, 1.0)
    (readings,) = reader.read(rows)
    work = Work(release, rows, [request_time(release, rows[0])])
    call = read_call({}, 250, "")
    scored = await answerer._scored(release, rows, time.monotonic() + 1, 1.0)
    decided = [answerer._decided(release, rows[0], scored[0])]

    def records() -> Any:
        return _records(release, rows, scored, decided, call, time.monotonic())

    def request() -> HttpRequest:
        return HttpRequest("POST", "/v2/models/trains/infer", {}, body, time.monotonic())

    response = await paths.handle(request())
    found = {
        "JSON decoded": sync(count, lambda: orjson.loads(body)),
        "request checked": sync(count, lambda: release.protocol.rows_of_v2(given)),
        "features read (SQLite)": sync(count, lambda: reader.read(rows)),
        "freshness, derived row": sync(count, lambda: _derived(work, rows[0], readings, work.now_s[0])),
        "scored": sync(count, lambda: release.scorer and release.scorer.score([scored[0].row])),
        "record made": sync(count, records),
        "record on disk": await waited(count, lambda: recorder.append(records(), LONG_S)),
        "answer encoded": sync(count, lambda: encode(response, False)),
    }
    road = ("features read (SQLite)", "freshness, derived row", "scored")
    whole = await waited(count, lambda: answerer._scored(release, rows, time.monotonic() + 1, 1.0))
    found["to a worker thread and back"] = whole - sum(found[name] for name in road)
    found["record on disk"] -= found["record made"]
    found["… of which the disk alone"] = disk(into / "page", count)
    found["all, without the network"] = await waited(count, lambda: paths.handle(request()))
    answerer.workers.close()
    recorder.close()
    return found


def main() -> None:
    """Prints the stages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--answers", type=int, default=2000)
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    with tempfile.TemporaryDirectory() as scratch:
        into = Path(scratch)
        stage.note_plan(stage.make_bundle(into / "bundle"), into / "known")
        stage.fill(into, [{"type": "sqlite", "path": str(into / "online.db")}], stage.store_rows())
        for name, took_us in asyncio.run(measure(into, options.answers)).items():
            print(f"{name:30}{took_us:9.1f} µs")


if __name__ == "__main__":
    main()
