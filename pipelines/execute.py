"""Executes a pipeline on this machine: gathers what it is given, runs it, and hands its release to the registry."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from windsock.contracts.errors import InputError
from windsock.contracts.release import Registry, open_bundle, rules_release
from windsock.contracts.use_case import load_use_case
from windsock.contracts.use_case_code import pack_use_case

from pipelines.latest import resolve_as_of
from pipelines.override import check_override
from pipelines.runners.venv import StepFailedError, StepResult, container_tasks, exit_code, run_pipeline
from pipelines.summary import Progress, report_failure, report_success, say
from pipelines.workspace import COMPILED, Workspace, commit
from serving.local.place import Place


def training_arguments(options: argparse.Namespace, workspace: Workspace) -> dict[str, Any]:
    """What training is given: the use case packed by digest, and the release in production or the rules."""
    use_case = pack_use_case(options.use_case, workspace.use_cases)
    threshold = load_use_case(options.use_case).costs.threshold
    production = Registry(workspace.releases).production() or rules_release(use_case, threshold, workspace.releases)
    return {
        "as_of": options.as_of,
        "use_case": str(use_case.path),
        "landing": str(options.landing or workspace.landing),
        "production": str(production.artifact.path),
        "tracking_uri": workspace.tracking_uri,
        "commit": commit(),
        "override": options.override,
    }


def materialization_arguments(options: argparse.Namespace, workspace: Workspace) -> dict[str, Any]:
    """What materialization is given."""
    return {
        "as_of": options.as_of,
        "use_case": str(pack_use_case(options.use_case, workspace.use_cases).path),
        "landing": str(options.landing or workspace.landing),
        "online_store": options.online_store or workspace.online_store,
        "override": options.override,
    }


def register_release(results: Sequence[StepResult], workspace: Workspace, wait: bool) -> str:
    """Registers what training made and says what became of it, in a line.

    With no traffic to split it takes over at once; while servers run here, or when asked to, it waits for its canary.
    """
    (registered,) = (result for result in results if result.name == "register_model")
    registry = Registry(workspace.releases)
    bundle = registry.add(open_bundle(registered.path("release")))
    facts = {"as_of": bundle.release.as_of, "run": registered.task_root.parent.name}
    production = registry.production()
    if production is not None and production.digest == bundle.digest:
        return f"{bundle.digest}, which is in production already"
    if not wait and Place(workspace.root / "serve").holder() is None:
        registry.promote(bundle.digest, facts)
        return f"{bundle.digest}, now in production"
    registry.propose(bundle.digest, facts)
    return f"{bundle.digest} waits: `make release` leads the traffic to it, if it deserves it"


ARGUMENTS: Mapping[str, Callable[[argparse.Namespace, Workspace], dict[str, Any]]] = {
    "training": training_arguments,
    "materialization": materialization_arguments,
}


def _names(landing: Path) -> list[str]:
    return [path.relative_to(landing).as_posix() for path in landing.glob("*/*/*")]


def execute(options: argparse.Namespace) -> int:
    """Runs the pipeline that the options name and returns the process's exit code."""
    if options.request:
        raise InputError(
            "--request", options.request, "nothing on this machine: requests are kept in a cluster's store"
        )
    workspace = Workspace()
    compiled = COMPILED / f"{options.pipeline}.yaml"
    check_override(options.override, compiled.read_text(encoding="utf-8"))
    landing = options.landing or workspace.landing
    tables = load_use_case(options.use_case).tables
    options.as_of = resolve_as_of(options.as_of, lambda: _names(landing), tables)
    given = ARGUMENTS[options.pipeline](options, workspace)
    progress = Progress(len(container_tasks(compiled.read_text(encoding="utf-8"))))
    results: list[StepResult] = []

    def finished(result: StepResult) -> None:
        results.append(result)
        progress.finished(result)

    say(f"{options.pipeline} as of {given['as_of']}")
    try:
        run_pipeline(compiled, given, workspace, progress.started, finished)
    except StepFailedError as failure:
        report_failure(failure, results)
        return exit_code(failure.result)
    release = register_release(results, workspace, options.register_only) if options.pipeline == "training" else ""
    report_success(results, release)
    return 0
