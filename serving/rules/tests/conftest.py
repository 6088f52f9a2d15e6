"""A rules service for all tests of this folder."""

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import schemathesis
from windsock.contracts.artifact import Origin, new_artifact
from windsock.contracts.release import Release, open_bundle, write_bundle

sys.path.insert(0, str(Path(__file__).parent))

TRAINS = Path(__file__).parents[2] / "predictor" / "tests" / "trains"
ROW = {"line": "RE1", "station": "Ulm", "platform": 7, "load": 0.5, "due_at": "2013-07-01T13:00:00Z"}
V1, V2 = "/v1/models/trains:predict", "/v2/models/trains/infer"


def make_bundle(path, threshold=0.25):
    with new_artifact(path, "release", Origin(step="test")) as directory:
        write_bundle(directory, Release("trains", "rules", threshold), TRAINS)
        shutil.rmtree(directory / "use_case" / "__pycache__", ignore_errors=True)
    return open_bundle(path)


class Process:
    """A rules service of one test's own."""

    def __init__(self, bundle, root, *more):
        self.link = root / "release"
        self.link.symlink_to(bundle.artifact.path)
        arguments = ["--model_dir", self.link, "--record_dir", root / "record", "--http_port", 0, *more]
        self.log = root / "log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen([sys.executable, "-m", "windsock.rules", *map(str, arguments)], stderr=log)
        self.port = self.wait_for("serving")["http_port"]

    def events(self, name):
        lines = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == name]

    def wait_for(self, name):
        for _ in range(1200):
            if self.events(name):
                return self.events(name)[-1]
            time.sleep(0.05)
        return pytest.fail(f"no {name}: {self.log.read_text()}")

    def send(self, method, path, content=None, **headers):
        url = f"http://127.0.0.1:{self.port}{path}"
        headers = {"content-type": "application/json", **headers}
        request = urllib.request.Request(url, content, headers, method=method)  # noqa: S310 - a loopback URL
        try:
            with urllib.request.urlopen(request, timeout=20) as response:  # noqa: S310
                return response.status, dict(response.headers), response.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, dict(error.headers), error.read()

    def post(self, path, body, **headers):
        return self.send("POST", path, body if isinstance(body, bytes) else json.dumps(body).encode(), **headers)

    def raw(self, content):
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as client:
            client.sendall(content)
            client.settimeout(1.0)
            received = b""
            try:
                while part := client.recv(65536):
                    received += part
            except (TimeoutError, ConnectionResetError):
                pass
            return received

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return make_bundle(tmp_path_factory.mktemp("releases") / "one")


@pytest.fixture(scope="module")
def server(bundle, tmp_path_factory):
    process = Process(bundle, tmp_path_factory.mktemp("server"))
    yield process
    assert process.stop() == 0


@pytest.fixture(scope="module")
def document(server):
    return schemathesis.openapi.from_url(f"http://127.0.0.1:{server.port}/openapi.json")
