import asyncio
import os
import socket
import subprocess
import sys
import time
import urllib.request

import pytest
from minio import Minio
from windsock.contracts.errors import InputError
from windsock.contracts.journal.sinks import SinkError
from windsock.contracts.record_settings import RecordSettings
from windsock.predictor.record import open_recorder, open_sink
from windsock.predictor.record.reader import read_records
from windsock.predictor.record.s3 import s3_sink

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "somebody", "AWS_SECRET_ACCESS_KEY": "a secret"}
LONG_S = 60.0


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Server:
    """A real S3 server of its own process on loopback. It holds all in memory: a stop loses what it had."""

    def __init__(self):
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.client = Minio(f"127.0.0.1:{self.port}", "somebody", "a secret", secure=False, region="us-east-1")
        self.process = None

    def start(self):
        code = "import sys; from moto.server import main; main(sys.argv[1:])"
        command = [sys.executable, "-c", code, "-H", "127.0.0.1", "-p", str(self.port)]
        environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
        deadline = time.monotonic() + LONG_S
        while True:
            try:
                urllib.request.urlopen(f"{self.endpoint}/moto-api/", timeout=5).close()  # noqa: S310
                break
            except OSError:
                assert self.process.poll() is None, "the S3 server did not start"
                assert time.monotonic() < deadline
                time.sleep(0.05)
        self.client.make_bucket("records")

    def stop(self):
        if self.process is not None:
            self.process.terminate()
            self.process.wait(LONG_S)
            self.process = None


@pytest.fixture
def server(monkeypatch):
    one = Server()
    for name, value in {**CREDENTIALS, "WINDSOCK_S3_ENDPOINT": one.endpoint}.items():
        monkeypatch.setenv(name, value)
    yield one
    one.stop()


def append(recorder, predictions):
    asyncio.run(recorder.append(predictions, LONG_S))


def test_records_go_through_a_bucket_and_back(server, tmp_path, prediction):
    server.start()
    settings = RecordSettings(capacity_mb=4, ship_every_s=3600.0, batch_rows=20)
    recorder = open_recorder(tmp_path, "s3://records/main/predictions", settings, "local")
    made = [prediction(number) for number in range(50)]
    append(recorder, made)
    recorder.close()
    sink = open_sink("s3://records/main/predictions")
    assert [name.split("/")[1] for name in sink.names()] == [
        "000000000001-000000000020_2013-07-01_2013-07-01.parquet",
        "000000000021-000000000040_2013-07-01_2013-07-01.parquet",
        "000000000041-000000000050_2013-07-01_2013-07-01.parquet",
    ]
    in_bucket = {thing.object_name for thing in server.client.list_objects("records", recursive=True)}
    assert in_bucket == {f"main/predictions/{name}" for name in sink.names()}
    reading = read_records(sink)
    assert [one.encode() for one in reading] == [one.encode() for one in made]
    assert reading.clean


def test_a_server_that_is_down_costs_nothing_but_disk(server, tmp_path, prediction):
    settings = RecordSettings(capacity_mb=4, ship_every_s=3600.0)
    recorder = open_recorder(tmp_path, "s3://records/main", settings, "local")
    append(recorder, [prediction(number) for number in range(10)])
    began = time.monotonic()
    assert not recorder.ship()
    assert time.monotonic() - began < LONG_S
    assert recorder.state().ship_trouble
    append(recorder, [prediction(11)])
    assert recorder.state().can_record
    assert recorder.state().unshipped >= 10
    server.start()
    assert recorder.ship()
    assert recorder.state().ship_trouble == ""
    recorder.close()
    reading = read_records(open_sink("s3://records/main"))
    assert sum(1 for _ in reading) == 11
    assert reading.clean


def test_a_bucket_that_is_not_there_is_said_so(server):
    server.start()
    sink = open_sink("s3://nothing/main")
    for call in (lambda: sink.put("a", b"x"), lambda: sink.get("a"), sink.names):
        with pytest.raises(SinkError, match="NoSuchBucket"):
            call()


@pytest.mark.parametrize(
    "address, changes, named",
    [
        ("s3://", {}, "record sink"),
        ("gs://bucket", {}, "record sink"),
        ("s3://records", {"WINDSOCK_S3_ENDPOINT": "somewhere:9000"}, "WINDSOCK_S3_ENDPOINT"),
        ("s3://records", {"WINDSOCK_S3_ENDPOINT": "http://host/path"}, "WINDSOCK_S3_ENDPOINT"),
        ("s3://records", {"AWS_ACCESS_KEY_ID": ""}, "AWS_ACCESS_KEY_ID"),
        ("s3://records", {"AWS_SECRET_ACCESS_KEY": ""}, "AWS_SECRET_ACCESS_KEY"),
    ],
)
def test_a_wrong_address_is_one_line_without_the_secret(address, changes, named):
    with pytest.raises(InputError, match=f"^{named}: got ") as error:
        s3_sink(address, {**CREDENTIALS, **changes})
    assert "a secret" not in str(error.value)
