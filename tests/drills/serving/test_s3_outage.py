"""The records' S3 server is gone under load: nobody notices, and afterwards every record is there once.

A real S3 server and a real predictor; `OUTAGE_S=180` makes the outage last minutes. First nothing reaches the server,
then it takes connections and is frozen.
"""

import asyncio
import json
import os
import signal
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.drills.serving.load import Answer, Request, failed, load, quantile_ms
from tests.drills.serving.real_edge import LOOPBACK, free_ports, table
from tests.drills.serving.served import PER_S, PREDICTOR, ROOT, SlowWire, identity, shift

OUTAGE_S = float(os.environ.get("OUTAGE_S", "10"))
CAPACITY_MB = 64
BUCKET = "records"
SINK = f"s3://{BUCKET}/drill"
START_S, SHIPPED_S = 120.0, 120.0


def wait_for(what: str, holds, seconds: float) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, what
        time.sleep(0.1)


def listens(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://{LOOPBACK}:{port}/moto-api/", timeout=5).close()
    except OSError:
        return False
    return True


@contextmanager
def s3_server(directory: Path) -> Iterator[tuple[int, "subprocess.Popen[bytes]"]]:
    """An S3 server of the drill's own, with one bucket; it holds all in memory."""
    (port,) = free_ports(1)
    code = "import sys; from moto.server import main; main(sys.argv[1:])"
    with (directory / "s3.log").open("wb") as log:
        command = [str(PREDICTOR), "-W", "ignore", "-c", code, "-H", LOOPBACK, "-p", str(port)]
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait_for("the S3 server does not start", lambda: listens(port), START_S)
        make = urllib.request.Request(f"http://{LOOPBACK}:{port}/{BUCKET}", method="PUT")
        urllib.request.urlopen(make, timeout=10).close()  # noqa: S310 - a loopback URL
        yield port, process
    finally:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        process.wait(20)


@dataclass
class Predictor:
    """A running predictor that ships to S3, and all answers that it gave."""

    port: int
    process: "subprocess.Popen[bytes]"
    environment: dict[str, str]
    answers: list[Answer] = field(default_factory=list)

    def drill(self, name: str, seconds: float) -> None:
        answers = asyncio.run(load(self.port, PER_S, seconds, lambda number: shift(number, name)))
        lost = failed(answers)
        late = f"{quantile_ms(answers, 0.5):.1f}", f"{quantile_ms(answers, 0.999):.1f}"
        heading = ("requests", "failed", "p50 ms", "p99.9 ms", "records that wait")
        table(name, [heading, (len(answers), len(lost), *late, self.unshipped())])
        assert not lost, lost[0]
        self.answers += answers

    def unshipped(self) -> int:
        (answer,) = asyncio.run(load(self.port, PER_S, 1 / PER_S, lambda _: Request("/metrics", b"", method="GET")))
        lines = answer.body.decode().splitlines()
        return int(float(next(line.split()[1] for line in lines if line.startswith("windsock_record_unshipped "))))

    def read(self) -> list[dict]:
        """Every record in the bucket, read as anyone would."""
        command = [str(PREDICTOR), "-m", "tests.drills.serving.read_records", SINK]
        done = subprocess.run(command, cwd=ROOT, env=self.environment, check=True, capture_output=True, text=True)
        return [json.loads(line) for line in done.stdout.splitlines()]


@contextmanager
def predictor(home: Path, endpoint: str) -> Iterator[Predictor]:
    """The predictor on a release of the pumps, with SQLite for features and S3 for records."""
    stage, log = home / "stage", home / "predictor.log"
    command = [str(PREDICTOR), "-m", "tests.drills.serving.build_stage", "--into", str(stage)]
    subprocess.run([*command, "--capacity-mb", str(CAPACITY_MB)], cwd=ROOT, check=True, capture_output=True)
    credentials = {"AWS_ACCESS_KEY_ID": "somebody", "AWS_SECRET_ACCESS_KEY": "a secret"}
    environment = {**os.environ, **credentials, "WINDSOCK_S3_ENDPOINT": endpoint}
    flags = ["--model_dir", stage / "production", "--online_store", stage / "online.db", "--sink", SINK]
    flags += ["--record_dir", home / "records", "--http_port", 0, "--grpc_port", 0, "--clock", "request"]
    with log.open("wb") as said:
        words = [str(PREDICTOR), "-m", "windsock.predictor", *map(str, flags)]
        process = subprocess.Popen(words, env=environment, stdout=said, stderr=said)

    def serving() -> list[dict]:
        assert process.poll() is None, log.read_text()
        lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == "serving"]

    try:
        wait_for("the predictor does not start", serving, START_S)
        yield Predictor(serving()[0]["http_port"], process, environment)
    finally:
        process.terminate()
        process.wait(60)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """In memory where there is any: this drill is about S3, and no other's work on a disk shall be seen in it."""
    memory = Path("/dev/shm")  # noqa: S108 - a directory of its own is made there
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as directory:
        yield Path(directory)


def test_an_s3_server_that_is_gone_costs_nothing_but_disk(home: Path) -> None:
    with s3_server(home) as (port, s3):
        wire = SlowWire(port)
        try:
            with predictor(home, f"http://{LOOPBACK}:{wire.port}") as running:
                running.drill("S3 well", 2)
                wire.cut = True
                running.drill("S3 not to be reached", OUTAGE_S)
                assert running.unshipped() >= OUTAGE_S * PER_S
                wire.cut = False
                s3.send_signal(signal.SIGSTOP)
                running.drill("S3 frozen", OUTAGE_S / 2)
                s3.send_signal(signal.SIGCONT)
                began = time.monotonic()
                running.drill("S3 back", 2)
                wait_for("records still wait", lambda: running.unshipped() == 0, SHIPPED_S)
                print(f"  all shipped {time.monotonic() - began:.1f} s after it was back")
                found = [record["prediction_id"] for record in running.read()]
                assert sorted(found) == sorted(map(identity, running.answers))
                print(f"  {len(found)} records, each once")
        finally:
            wire.close()
