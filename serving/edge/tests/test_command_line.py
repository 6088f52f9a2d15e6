"""The edge's command line says what is wrong in one line."""

import subprocess
import sys

import pytest
from windsock.edge.routing import Address, Routing, Target


def edge(directory, *arguments):
    command = [sys.executable, "-m", "windsock.edge", "--directory", str(directory), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def routing(tmp_path):
    address = Address("127.0.0.1", 8000)
    path = tmp_path / "given.json"
    Routing(address, address, (Target("one", (address,), 100),), (address,)).write(path)
    return path


def test_it_writes_what_envoy_reads(tmp_path, routing):
    assert edge(tmp_path / "edge", "render", str(routing)).returncode == 0
    written = {path.name for path in (tmp_path / "edge" / "envoy").iterdir()}
    assert written == {"bootstrap.json", "listeners.json", "clusters.json", "routes.json"}


def test_a_rollout_is_ended_by_hand(tmp_path, routing):
    directory = tmp_path / "edge"
    assert edge(directory, "render", str(routing)).returncode == 0
    assert edge(directory, "shadow", "one").returncode == 0
    assert Routing.read(directory / "routing.json").shadow == "one"
    assert edge(directory, "finalize", "one").returncode == 0
    assert Routing.read(directory / "routing.json").shadow == ""


@pytest.mark.parametrize(
    "arguments, said, code",
    [
        (["run"], "routing: got", 2),
        (["ready"], "routing: got", 2),
        (["weights"], "edge socket", 1),
        (["weights", "one"], "RELEASE=PERCENT", 2),
        (["weights", "one=1.5"], "RELEASE=PERCENT", 2),
        (["render", "missing.json"], "missing.json", 2),
        (["finalize", "one"], "routing: got", 2),
    ],
)
def test_a_mistake_is_one_line(tmp_path, arguments, said, code):
    done = edge(tmp_path, *arguments)
    assert (done.returncode, len(done.stderr.splitlines())) == (code, 1)
    assert said in done.stderr


def test_a_directory_too_deep_for_a_socket_is_refused(tmp_path):
    done = edge(tmp_path / ("deep" * 30), "weights")
    assert done.returncode == 2
    assert "a path of at most" in done.stderr
