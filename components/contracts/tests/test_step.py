"""The shell of every step: what comes in, what goes out, and how each way to end is told."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from windsock.contracts.artifact import Origin, new_artifact, open_artifact
from windsock.contracts.errors import InputError
from windsock.contracts.step import Step, local_path

STEPS = '''
"""Steps as a component has them, one for each way to end."""

import sys
from windsock.contracts.errors import InputError, Refused
from windsock.contracts.step import main

def good(step):
    data = step.artifact("data", "sample")
    with step.output("result", "sample", {"rows": 3, "share": 0.5, "clean": True, "tables": {"a": 1}}) as directory:
        (directory / "copy.txt").write_bytes((data.path / "file.txt").read_bytes())
    step.report("page", "<p>größer</p>")
    step.metrics("figures", {"cost": 1.5, "rows": 3})
    step.result("answer", "yes")

def bad_input(step):
    with step.output("result", "sample") as directory:
        (directory / "half.txt").write_text("half")
        raise InputError("rows", "a\\nb", "one\\nline")

def refused(step):
    with step.output("result", "sample") as directory:
        (directory / "half.txt").write_text("half")
        raise Refused("data: 2 findings refused:\\n carrier, volume")

def crashed(step):
    with step.output("result", "sample") as directory:
        (directory / "half.txt").write_text("half")
        raise ValueError("nobody expected\\nthis")

def full(step):
    raise RuntimeError("could not write: " + step.parameter("sign"))

def forgetful(step):
    pass

def undeclared(step):
    with step.output("nothing", "sample") as directory:
        pass

def unwanted(step):
    step.result("nothing", 1)

NAMES = ("good", "bad_input", "refused", "crashed", "full", "forgetful", "undeclared", "unwanted")
if __name__ == "__main__":
    sys.exit(main("sample", {name: f"{sys.argv[0].split('/')[-1][:-3]}:{name}" for name in NAMES}))
'''


class Run:
    """Runs one of these steps in a process of its own, as a runner does."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        (directory / "sample_steps.py").write_text(STEPS)
        with new_artifact(directory / "data", "sample", Origin("before")) as data:
            (data / "file.txt").write_text("content")
        self.parameters = {"as_of": "2013-07-01", "sign": ""}

    @property
    def out(self) -> Path:
        return self.directory / "out"

    def artifact(self, name: str, path: Path, schema: str = "system.Artifact") -> dict:
        return {"artifacts": [{"name": name, "type": {"schemaTitle": schema}, "uri": str(path), "metadata": {}}]}

    @property
    def executor_input(self) -> dict:
        """As KFP 2.17.0 writes it for `{{$}}`."""
        return {
            "inputs": {
                "parameterValues": self.parameters,
                "artifacts": {"data": self.artifact("data", self.directory / "data")},
            },
            "outputs": {
                "parameters": {"answer": {"outputFile": str(self.out / "answer")}},
                "artifacts": {
                    "result": self.artifact("result", self.out / "result"),
                    "page": self.artifact("page", self.out / "page", "system.HTML"),
                    "figures": self.artifact("figures", self.out / "figures", "system.Metrics"),
                },
                "outputFile": str(self.out / "executor_output.json"),
            },
        }

    def __call__(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        if len(arguments) == 1:
            arguments = (*arguments, json.dumps(self.executor_input))
        command = [sys.executable, str(self.directory / "sample_steps.py"), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | environment)

    @property
    def executor_output(self) -> dict:
        return json.loads((self.out / "executor_output.json").read_text(encoding="utf-8"))


@pytest.fixture
def run(tmp_path) -> Run:
    return Run(tmp_path)


def last_line(result: subprocess.CompletedProcess[str]) -> str:
    return result.stderr.splitlines()[-1]


def test_a_good_step_ends_with_0_and_says_nothing(run):
    result = run("good")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_the_executor_output_is_what_kfp_reads(run):
    """KFP's ExecutorOutput (pipeline_spec.proto): parameterValues, and artifacts by name, each a list of one."""
    run("good")
    digest = open_artifact(run.out / "result", "sample").digest
    result = run.executor_output["artifacts"].pop("result")
    assert run.executor_output["parameterValues"] == {"answer": "yes"}
    assert set(run.executor_output) == {"parameterValues", "artifacts"}
    assert result["artifacts"] == [
        {
            "name": "result",
            "type": {"schemaTitle": "system.Artifact"},
            "uri": str(run.out / "result"),
            "metadata": {"kind": "sample", "digest": digest, "rows": 3, "share": 0.5, "clean": True},
        }
    ]
    figures = run.executor_output["artifacts"]["figures"]["artifacts"][0]
    assert (figures["type"], figures["metadata"]) == ({"schemaTitle": "system.Metrics"}, {"cost": 1.5, "rows": 3})
    assert set(run.executor_output["artifacts"]) == {"result", "page", "figures"}
    assert (run.out / "page").read_text(encoding="utf-8") == "<p>größer</p>"


def test_an_output_knows_what_it_was_made_from(run):
    run("good", WINDSOCK_IMAGE="image:1", WINDSOCK_CODE="abc", WINDSOCK_LOCK="def")
    origin = open_artifact(run.out / "result").origin
    assert origin == Origin(
        step="good",
        as_of="2013-07-01T00:00:00Z",
        inputs={"data": open_artifact(run.directory / "data").digest},
        parameters=run.parameters,
        image="image:1",
        code="abc",
        lock="def",
    )


@pytest.mark.parametrize(
    "step, code, line",
    [
        ("bad_input", 2, "rows: got 'a\\nb', expected one line"),
        ("refused", 3, "refused: data: 2 findings refused: carrier, volume"),
        ("crashed", 1, "crashed: ValueError: nobody expected this"),
        ("forgetful", 1, "crashed: RuntimeError: step forgetful ended without its output result"),
        ("undeclared", 2, "output nothing: got None, expected an output that step undeclared declares"),
        ("unwanted", 2, "output parameter nothing: got 1, expected one that step unwanted declares"),
    ],
)
def test_each_way_to_end_has_its_exit_code_and_one_last_line(run, step, code, line):
    result = run(step)
    assert result.returncode == code
    assert last_line(result) == line
    assert ("Traceback" in result.stderr) == (code == 1)
    assert not run.out.exists() or not list(run.out.iterdir())


@pytest.mark.parametrize(
    "sign",
    [
        "[Errno 28] No space left on device: 'x'",
        "[Errno 122] Disk quota exceeded",
        "[Errno 27] File too large",
        "IO Error: Not enough disk space",
        "database or disk is full",
    ],
)
def test_a_full_disk_is_one_line_without_a_trace(run, sign):
    run.parameters["sign"] = sign
    result = run("full")
    assert result.returncode == 1
    assert result.stderr == f"disk full: could not write: {sign}\n"


@pytest.mark.parametrize(
    "arguments",
    [("nothing", "{}"), ("good", "{}", "more"), ()],
)
def test_a_wrong_command_line_names_the_steps(run, arguments):
    result = run(*arguments)
    assert result.returncode == 2
    assert last_line(result).startswith("windsock.sample: got [")
    assert "expected STEP EXECUTOR_INPUT with STEP of ['good'" in last_line(result)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "7", "[" * 50_000, "1" * 5000], ids=["empty", "cut", "list", "number", "deep", "long"]
)
def test_an_executor_input_that_is_none_is_one_line(run, text):
    result = run("good", text)
    assert result.returncode == 2
    assert last_line(result).startswith("executor input: got ")
    assert len(result.stderr.splitlines()) == 1


def test_an_input_whose_bytes_changed_ends_the_step(run):
    (run.directory / "data" / "file.txt").write_text("other")
    result = run("good")
    assert result.returncode == 2
    assert result.stderr == "artifact data/file.txt: got 'changed', expected the bytes that the manifest names\n"


def test_an_input_that_is_not_there_ends_the_step(run):
    text = json.dumps(run.executor_input | {"inputs": {"parameterValues": {"as_of": "2013-07-01"}}})
    assert last_line(run("good", text)) == "input data: got 0, expected one artifact for step good"


def test_an_output_that_is_there_already_is_not_written_again(run):
    run("good")
    before = (run.out / "result" / "manifest.json").read_bytes()
    result = run("good")
    assert result.returncode == 1
    assert "write-once" in last_line(result)
    assert (run.out / "result" / "manifest.json").read_bytes() == before


@pytest.mark.parametrize(
    "value, expected", [("[[ScheduledTime]]", "never expanded"), ("July", "a date or time"), (None, "a date or")]
)
def test_a_bad_as_of_is_one_line(run, value, expected):
    run.parameters["as_of"] = value
    result = run("good")
    assert result.returncode == 2
    assert result.stderr.startswith("as_of: got ")
    assert expected in result.stderr


def test_a_step_without_as_of_has_none_in_its_lineage(run):
    del run.parameters["as_of"]
    run("good")
    assert open_artifact(run.out / "result").origin.as_of == ""


def test_a_parameter_that_is_missing_is_named():
    with pytest.raises(InputError, match=r"^parameter rows: got None, expected a value for step sample"):
        Step("sample", {}, {}).parameter("rows")


@pytest.mark.parametrize(
    "uri, path",
    [
        ("/data/x", "/data/x"),
        ("file:///data/x", "/data/x"),
        ("s3://bucket/key/x", "/s3/bucket/key/x"),
        ("minio://bucket/key", "/minio/bucket/key"),
        ("gs://bucket/key", "/gcs/bucket/key"),
        ("relative/x", "relative/x"),
    ],
)
def test_uris_lie_where_kfp_mounts_them(uri, path):
    assert local_path(uri) == Path(path)


def test_figures_that_are_no_numbers_are_an_error(tmp_path):
    outputs = {"artifacts": {"figures": {"artifacts": [{"uri": str(tmp_path / "figures")}]}}}
    with pytest.raises(ValueError, match=r"not JSON compliant"):
        Step("sample", {"outputs": outputs}, {}).metrics("figures", {"cost": float("nan")})
    assert not list(tmp_path.iterdir())
