"""Brings Kubeflow's recurring runs to what `manifests/schedules/recurring.toml` says: `python -m pipelines.schedules`.

A recurring run starts the pipeline `launch`, whose one step starts the named pipeline as of the newest data.
"""

import argparse
import hashlib
import json
import os
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from windsock.contracts.errors import EXIT_BAD_INPUT, EXIT_CRASHED, InputError
from windsock.contracts.settings import parse

from pipelines.reconcile import PREFIX, Act, Action, Schedule, reconcile
from pipelines.run import PIPELINES
from pipelines.runners.cluster import connect
from pipelines.runners.recurring import RecurringRuns
from pipelines.store import DEFAULT_STORE
from pipelines.workspace import COMPILED, REPOSITORY

FILE = REPOSITORY / "manifests" / "schedules" / "recurring.toml"
LAUNCH = COMPILED / "launch.yaml"


def read_schedules(file: Path) -> dict[str, Schedule]:
    """The schedules of a file, by pipeline.

    Raises:
        InputError: it is no TOML, names a pipeline that there is not, or a setting is wrong.
    """
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError("schedules", str(file), f"a TOML file ({error})") from error
    for name in content:
        if name not in PIPELINES:
            raise InputError(f"{file.name}: {name}", name, f"one of {', '.join(PIPELINES)}")
    return {name: _schedule(section, f"{file.name}: {name}") for name, section in content.items()}


def _schedule(section: Mapping[str, Any], where: str) -> Schedule:
    try:
        return parse(Schedule, section, where)
    except InputError as error:
        if error.field.startswith(where):
            raise
        raise InputError(f"{where}.{error.field}", error.value, error.expected) from error


def launch_parameters(pipeline: str, environment: Mapping[str, str]) -> dict[str, Any]:
    """What the launching step is given: addresses as seen from a pod."""
    return {
        "pipeline": pipeline,
        "store": environment.get("WINDSOCK_STORE", DEFAULT_STORE),
        "store_endpoint": environment.get("WINDSOCK_POD_S3_ENDPOINT", "http://minio-service.kubeflow:9000"),
        "api": environment.get("WINDSOCK_POD_KFP_ENDPOINT", "http://ml-pipeline.kubeflow:8888"),
    }


def made_of(schedule: Schedule, parameters: Mapping[str, Any], launch: bytes) -> str:
    """A digest of all that a recurring run is made of: when one of these changes, it is made anew."""
    said = json.dumps([schedule.cron, schedule.max_concurrency, parameters], sort_keys=True)
    return hashlib.sha256(said.encode() + launch).hexdigest()


def bring_to(
    schedules: Mapping[str, Schedule], recurring: RecurringRuns, environment: Mapping[str, str]
) -> list[Action]:
    """Does what is to be done, and returns it."""
    parameters = {name: launch_parameters(name, environment) for name in schedules}
    launch = LAUNCH.read_bytes()
    wanted = {PREFIX + name: made_of(schedules[name], parameters[name], launch) for name in schedules}
    actions = reconcile(wanted, recurring.existing())
    for action in actions:
        name = action.name.removeprefix(PREFIX)
        if action.act is Act.CREATE:
            recurring.create(action.name, wanted[action.name], LAUNCH, schedules[name], parameters[name])
        elif action.act is Act.DISABLE:
            recurring.disable(action.recurring_id)
        elif action.act is Act.DELETE:
            recurring.delete(action.recurring_id)
    return actions


def main(arguments: Sequence[str] | None = None) -> int:
    """Reconciles; a mistake is one line."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.schedules", description=__doc__)
    parser.add_argument("--file", type=Path, default=FILE, help="another file of schedules")
    options = parser.parse_args(arguments)
    try:
        # A mistake in the file is told whether Kubeflow is there or not.
        schedules = read_schedules(options.file)
        actions = bring_to(schedules, RecurringRuns(connect(os.environ.get("KFP_ENDPOINT", ""))), os.environ)
    except InputError as error:
        print(f"schedules: {error}", file=sys.stderr)
        return EXIT_BAD_INPUT
    except OSError as error:
        print(f"schedules: {error}", file=sys.stderr)
        return EXIT_CRASHED
    for action in actions:
        print(f"  {action.act.value:<8}{action.name}{f': {action.why}' if action.why else ''}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
