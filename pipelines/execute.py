"""Executes a pipeline on this machine: gathers what it is given, runs it, and hands its release to the registry."""

import argparse
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from windsock.contracts.artifact import Artifact, open_artifact
from windsock.contracts.errors import InputError
from windsock.contracts.files import new_directory
from windsock.contracts.lock import holder
from windsock.contracts.release import Bundle, Registry, open_bundle, rules_release
from windsock.contracts.use_case import load_use_case
from windsock.contracts.use_case_code import pack_use_case

from pipelines.latest import resolve_as_of
from pipelines.ledger import DirectoryShelf, Ledger, known
from pipelines.override import check_override
from pipelines.runners.venv import StepFailedError, StepResult, container_tasks, run_pipeline
from pipelines.summary import Ended, Progress, report_failure, report_success, say
from pipelines.watched import TRAINING_SET, conclude, keep_known, no_training_set, training_set_digest
from pipelines.workspace import COMPILED, SERVING_LOCK, Workspace, commit


def training_arguments(options: argparse.Namespace, workspace: Workspace) -> dict[str, Any]:
    """What training is given: the use case packed by digest, and the release in production or the rules."""
    use_case = pack_use_case(options.use_case, workspace.use_cases)
    production = production_of(use_case, workspace)
    return {
        "as_of": options.as_of,
        "use_case": str(use_case.path),
        "landing": str(options.landing or workspace.landing),
        "production": str(production.artifact.path),
        "tracking_uri": workspace.tracking_uri,
        "commit": commit(),
        "override": options.override,
    }


def validation_arguments(options: argparse.Namespace, workspace: Workspace) -> dict[str, Any]:
    """What validation is given."""
    return {
        "as_of": options.as_of,
        "use_case": str(pack_use_case(options.use_case, workspace.use_cases).path),
        "landing": str(options.landing or workspace.landing),
        "override": options.override,
    }


def materialization_arguments(options: argparse.Namespace, workspace: Workspace) -> dict[str, Any]:
    """What materialization is given."""
    store = options.online_store or workspace.online_store
    return {**validation_arguments(options, workspace), "online_store": store}


def monitoring_arguments(options: argparse.Namespace, workspace: Workspace) -> dict[str, Any]:
    """What monitoring is given: the records, the release in production with its training set, and what is known.

    Raises:
        InputError: that training set is not kept here.
    """
    use_case = pack_use_case(options.use_case, workspace.use_cases)
    production = production_of(use_case, workspace)
    workspace.records.mkdir(parents=True, exist_ok=True)
    before = known(Ledger(DirectoryShelf(workspace.root)).entries())
    return {
        "as_of": options.as_of,
        "use_case": str(use_case.path),
        "landing": str(options.landing or workspace.landing),
        "records": str(workspace.records),
        "production": str(production.artifact.path),
        "training_set": str(training_set_of(production, workspace)),
        "known": str(keep_known(workspace.monitoring / "known", before).path),
    }


def production_of(use_case: Artifact, workspace: Workspace) -> Bundle:
    """The release in production; before the first one, the rules'."""
    threshold = load_use_case(use_case.path).costs.threshold
    return Registry(workspace.releases).production() or rules_release(use_case, threshold, workspace.releases)


def training_set_of(bundle: Bundle, workspace: Workspace) -> Path:
    """The training set that a release was made from; one that says so where it was made from none.

    Raises:
        InputError: it is not kept here.
    """
    digest = training_set_digest(bundle)
    if not digest:
        return no_training_set(workspace.training_sets).path
    path = workspace.training_sets / digest.removeprefix("sha256:")
    if not path.is_dir():
        expected = f"{bundle.release.name}'s, kept at {path}; run training on this machine again"
        raise InputError("training set", digest, expected)
    return path


def keep_training_set(made: Path, workspace: Workspace) -> Path:
    """Keeps a training set under its digest, for as long as its release may be watched. The files are linked."""
    digest = open_artifact(made, TRAINING_SET).digest
    target = workspace.training_sets / digest.removeprefix("sha256:")
    if not target.exists():
        with new_directory(target) as directory:
            shutil.copytree(made, directory, copy_function=os.link, dirs_exist_ok=True)
    return target


def register_release(results: Sequence[StepResult], workspace: Workspace, wait: bool) -> str:
    """Registers what training made and says what became of it, in a line.

    With no traffic to split it takes over at once; while servers run here, or when asked to, it waits for its canary.
    """
    (registered,) = (result for result in results if result.name == "register_model")
    (built,) = (result for result in results if result.name == "build_training_set")
    keep_training_set(built.path(TRAINING_SET), workspace)
    registry = Registry(workspace.releases)
    bundle = registry.add(open_bundle(registered.path("release")))
    facts = {"as_of": bundle.release.as_of, "run": registered.task_root.parent.name}
    production = registry.production()
    if production is not None and production.digest == bundle.digest:
        return f"{bundle.digest}, which is in production already"
    if not wait and holder(workspace.serving / SERVING_LOCK) is None:
        registry.promote(bundle.digest, facts)
        return f"{bundle.digest}, now in production"
    registry.propose(bundle.digest, facts)
    return f"{bundle.digest} waits: `make release` leads the traffic to it, if it deserves it"


ARGUMENTS: Mapping[str, Callable[[argparse.Namespace, Workspace], dict[str, Any]]] = {
    "validation": validation_arguments,
    "training": training_arguments,
    "materialization": materialization_arguments,
    "monitoring": monitoring_arguments,
}


def landed(landing: Path) -> list[str]:
    """What lies in a landing zone, relative to it."""
    return [path.relative_to(landing).as_posix() for path in landing.glob("*/*/*")]


def execute(options: argparse.Namespace) -> Ended:
    """Runs the pipeline that the options name and says how it ended."""
    if options.request:
        raise InputError(
            "--request", options.request, "nothing on this machine: requests are kept in a cluster's store"
        )
    if options.after is not None and not options.after.is_dir():
        raise InputError("--after", str(options.after), "the directory of an earlier run on this machine")
    workspace = Workspace()
    compiled = COMPILED / f"{options.pipeline}.yaml"
    check_override(options.override, compiled.read_text(encoding="utf-8"))
    landing = options.landing or workspace.landing
    tables = load_use_case(options.use_case).tables
    options.as_of = resolve_as_of(options.as_of, lambda: landed(landing), tables)
    given = ARGUMENTS[options.pipeline](options, workspace)
    progress = Progress(len(container_tasks(compiled.read_text(encoding="utf-8"))))
    results: list[StepResult] = []

    def finished(result: StepResult) -> None:
        results.append(result)
        progress.finished(result)

    say(f"{options.pipeline} as of {given['as_of']}")
    try:
        run_pipeline(compiled, given, workspace, progress.started, finished, options.after)
    except StepFailedError as failure:
        return report_failure(failure, results)
    finally:
        # For whoever goes on from this run; all else that is said is for a person.
        print(*{result.task_root.parent for result in results}, flush=True)
    release = register_release(results, workspace, options.register_only) if options.pipeline == "training" else ""
    report_success(results, release)
    if options.pipeline == "monitoring":
        ledger = Ledger(DirectoryShelf(workspace.root))
        say(conclude(results, ledger, workspace.monitoring, load_use_case(options.use_case)))
    return Ended(0, release)
