"""One release and its stores for all tests of this folder."""

import json
import os
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

sys.path.insert(0, str(Path(__file__).parent))

import stage


@pytest.fixture(scope="session")
def bundle(tmp_path_factory):
    return stage.make_bundle(tmp_path_factory.mktemp("releases") / "one")


@pytest.fixture(scope="session")
def plan():
    return stage.PLAN


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory):
    """A Redis server of this run's own, on loopback; Debian's package redis-server."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.fail("redis-server is missing: apt-get install redis-server")
    port = stage.free_port()
    arguments = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    process = subprocess.Popen([program, *arguments], cwd=tmp_path_factory.mktemp("redis"), stdout=subprocess.DEVNULL)
    for _ in range(200):
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.02)
    yield f"127.0.0.1:{port}"
    process.terminate()
    process.wait(10)


@pytest.fixture(scope="session")
def stores(redis_server, tmp_path_factory):
    root = tmp_path_factory.mktemp("stores")
    file = root / "online.db"
    settings = [{"type": "sqlite", "path": str(file)}, {"type": "redis", "connection_string": redis_server}]
    stage.fill(root, settings, stage.store_rows())
    return file, f"redis://{redis_server}"


@pytest.fixture(scope="session")
def sqlite_store(stores):
    return stores[0]


@pytest.fixture(scope="session")
def redis_store(stores):
    return stores[1]


@pytest.fixture
def own_redis(redis_store, tmp_path):
    """A Redis of one test's own, with the stage's values, that it may freeze and kill."""
    import redis

    port = stage.free_port()
    process = subprocess.Popen(
        [shutil.which("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--daemonize", "no"],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
    )
    url = f"redis://127.0.0.1:{port}"
    with redis.Redis.from_url(redis_store) as source, redis.Redis.from_url(url) as target:
        for _ in range(200):
            try:
                target.ping()
                break
            except redis.ConnectionError:
                time.sleep(0.02)
        for key in source.scan_iter():
            target.restore(key, 0, source.dump(key))
    yield url, process
    process.send_signal(signal.SIGCONT)
    process.kill()
    process.wait(10)


class Process:
    """A predictor of one test's own."""

    def __init__(self, bundle, store, root, *more):
        self.root = root
        self.link = root / "release"
        self.link.symlink_to(bundle.artifact.path)
        stage.note_plan(bundle, root / "record" / "examined")
        arguments = ["--model_dir", self.link, "--online_store", store, "--record_dir", root / "record"]
        arguments += ["--http_port", 0, "--grpc_port", 0, "--clock", "request", *more]
        self.log = root / "log"
        command = [sys.executable, "-m", "windsock.predictor", *map(str, arguments)]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command, stderr=log, env={**os.environ, "TZ": "UTC"})

    def events(self, name):
        lines = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == name]

    def wait_for(self, name, count=1):
        for _ in range(2400):
            if len(self.events(name)) >= count:
                return self.events(name)[-1]
            if self.process.poll() is not None and not self.events(name):
                break
            time.sleep(0.05)
        return pytest.fail(f"no {name}: {self.log.read_text()}")

    def started(self):
        serving = self.wait_for("serving")
        self.port, self.grpc_port = serving["http_port"], serving["grpc_port"]
        return self

    def get(self, path):
        return self.send("GET", path)

    def post(self, path, body, **headers):
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.send("POST", path, content, {"content-type": "application/json", **headers})

    def send(self, method, path, content=None, headers=None):
        url = f"http://127.0.0.1:{self.port}{path}"
        request = urllib.request.Request(url, content, headers or {}, method=method)  # noqa: S310 - a loopback URL
        try:
            with urllib.request.urlopen(request, timeout=20) as response:  # noqa: S310
                return response.status, dict(response.headers), response.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, dict(error.headers), error.read()

    def raw(self, content, wait=True):
        """What comes back for raw bytes until the server closes or a second passes."""
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
