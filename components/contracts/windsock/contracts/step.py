"""The one shell of every step: KFP's executor input comes in, artifacts and KFP's executor output go out.

A component's `__main__` calls `main` with its steps. A step is a function of one `Step`; it opens inputs, writes
outputs and returns. Whatever it raises becomes one line and an exit code here and nowhere else.
"""

import importlib
import json
import os
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from windsock.contracts.artifact import MANIFEST, Artifact, Origin, new_artifact, open_artifact
from windsock.contracts.clock import format_time, parse_time
from windsock.contracts.errors import EXIT_BAD_INPUT, EXIT_CRASHED, EXIT_REFUSED, InputError, Refused
from windsock.contracts.files import read_json, write_json, write_text
from windsock.contracts.garbage import collect_seldom

# KFP's launcher mounts object stores at these paths, by the scheme of the artifact's URI.
MOUNTS = {"s3://": "/s3/", "minio://": "/minio/", "gs://": "/gcs/", "file://": "/"}
# How the system, DuckDB and SQLite say that nothing more can be written.
OUT_OF_SPACE = (
    "no space left on device",
    "not enough disk space",
    "disk quota exceeded",
    "file too large",
    "database or disk is full",
)


def local_path(uri: str) -> Path:
    """The local path that a KFP artifact URI is mapped to; a plain path is itself."""
    for scheme, mount in MOUNTS.items():
        if uri.startswith(scheme):
            return Path(mount + uri.removeprefix(scheme).lstrip("/"))
    return Path(uri)


class Step:
    """One execution of one step: its inputs, parameters and outputs, as KFP's executor input names them."""

    def __init__(self, name: str, executor_input: Mapping[str, Any], environment: Mapping[str, str]) -> None:
        self.name = name
        self._inputs = executor_input.get("inputs", {})
        self._outputs = executor_input.get("outputs", {})
        self._environment = environment
        self._opened: dict[str, Artifact] = {}
        self._metadata: dict[str, dict[str, Any]] = {}
        self._parameters: dict[str, Any] = {}

    @property
    def as_of(self) -> datetime:
        """The time that this step may see up to."""
        return parse_time(self.parameter("as_of"), "as_of")

    def parameter(self, name: str) -> Any:
        """A parameter's value, as KFP typed it."""
        values = self._inputs.get("parameterValues", {})
        if name not in values:
            raise InputError(f"parameter {name}", None, f"a value for step {self.name}")
        return values[name]

    def path(self, name: str) -> Path:
        """The path of an input that is no artifact of ours, such as a landing zone: nothing about it is checked."""
        artifacts = self._inputs.get("artifacts", {}).get(name, {}).get("artifacts", [])
        if len(artifacts) != 1:
            raise InputError(f"input {name}", len(artifacts), f"one artifact for step {self.name}")
        path = local_path(artifacts[0]["uri"])
        if not path.exists():
            raise InputError(f"input {name}", str(path), "a path that exists")
        return path

    def artifact(self, name: str, kind: str | None = None) -> Artifact:
        """An input artifact, its digest checked; it becomes part of the lineage of every output sealed after it."""
        if name not in self._opened:
            self._opened[name] = open_artifact(self.path(name), kind)
        return self._opened[name]

    @property
    def origin(self) -> Origin:
        """What an output sealed now is made from."""
        values = dict(self._inputs.get("parameterValues", {}))
        return Origin(
            step=self.name,
            as_of=format_time(self.as_of) if "as_of" in values else "",
            inputs={name: artifact.digest for name, artifact in sorted(self._opened.items())},
            parameters=values,
            image=self._environment.get("WINDSOCK_IMAGE", ""),
            code=self._environment.get("WINDSOCK_CODE", ""),
            lock=self._environment.get("WINDSOCK_LOCK", ""),
        )

    def address(self, name: str) -> str:
        """Where an output will lie for everybody: its URI in the store, or its path on a laptop."""
        try:
            return str(self._outputs["artifacts"][name]["artifacts"][0]["uri"])
        except (KeyError, IndexError) as error:
            raise InputError(f"output {name}", None, f"an output that step {self.name} declares") from error

    def _output_path(self, name: str) -> Path:
        return local_path(self.address(name))

    @contextmanager
    def output(self, name: str, kind: str, details: dict[str, Any] | None = None) -> Iterator[Path]:
        """Gives an empty directory to fill; it becomes the sealed artifact `name`, or nothing if the block raises."""
        path = self._output_path(name)
        details = {} if details is None else details
        with new_artifact(path, kind, self.origin, details) as directory:
            yield directory
        manifest = read_json(path / MANIFEST, "manifest")
        self._metadata[name] = {"kind": kind, "digest": manifest["digest"], **_plain(details)}

    def sealed(self, name: str) -> Artifact:
        """An output that this step has completed, opened again and checked byte by byte."""
        return open_artifact(self._output_path(name))

    def report(self, name: str, html: str) -> None:
        """Writes an HTML page, which KFP shows on the run's page."""
        write_text(self._output_path(name), html)
        self._metadata[name] = {}

    def metrics(self, name: str, values: Mapping[str, float | int | str]) -> None:
        """Gives figures to KFP's metrics output `name`."""
        write_json(self._output_path(name), dict(values))
        self._metadata[name] = dict(values)

    def result(self, name: str, value: str | float | int | bool) -> None:
        """Sets an output parameter."""
        if name not in self._outputs.get("parameters", {}):
            raise InputError(f"output parameter {name}", value, f"one that step {self.name} declares")
        self._parameters[name] = value

    def finish(self) -> None:
        """Writes KFP's executor output; a declared output that was not written is an error of the step's code."""
        declared = self._outputs.get("artifacts", {})
        for name in declared:
            if name not in self._metadata:
                raise RuntimeError(f"step {self.name} ended without its output {name}")
        artifacts = {
            name: {"artifacts": [{**declared[name]["artifacts"][0], "metadata": metadata}]}
            for name, metadata in self._metadata.items()
        }
        content = {"parameterValues": self._parameters, "artifacts": artifacts}
        write_json(local_path(self._outputs["outputFile"]), content)


def _plain(details: Mapping[str, Any]) -> dict[str, Any]:
    """The details that fit into KFP's artifact metadata, which a page lists: plain values only."""
    return {name: value for name, value in details.items() if isinstance(value, (str, int, float, bool))}


def _parse_executor_input(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError("executor input", text, f"KFP's executor input as JSON ({error})") from error
    if not isinstance(value, dict):
        raise InputError("executor input", text, "an object")
    return value


def _run(component: str, steps: Mapping[str, str], arguments: Sequence[str]) -> None:
    if len(arguments) != 2 or arguments[0] not in steps:
        raise InputError(
            f"windsock.{component}", list(arguments[:1]), f"STEP EXECUTOR_INPUT with STEP of {list(steps)}"
        )
    module, function = steps[arguments[0]].split(":")
    step = Step(arguments[0], _parse_executor_input(arguments[1]), os.environ)
    getattr(importlib.import_module(module), function)(step)
    step.finish()


def _out_of_space(error: BaseException) -> bool:
    """Whether a full disk or a used-up quota is behind an error; libraries wrap the system's error in their own."""
    return any(sign in str(error).lower() for sign in OUT_OF_SPACE)


def main(component: str, steps: Mapping[str, str], arguments: Sequence[str] | None = None) -> int:
    """Runs the step that the command line names; `steps` maps its name to `module:function`.

    Returns 0, or the exit code of `errors`; the last line on standard error is then the reason, whole, in one line.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    collect_seldom()
    try:
        _run(component, steps, arguments)
    except Refused as refusal:
        return _ended(f"refused: {refusal}", EXIT_REFUSED)
    except InputError as error:
        return _ended(str(error), EXIT_BAD_INPUT)
    except (
        Exception
    ) as error:  # The last line of defence: a crash keeps its traceback, and its last line says what it was.
        if _out_of_space(error):
            return _ended(f"disk full: {error}", EXIT_CRASHED)
        traceback.print_exc()
        return _ended(f"crashed: {type(error).__name__}: {error}", EXIT_CRASHED)
    return 0


def _ended(line: str, code: int) -> int:
    print(" ".join(line.split()), file=sys.stderr, flush=True)
    return code
