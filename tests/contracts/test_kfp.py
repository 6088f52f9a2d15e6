"""What Windsock relies on in KFP: one closed map, the shape of the executor input, and what a step may hand on."""

import contextlib
import io
import json
import subprocess
import sys
from pathlib import Path

import kfp
import pytest
from kfp import compiler, dsl, local
from kfp.components import load_component_from_text
from kfp.local import pipeline_orchestrator, status, subprocess_task_handler
from windsock.contracts.artifact import open_artifact

from pipelines.runners import venv

WRITE = """
import sys
from windsock.contracts.step import main
from types import ModuleType
module = ModuleType("steps")
def write(step):
    with step.output("thing", "thing", {"rows": 3}) as directory:
        (directory / "inner").mkdir()
        (directory / "inner" / "content.txt").write_text(step.parameter("text"))
    step.metrics("figures", {"rows": 3})
    step.report("page", "<p>seen</p>")
def read(step):
    thing = step.artifact("thing", "thing")
    assert step._inputs["artifacts"]["thing"]["artifacts"][0]["metadata"]["rows"] == 3
    with step.output("copy", "copy") as directory:
        (directory / "content.txt").write_text((thing.path / "inner" / "content.txt").read_text())
def refuse(step):
    from windsock.contracts.errors import Refused
    raise Refused("not today")
module.write, module.read, module.refuse = write, read, refuse
sys.modules["steps"] = module
sys.exit(main("test", {name: f"steps:{name}" for name in ("write", "read", "refuse")}, sys.argv[1:]))
"""


def container(step: str) -> dsl.ContainerSpec:
    arguments = [WRITE, step, dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER]
    return dsl.ContainerSpec(image="windsock/test", command=["python", "-c"], args=arguments)


@dsl.container_component
def write(text: str, thing: dsl.Output[dsl.Artifact], figures: dsl.Output[dsl.Metrics], page: dsl.Output[dsl.HTML]):
    return container("write")


@dsl.container_component
def read(thing: dsl.Input[dsl.Artifact], copy: dsl.Output[dsl.Dataset]):
    return container("read")


@dsl.container_component
def refuse(thing: dsl.Input[dsl.Artifact], copy: dsl.Output[dsl.Dataset]):
    return container("refuse")


def two_steps(second):
    @dsl.pipeline(name="two-steps")
    def pipeline(text: str):
        second(thing=write(text=text).outputs["thing"])

    return pipeline


class Handler:
    """Runs what it is given in this very environment, and keeps what it saw."""

    seen: list[list[str]] = []
    codes: list[int] = []

    def __init__(self, image, full_command, pipeline_root, runner, env_vars):
        self.full_command = full_command

    def run(self):
        Handler.seen.append(self.full_command)
        command = [sys.executable, *self.full_command[1:]]
        code = subprocess.run(command, capture_output=True, check=False).returncode
        Handler.codes.append(code)
        return status.Status.SUCCESS if code == 0 else status.Status.FAILURE


def run(pipeline, root, **arguments):
    path = root / "pipeline.yaml"
    compiler.Compiler().compile(pipeline, str(path))
    local.init(local.SubprocessRunner(use_venv=False), pipeline_root=str(root / "runs"), raise_on_error=False)
    Handler.seen, Handler.codes = [], []
    spec = load_component_from_text(path.read_text()).pipeline_spec
    with venv._replaced_handler(Handler), contextlib.redirect_stdout(io.StringIO()):
        pipeline_orchestrator.run_local_pipeline(pipeline_spec=spec, arguments=arguments)
    return Handler.codes


def test_the_version_is_the_one_that_the_seam_was_tried_with():
    assert kfp.__version__ == "2.17.0"


def test_the_handler_is_looked_up_when_a_step_starts_and_put_back_afterwards(tmp_path):
    original = subprocess_task_handler.SubprocessTaskHandler
    assert run(two_steps(read), tmp_path, text="hello") == [0, 0]
    assert subprocess_task_handler.SubprocessTaskHandler is original


def test_a_step_hands_on_a_sealed_directory_its_metadata_and_its_page(tmp_path):
    run(two_steps(read), tmp_path, text="hello")
    (copy,) = (tmp_path / "runs").glob("two-steps-*/read/copy")
    assert (copy / "content.txt").read_text() == "hello"
    thing = open_artifact(copy.parent.parent / "write" / "thing")
    assert open_artifact(copy).origin.inputs == {"thing": thing.digest}
    assert (copy.parent.parent / "write" / "page").read_text() == "<p>seen</p>"


def test_the_executor_input_has_the_shape_that_the_step_shell_reads(tmp_path):
    run(two_steps(read), tmp_path, text="hello")
    executor_input = json.loads(Handler.seen[0][-1])
    assert executor_input["inputs"]["parameterValues"] == {"text": "hello"}
    assert set(executor_input["outputs"]["artifacts"]) == {"thing", "figures", "page"}
    assert executor_input["outputs"]["outputFile"].endswith("executor_output.json")


def test_a_refusal_ends_the_run_and_leaves_no_output(tmp_path):
    assert run(two_steps(refuse), tmp_path, text="hello") == [0, 3]
    assert not list((tmp_path / "runs").glob("two-steps-*/refuse/copy"))


@pytest.mark.parametrize("name", ["training", "materialization", "validation"])
def test_pipelines_are_plain_dags(name):
    text = (Path(__file__).parents[2] / "pipelines" / "compiled" / f"{name}.yaml").read_text()
    assert len(venv.container_tasks(text)) >= 3
    assert "triggerPolicy" not in text
    assert "iterator" not in text
