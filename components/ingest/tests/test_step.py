"""The step as a pipeline runs it: a process, KFP's executor input, one sealed artifact, one last line."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from datetime import date
from pathlib import Path

import pytest
from windsock.contracts.artifact import Origin, new_artifact, open_artifact

FEATURE_REPO = Path(__file__).parents[3] / "feature_repo"


class Run:
    """One execution in its own process, on a small landing zone with all tables of the use case."""

    def __init__(self, landing, directory: Path) -> None:
        self.landing = landing
        self.directory = directory
        self.as_of = "2020-01-03"
        self.recent = False
        self.settings = (FEATURE_REPO / "use_case.toml").read_text(encoding="utf-8")
        self.prefix: list[str] = []
        for day in (1, 2):
            self.deliver(day)

    def deliver(self, day: int) -> None:
        """A row for each table, made of what the settings say: keys, event time, created time."""
        for name, table in tomllib.loads(self.settings)["tables"].items():
            times = {
                table["event_time"]: f"{date(2020, 1, day)}T06:00:00Z",
                table["created_time"]: "2020-01-01T07:00:00Z",
            }
            row = dict.fromkeys(table["key"], "1") | times
            self.landing.csv(day, ",".join(row.values()), header=",".join(row), table=name)

    @property
    def snapshot(self) -> Path:
        return self.directory / "out" / "snapshot"

    @property
    def executor_output(self) -> Path:
        return self.directory / "out" / "executor_output.json"

    def artifact(self, name: str, path: Path) -> dict:
        return {"artifacts": [{"name": name, "type": {"schemaTitle": "system.Artifact"}, "uri": str(path)}]}

    def __call__(self, as_of: str | None = None) -> subprocess.CompletedProcess[str]:
        use_case = self.directory / "use_case"
        shutil.rmtree(use_case, ignore_errors=True)
        with new_artifact(use_case, "use_case", Origin("pack")) as sealed:
            (sealed / "use_case.toml").write_text(self.settings, encoding="utf-8")
        inputs = {
            "use_case": self.artifact("use_case", use_case),
            "landing": self.artifact("landing", self.landing.root),
        }
        outputs = {"artifacts": {"snapshot": self.artifact("snapshot", self.snapshot)}}
        executor_input = {
            "inputs": {"artifacts": inputs, "parameterValues": {"as_of": as_of or self.as_of, "recent": self.recent}},
            "outputs": {**outputs, "outputFile": str(self.executor_output)},
        }
        command = [*self.prefix, sys.executable, "-m", "windsock.ingest", "snapshot_data", json.dumps(executor_input)]
        return subprocess.run(
            command, capture_output=True, text=True, check=False, env=os.environ | {"TMPDIR": str(self.directory)}
        )

    def refused(self, **options) -> str:
        """The last line of a run that bad input ended with exit code 2, leaving nothing behind."""
        result = self(**options)
        assert result.returncode == 2, result.stderr
        assert "Traceback" not in result.stderr
        self.assert_nothing_was_left()
        return result.stderr.splitlines()[-1]

    def assert_nothing_was_left(self) -> None:
        assert not list((self.directory / "out").glob("*"))
        assert not list(self.directory.glob("windsock-ingest-*"))


@pytest.fixture
def run(landing, tmp_path) -> Run:
    return Run(landing, tmp_path)


def test_a_run_ends_with_a_sealed_snapshot_and_its_lineage(run):
    result = run()
    assert result.returncode == 0, result.stderr
    snapshot = open_artifact(run.snapshot, "snapshot")
    tables = tomllib.loads(run.settings)["tables"]
    assert {path.name for path in run.snapshot.iterdir()} == {"manifest.json", *(f"{name}.parquet" for name in tables)}
    assert snapshot.origin.as_of == "2020-01-03T00:00:00Z"
    assert snapshot.origin.inputs["use_case"] == open_artifact(run.directory / "use_case").digest
    assert {name: table["delivered"] for name, table in snapshot.details["tables"].items()} == dict.fromkeys(tables, 2)
    written = json.loads(run.executor_output.read_text())["artifacts"]["snapshot"]["artifacts"][0]
    assert written["metadata"]["digest"] == snapshot.digest
    assert written["metadata"]["landing_digest"] == snapshot.details["landing_digest"]
    assert not list(run.directory.glob("windsock-ingest-*"))


def test_two_runs_give_one_digest(run):
    run()
    first = open_artifact(run.snapshot).digest
    shutil.rmtree(run.snapshot)
    run()
    assert open_artifact(run.snapshot).digest == first


@pytest.mark.parametrize(
    "as_of, expected",
    [
        ("[[ScheduledTime]]", "this placeholder was never expanded"),
        ("July", "a date or time such as 2013-07-01"),
        ("2999-01-01", "a time that is not in the future; now is 2"),
        ("2019-01-01", "a time after the first delivery began, on 2020-01-01"),
        ("2020-02-01", "at most 2020-01-03T00:00:00Z, up to which the landing zone is delivered"),
    ],
)
def test_a_bad_as_of_is_one_line(run, as_of, expected):
    line = run.refused(as_of=as_of)
    assert line.startswith("as_of: got ")
    assert expected in line


def test_no_landing_zone_is_one_line(run):
    shutil.rmtree(run.landing.root)
    assert run.refused() == f"input landing: got '{run.landing.root}', expected a path that exists"


def test_a_broken_delivery_is_one_line_though_other_tables_were_written_before(run):
    last = sorted(tomllib.loads(run.settings)["tables"])[-1]
    run.landing.deliver(2, b"\xff\xfe", 1, table=last)
    assert run.refused().startswith(f"landing {last}/2020-01/2020-01-02.csv: got 'byte 0xff at offset 0, line 1'")


def test_an_unknown_setting_is_one_line(run):
    run.settings = run.settings.replace("[ingest]\n", "[ingest]\nmax_file_gigabytes = 1\n")
    assert run.refused().startswith("use_case.ingest.max_file_gigabytes: got 1, expected no such setting; known are ")


def test_the_bound_on_files_is_a_setting(run):
    run.settings = run.settings.replace("[ingest]\n", "[ingest]\nmax_file_megabytes = 1\n")
    name = min(tomllib.loads(run.settings)["tables"])
    run.landing.deliver(2, b"x" * (1024 * 1024 + 1), 1, table=name)
    assert "expected at most 1048576 bytes; the bound is ingest.max_file_megabytes" in run.refused()


def _small_disk(mount: Path) -> list[str]:
    """A command that runs another one where `mount` is a disk of 64 KiB, in a mount namespace of its own."""
    mount.mkdir()
    script = f'mount -t tmpfs -o size=64k tmpfs {mount} && exec "$@"'
    return ["unshare", "--map-root-user", "--user", "--mount", "sh", "-c", script, "sh"]


def test_a_full_disk_is_one_line(run, tmp_path):
    run.prefix = _small_disk(tmp_path / "out")
    probe = subprocess.run([*_small_disk(tmp_path / "probe"), "true"], capture_output=True, text=True, check=False)
    if probe.returncode != 0:
        pytest.skip(f"this machine lets nobody make a small disk: {probe.stderr.strip()}")
    name, table = next(iter(tomllib.loads(run.settings)["tables"].items()))
    header = [*dict.fromkeys([*table["key"], table["event_time"], table["created_time"], "noise"])]
    times = {table["event_time"]: "2020-01-01T06:00:00Z", table["created_time"]: "2020-01-01T07:00:00Z"}
    lines = [",".join(times.get(column, str(hash((column, number)))) for column in header) for number in range(20_000)]
    run.landing.csv(2, *lines, header=",".join(header), table=name)
    result = run()
    assert result.returncode == 1, result.stderr
    assert "Traceback" not in result.stderr
    assert result.stderr.splitlines()[-1].startswith("disk full: ")
    run.assert_nothing_was_left()


def test_too_few_recent_days_stop_what_is_judged_day_by_day_and_nothing_else(run):
    run.settings = run.settings.replace("recent_days = 87", "recent_days = 86")
    assert run().returncode == 0
    shutil.rmtree(run.snapshot)
    run.recent = True
    shutil.rmtree(run.directory / "out")
    assert run.refused().startswith(
        "ingest.recent_days: got 86, expected 0, or at least 87: windows with their reference"
    )
