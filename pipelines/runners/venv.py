"""Runs a compiled pipeline on this machine: KFP's own orchestrator, and each step in its folder's prepared environment.

The seam is one assignment: KFP chooses a task handler by the runner's type out of a closed map, and the handler of its
subprocess runner is replaced by ours while a pipeline runs (kfp 2.17.0; `tests/contracts` holds it to that).
"""

import contextlib
import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from google.protobuf import json_format  # type: ignore[import-untyped]
from kfp import local
from kfp.local import pipeline_orchestrator, status, subprocess_task_handler
from kfp.local.task_handler_interface import ITaskHandler
from kfp.pipeline_spec import pipeline_spec_pb2
from windsock.contracts.errors import EXIT_CRASHED, InputError
from windsock.contracts.warm import Command
from windsock.contracts.warm import run as run_command

from pipelines.images import Image, folder_image
from pipelines.runners import reuse
from pipelines.runners.environment import STEP_ENVIRONMENT
from pipelines.workspace import Workspace

LAST_BYTES = 65_536
# The safe loader, in C where PyYAML has it: a compiled pipeline is read several times a run.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class StepResult:
    """One executed step: its folder, exit code, last line, seconds, and what KFP was told of its outputs."""

    name: str
    task_root: Path
    exit_code: int
    last_line: str
    duration_s: float
    reused: bool
    outputs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def log(self) -> Path:
        """All that the step printed."""
        return self.task_root / "log.txt"

    def metadata(self, output: str) -> dict[str, Any]:
        """The metadata of an output artifact."""
        return dict(self.outputs.get(output, {}).get("metadata", {}))

    def path(self, output: str) -> Path:
        """The local path of an output artifact."""
        return Path(self.outputs[output]["uri"])


class StepFailedError(Exception):
    """A step ended with another code than 0."""

    def __init__(self, result: StepResult) -> None:
        self.result = result
        super().__init__(f"{result.name}: {result.last_line}")


@dataclass
class Run:
    """One run of one compiled pipeline; `started` and `finished` are told of every step.

    `after` is an earlier run whose steps are not done again where they would do the same.
    """

    workspace: Workspace
    cacheable: frozenset[str]
    started: Callable[[str], None]
    finished: Callable[[StepResult], None]
    after: Path | None = None
    results: list[StepResult] = field(default_factory=list)


def prepared_image(reference: str) -> Image:
    """The image whose folder stands in for a container.

    Raises:
        InputError: the compiled pipeline names other content than the folder has, or its environment is missing.
    """
    found = re.fullmatch(r".*/([a-z_]+):([0-9a-f]+)", reference)
    if found is None:
        raise InputError("image", reference, "registry/component:content-hash")
    image = folder_image(found[1])
    if image.code[: len(found[2])] != found[2]:
        raise InputError("image", reference, f"the tag {image.reference.split(':')[-1]}: run `make compile`")
    if not (image.folder / ".venv" / "bin" / "python").exists():
        raise InputError("environment", f"components/{found[1]}/.venv", "a prepared one: run `make environments`")
    return image


def _execute(command: Command, code: str, log: Path) -> tuple[int, str]:
    """Runs a step, keeps all that it prints in a log, and returns its exit code and last line."""
    with log.open("wb") as file, open(os.devnull, "rb") as nothing:
        ended = run_command(command, nothing, file, file, code)
    return ended, last_line(log) if ended >= 0 else f"ended by signal {-ended}"


def last_line(log: Path) -> str:
    """The last line of a log that says anything."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - LAST_BYTES))
        lines = file.read().decode(errors="replace").splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _run_step(run: Run, reference: str, full_command: list[str], variables: Mapping[str, str]) -> StepResult:
    image = prepared_image(reference)
    step, executor_input = full_command[-2], json.loads(full_command[-1])
    output_file = Path(executor_input["outputs"]["outputFile"])
    task_root = output_file.parent
    task_root.mkdir(parents=True, exist_ok=True)
    run.started(step)
    began = time.monotonic()
    key = reuse.reuse_key(image.code, step, executor_input) if step in run.cacheable else None
    reused = key is not None and reuse.restore(run.workspace.reuse, key, task_root)
    reused = reused or (run.after is not None and reuse.follow(run.after, image.code, step, executor_input, task_root))
    code, said = 0, ""
    if not reused:
        named = {"WINDSOCK_IMAGE": reference, "WINDSOCK_CODE": image.code, "WINDSOCK_LOCK": image.lock}
        python = image.folder / ".venv" / "bin" / "python"
        environment = {**os.environ, **STEP_ENVIRONMENT, **variables, **named}
        _, _, module, *arguments = full_command
        command = Command(python, module, arguments, Path.cwd(), environment)
        code, said = _execute(command, image.code, task_root / "log.txt")
        if key is not None and code == 0:
            reuse.keep(run.workspace.reuse, key, task_root)
    outputs = {}
    if code == 0:
        artifacts = json.loads(output_file.read_text(encoding="utf-8")).get("artifacts", {})
        outputs = {name: value["artifacts"][0] for name, value in artifacts.items()}
    return StepResult(step, task_root, code, said, time.monotonic() - began, reused, outputs)


def _handler(run: Run) -> type[ITaskHandler]:
    """The task handler that KFP's orchestrator makes one of for every step of this run."""

    class PreparedEnvironmentHandler(ITaskHandler):  # type: ignore[misc]
        def __init__(
            self, image: str, full_command: list[str], pipeline_root: str, runner: object, env_vars: dict[str, str]
        ) -> None:
            del pipeline_root, runner
            self.image, self.full_command, self.variables = image, full_command, env_vars

        def run(self) -> status.Status:
            result = _run_step(run, self.image, self.full_command, self.variables)
            run.results.append(result)
            run.finished(result)
            return status.Status.SUCCESS if result.exit_code == 0 else status.Status.FAILURE

    return PreparedEnvironmentHandler


@contextlib.contextmanager
def _replaced_handler(handler: type[ITaskHandler]) -> Iterator[None]:
    original = subprocess_task_handler.SubprocessTaskHandler
    subprocess_task_handler.SubprocessTaskHandler = handler
    try:
        yield
    finally:
        subprocess_task_handler.SubprocessTaskHandler = original


def container_tasks(compiled: str) -> dict[str, bool]:
    """The container steps of a compiled pipeline, in no order: task name to whether its result may be reused."""
    spec = next(yaml.load_all(compiled, Loader=LOADER))
    executors = spec["deploymentSpec"]["executors"]
    tasks = {}
    for name, task in spec["root"]["dag"]["tasks"].items():
        executor = executors[spec["components"][task["componentRef"]["name"]]["executorLabel"]]
        if "container" in executor:
            tasks[name] = bool(task.get("cachingOptions", {}).get("enableCache", False))
    return tasks


def container_images(compiled: str) -> list[str]:
    """The image references of a compiled pipeline; all are looked at before the first step runs."""
    executors = next(yaml.load_all(compiled, Loader=LOADER))["deploymentSpec"]["executors"].values()
    return sorted({executor["container"]["image"] for executor in executors if "container" in executor})


def step_name(task: str) -> str:
    """KFP numbers a component's second task: `require-passed-2` runs the step `require_passed`."""
    return re.sub(r"-\d+$", "", task).replace("-", "_")


def run_pipeline(
    compiled: Path,
    arguments: Mapping[str, Any],
    workspace: Workspace,
    started: Callable[[str], None],
    finished: Callable[[StepResult], None],
    after: Path | None = None,
) -> list[StepResult]:
    """Runs a compiled pipeline to its end, with `after` on from an earlier run.

    Raises:
        StepFailedError: a step ended with another code than 0; the steps before it keep their outputs.
        InputError: the pipeline cannot run here.
        RuntimeError: the orchestrator said success without having run every step.
    """
    text = compiled.read_text(encoding="utf-8")
    tasks = container_tasks(text)
    for reference in container_images(text):
        prepared_image(reference)
    cacheable = frozenset(step_name(task) for task, enabled in tasks.items() if enabled)
    run = Run(workspace, cacheable, started, finished, after)
    workspace.runs.mkdir(parents=True, exist_ok=True)
    # Runs may go side by side, and each has to know what was said of it.
    chatter = workspace.runs / f"orchestrator-{os.getpid()}.log"
    local.init(local.SubprocessRunner(use_venv=False), pipeline_root=str(workspace.runs), raise_on_error=False)
    # What KFP's own loader makes of the text, at a tenth of the price: it reads it twice, in Python.
    spec = json_format.ParseDict(next(yaml.load_all(text, Loader=LOADER)), pipeline_spec_pb2.PipelineSpec())
    with (
        _replaced_handler(_handler(run)),
        chatter.open("w", encoding="utf-8") as file,
        contextlib.redirect_stdout(file),
    ):
        pipeline_orchestrator.run_local_pipeline(pipeline_spec=spec, arguments=dict(arguments))
    failed = [result for result in run.results if result.exit_code != 0]
    if failed:
        raise StepFailedError(failed[0])
    said = chatter.read_text(encoding="utf-8")
    if len(run.results) != len(tasks) or "Could not resolve" in said:
        raise RuntimeError(f"the orchestrator ran {len(run.results)} of {len(tasks)} steps; see {chatter}")
    chatter.unlink()
    return run.results


def exit_code(result: StepResult) -> int:
    """The code that the whole run ends with: the step's own, where it is one of ours."""
    return result.exit_code if result.exit_code > 0 else EXIT_CRASHED


def interactive() -> bool:
    """Whether a person watches."""
    return sys.stderr.isatty()
