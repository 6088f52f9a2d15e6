"""While everything runs, a release joins without traffic, and leaves once it is neither wanted nor sent anything."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from windsock.contracts.release import Registry, rules_release
from windsock.contracts.use_case_code import pack_use_case

from serving.local.place import Place

ROOT = Path(__file__).parents[3]
PUMPS = ROOT / "tests" / "journeys" / "other_use_case"


@pytest.fixture
def home(tmp_path):
    process = None
    environment = {**os.environ, "WINDSOCK_HOME": str(tmp_path)}
    words = [sys.executable, "-m", "serving.local", "up", "--port", "0", "--use-case", str(PUMPS)]
    log = tmp_path / "up.log"
    with log.open("w") as said:
        process = subprocess.Popen(words, cwd=ROOT, env=environment, stdout=said, stderr=said)
    try:
        wait_for(lambda: "POST http" in log.read_text(), log)
        yield tmp_path
    finally:
        process.terminate()
        process.wait(30)


def wait_for(holds, log: Path) -> None:
    until = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.05)


def weights(home: Path) -> dict[str, int]:
    routing = json.loads((home / "serve" / "edge" / "routing.json").read_text())
    return {one["release"]: one["weight"] for one in routing["releases"]}


def test_a_release_joins_without_traffic_and_leaves_when_nobody_wants_it(home):
    log, place = home / "up.log", Place(home / "serve")
    use_case = pack_use_case(PUMPS, home / "use_cases")
    other = Registry(home / "releases").add(rules_release(use_case, 0.123, home / "other")).digest
    (production,) = weights(home)
    place.want((other,))
    wait_for(lambda: other in weights(home), log)
    assert weights(home) == {production: 100, other: 0}
    place.want(())
    edge = [sys.executable, "-m", "windsock.edge", "--directory", str(home / "serve" / "edge")]
    time.sleep(1)
    assert "left" not in log.read_text(), "the edge still knows it"
    subprocess.run([*edge, "weights", f"{other}=100"], check=True)
    subprocess.run([*edge, "finalize", production], check=True)
    wait_for(lambda: "left" in log.read_text(), log)


@pytest.mark.parametrize(("words", "line"), [
    (["release"], "release: got None, expected one that waits"),
    (["release", "--candidate", "sha256:no"], "release digest: got 'sha256:no'"),
    (["rollback"], "rollback: got None, expected a release before this one"),
    (["decide"], "records: got"),
])  # fmt: skip
def test_without_a_candidate_or_a_former_release_a_command_says_so_in_one_line(home, words, line):
    environment = {**os.environ, "WINDSOCK_HOME": str(home)}
    command = [sys.executable, "-m", "serving.local", *words]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert line in done.stderr
