"""A rollout whose every part is in an object store, by the release component's own command and a real S3 server."""

import json
import os
import socket
import subprocess
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from windsock.contracts.artifact import Origin, new_artifact
from windsock.contracts.release import KIND, Release, open_bundle, rules_release, write_bundle
from windsock.contracts.use_case import load_use_case
from windsock.contracts.use_case_code import pack_use_case

from pipelines.cluster import CANDIDATE, CURRENT_USE_CASE, PRODUCTION
from pipelines.store import open_store

ROOT = Path(__file__).parents[2]
RELEASE = ROOT / "components" / "release" / ".venv" / "bin" / "python"
# The one environment that has an S3 server among what its tests need.
SERVES_S3 = ROOT / "serving" / "predictor" / ".venv" / "bin" / "python"
LONG_S = 60.0
ADDRESS = "s3://bucket/windsock"
# A process that looks at records as a turn does, and says how many answers it knows.
LOOK = """
import sys
from windsock.contracts.clock import parse_time
from windsock.release.memory import Reader
from windsock.release.place import open_memory
reader = Reader((f"{sys.argv[1]}/records",), open_memory(f"{sys.argv[1]}/rollout-memory"))
reader.read(parse_time("2026-07-01T00:00:00Z", "began"))
print(len(reader.answers.primary))
"""
BATCH = """
import sys
from pathlib import Path
from recorded import record, write_batch
write_batch(Path(sys.argv[1]), [record(number) for number in range(1000)])
"""


@pytest.fixture(scope="module")
def server():
    """A real S3 server of its own process on loopback, with a bucket."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    code = "import sys; from moto.server import main; main(sys.argv[1:])"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    process = subprocess.Popen([SERVES_S3, "-c", code, "-H", "127.0.0.1", "-p", str(port)], env=environment, **quiet)
    give_up_at = time.monotonic() + LONG_S
    while True:
        try:
            request = urllib.request.Request(f"http://127.0.0.1:{port}/bucket", method="PUT")
            urllib.request.urlopen(request, timeout=5).close()  # noqa: S310
            break
        except OSError:
            assert process.poll() is None, "the S3 server did not start"
            assert time.monotonic() < give_up_at
            time.sleep(0.05)
    yield {
        "WINDSOCK_S3_ENDPOINT": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "somebody",
        "AWS_SECRET_ACCESS_KEY": "a secret",
    }
    process.terminate()
    process.wait(LONG_S)


@pytest.fixture(scope="module")
def releases(tmp_path_factory):
    """The rules of a use case, and two more releases of them, each with a threshold of its own."""
    home = tmp_path_factory.mktemp("releases")
    use_case = pack_use_case(ROOT / "feature_repo", home / "use_cases")
    rules = rules_release(use_case, load_use_case(use_case.path).costs.threshold, home)
    made = [rules]
    for number in (1, 2):
        with new_artifact(home / str(number), KIND, Origin("test")) as directory:
            write_bundle(directory, Release("rules", "rules", number / 10), use_case.path)
        made.append(open_bundle(home / str(number)))
    return made


class Place:
    """A store under an address of its own, and the commands that work on it."""

    def __init__(self, server, name, traffic, releases):
        self.address, self.traffic = f"{ADDRESS}/{name}", traffic
        self.environment = {**server, "WINDSOCK_STORE": self.address}
        self.store = open_store(self.environment)
        self.rules, self.one, self.two = releases
        for bundle in releases:
            self.store.upload(bundle.artifact.path, f"releases/{bundle.digest.removeprefix('sha256:')}")
        self.point(CURRENT_USE_CASE, self.rules.digest, rules=self.rules.digest)

    def point(self, name, digest, **more):
        self.store.write(name, json.dumps({"digest": digest, **more}).encode())

    def named(self, name):
        return json.loads(self.store.read(name) or b"{}").get("digest", "")

    def say(self, *words, **environment):
        command = [RELEASE, "-m", "windsock.release.console", *words, "--store", self.address]
        command += ["--traffic", f"none:{self.traffic}"]
        everything = {**os.environ, **self.environment, **environment}
        return subprocess.run(
            command, cwd=ROOT, env=everything, capture_output=True, text=True, timeout=LONG_S, check=False
        )

    def entries(self):
        return [json.loads(self.store.read(name)) for name in sorted(self.store.names("rollout/"))]


@pytest.fixture
def place(server, releases, tmp_path, request):
    return Place(server, request.node.name, tmp_path, releases)


def test_what_waits_is_led_and_named_and_rolled_back_by_the_store_alone(place):
    assert place.say("run", "--within-s", "20").returncode == 0
    assert place.entries() == [], "nothing waits"
    place.point(CANDIDATE, place.one.digest)
    ended = place.say("run", "--within-s", "20")
    assert ended.returncode == 0, ended.stderr
    assert [entry["kind"] for entry in place.entries()] == ["started", "confirmed", "settled"]
    assert place.named(PRODUCTION) == place.one.digest
    assert place.say("run", "--within-s", "20").returncode == 0
    assert len(place.entries()) == 3, "what serves already waits no more"
    ended = place.say("rollback", "--to", place.rules.digest, "--reason", "a drill")
    assert ended.returncode == 0, ended.stderr
    assert place.named(PRODUCTION) == place.rules.digest
    assert place.say("run", "--within-s", "20").returncode == 0
    assert len(place.entries()) == 4, "what was rolled back is not tried again by itself"
    assert place.say("run", "--within-s", "20", "--again").returncode == 0
    assert place.named(PRODUCTION) == place.one.digest


def test_of_many_that_take_turns_at_once_one_leads(place):
    place.point(CANDIDATE, place.two.digest)
    with ThreadPoolExecutor() as pool:
        ended = list(pool.map(lambda _: place.say("run", "--within-s", "20"), range(4)))
    assert {one.returncode for one in ended} <= {0, 2}, [one.stderr for one in ended]
    assert not [one.stderr for one in ended if "Traceback" in one.stderr]
    kinds = [entry["kind"] for entry in place.entries()]
    assert kinds == ["started", "confirmed", "settled"]
    assert [entry["number"] for entry in place.entries()] == [1, 2, 3]
    assert place.named(PRODUCTION) == place.two.digest


def test_what_one_process_read_the_next_one_remembers_by_the_store(place, tmp_path):
    recorded = {**os.environ, "PYTHONPATH": str(ROOT / "components" / "release" / "tests")}
    subprocess.run([RELEASE, "-c", BATCH, tmp_path / "batch"], env=recorded, check=True)
    place.store.upload(tmp_path / "batch", "records")
    everything = {**os.environ, **place.environment}
    command = [RELEASE, "-c", LOOK, place.address]
    assert subprocess.run(command, env=everything, capture_output=True, check=True).stdout == b"1000\n"
    # Whoever reads the batch again finds nothing there any more.
    for name in place.store.names("records/"):
        place.store.write(name, b"")
    assert subprocess.run(command, env=everything, capture_output=True, check=True).stdout == b"1000\n"
    assert len(place.store.names("rollout-memory/")) == 1


def test_bad_input_is_one_line_and_changes_nothing(place):
    missing = f"sha256:{'0' * 64}"
    place.point(CANDIDATE, missing)
    assert _one_line(place.say("run")).startswith(f"release: got {missing!r}, expected one that is in the store")
    place.point(CANDIDATE, place.one.digest)
    folder = f"releases/{place.one.digest.removeprefix('sha256:')}"
    place.store.write(f"{folder}/release.json", b"{}")
    assert "release.json" in _one_line(place.say("run"))
    place.point(CANDIDATE, "the newest")
    assert _one_line(place.say("run")).startswith(f"{CANDIDATE}: got 'the newest'")
    assert "an object store that answers" in _one_line(place.say("run", WINDSOCK_S3_ENDPOINT="http://127.0.0.1:9"))
    assert _one_line(place.say("run", AWS_ACCESS_KEY_ID="")).startswith("AWS_ACCESS_KEY_ID: got 'nothing'")
    place.store.write("rollout/000001.json", b"{")
    assert _one_line(place.say("run")).startswith("history 000001.json: got ")
    assert place.named(PRODUCTION) == ""


def _one_line(ended):
    assert ended.returncode == 2, (ended.stdout, ended.stderr)
    (line,) = ended.stderr.strip().splitlines()
    return line
