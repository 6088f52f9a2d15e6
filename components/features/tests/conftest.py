import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from kiosks import write_use_case


@pytest.fixture
def use_case(tmp_path):
    return write_use_case(tmp_path / "use_case")


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory):
    """A Redis of Debian's package on a free loopback port, gone with the tests."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed (apt-get install redis-server): the Redis store is not tested")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    directory = tmp_path_factory.mktemp("redis")
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(directory)]
    server = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL)
    for _ in range(500):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.01)
    yield f"redis://127.0.0.1:{port}"
    server.terminate()
    server.wait(10)


@pytest.fixture(params=["sqlite", "redis"])
def online_store(request, tmp_path):
    """The address of an empty online store of each kind."""
    if request.param == "sqlite":
        return f"sqlite://{tmp_path}/online/store.db"
    import redis

    address = request.getfixturevalue("redis_server")
    redis.Redis.from_url(address).flushall()
    return f"{address}/0"
