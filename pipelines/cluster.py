"""Executes a pipeline on a cluster: what the workspace is on a laptop, the object store is here."""

import argparse
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from windsock.contracts.artifact import Artifact, open_artifact
from windsock.contracts.errors import InputError
from windsock.contracts.release import Bundle, open_bundle, rules_release
from windsock.contracts.use_case import load_use_case
from windsock.contracts.use_case_code import pack_use_case

from pipelines.latest import resolve_as_of
from pipelines.ledger import Ledger, known
from pipelines.override import check_override
from pipelines.request import SCHEDULE, Runs, request_run, schedule_name
from pipelines.runners.cluster import ClusterRun, connect, find_run, follow, submit, terminate
from pipelines.runners.venv import StepFailedError, StepResult, container_tasks
from pipelines.store import Store, open_store
from pipelines.summary import Ended, Progress, report_failure, report_success, say
from pipelines.watched import TRAINING_SET, conclude, keep_known, no_training_set
from pipelines.workspace import COMPILED, Workspace, commit

TRACKING_URI = "http://mlflow.windsock:5000"
ONLINE_STORE = "redis://redis.windsock:6379"
CURRENT_USE_CASE = "use_cases/current.json"
PRODUCTION, CANDIDATE = "releases/production.json", "releases/candidate.json"
# What a rollout reads of what came true: the newest monitoring run's labels.
LABELS, LABELLED = "monitoring/labels.csv", "labels.csv"
DAY_ZERO = "releases/day-zero"


def _place(kind: str, digest: str) -> str:
    return f"{kind}/{digest.removeprefix('sha256:')}"


def publish(use_case_directory: Path, workspace: Workspace, store: Store) -> Artifact:
    """Puts a use case and its rules into the store and names it the current one; returns the packed use case."""
    use_case = _put_use_case(use_case_directory, workspace, store)
    rules = _put_rules(use_case, workspace, store)
    store.upload(rules.artifact.path, DAY_ZERO)
    pointer = {"digest": use_case.digest, "rules": rules.digest}
    store.write(CURRENT_USE_CASE, json.dumps(pointer, sort_keys=True).encode())
    return use_case


def _put_use_case(directory: Path, workspace: Workspace, store: Store) -> Artifact:
    use_case = pack_use_case(directory, workspace.use_cases)
    store.upload(use_case.path, _place("use_cases", use_case.digest))
    return use_case


def _put_rules(use_case: Artifact, workspace: Workspace, store: Store) -> Bundle:
    rules = rules_release(use_case, load_use_case(use_case.path).costs.threshold, workspace.releases)
    store.upload(rules.artifact.path, _place("releases", rules.digest))
    return rules


def _pointer(store: Store, name: str) -> dict[str, str]:
    content = store.read(name)
    return dict(json.loads(content)) if content else {}


def use_case_of(options: argparse.Namespace, workspace: Workspace, store: Store) -> Artifact:
    """The use case of the checkout, put into the store; in an image, which holds none, the current one."""
    if options.use_case.is_dir():
        return _put_use_case(options.use_case, workspace, store)
    current = _pointer(store, CURRENT_USE_CASE)
    if not current:
        raise InputError("use case", store.uri(CURRENT_USE_CASE), "one that was published: run `make publish`")
    place = _place("use_cases", current["digest"])
    target = workspace.root / place
    if not target.exists():
        store.download(place, target)
    return open_artifact(target, "use_case")


def production_digest(store: Store) -> str:
    """The digest of the release in production; empty before the first one."""
    return _pointer(store, PRODUCTION).get("digest", "")


def _production(use_case: Artifact, workspace: Workspace, store: Store) -> str:
    """The address of the release in production; before the first one, the rules'."""
    digest = production_digest(store) or _put_rules(use_case, workspace, store).digest
    return store.uri(_place("releases", digest))


def _given(options: argparse.Namespace, use_case: Artifact, store: Store) -> dict[str, Any]:
    """What every pipeline is given."""
    if options.landing is not None:
        sent = store.upload(options.landing, "landing", _every_hundred)
        say(f"landing zone: {sent} files brought to {store.uri('landing')}")
    tables = load_use_case(use_case.path).tables
    options.as_of = resolve_as_of(options.as_of, lambda: landed(store), tables)
    return {
        "as_of": options.as_of,
        "use_case": store.uri(_place("use_cases", use_case.digest)),
        "landing": store.uri("landing"),
    }


def landed(store: Store) -> list[str]:
    """What lies in the store's landing zone, relative to it."""
    return [name.removeprefix("landing/") for name in store.names("landing/")]


def _every_hundred(sent: int) -> None:
    if sent % 100 == 0:
        say(f"  {sent} files …")


def _training(options: argparse.Namespace, use_case: Artifact, workspace: Workspace, store: Store) -> dict[str, Any]:
    return {
        "override": options.override,
        "production": _production(use_case, workspace, store),
        "tracking_uri": os.environ.get("WINDSOCK_TRACKING_URI", TRACKING_URI),
        "commit": commit(),
    }


def _materialization(
    options: argparse.Namespace, use_case: Artifact, workspace: Workspace, store: Store
) -> dict[str, Any]:
    del use_case, workspace, store
    online_store = options.online_store or os.environ.get("WINDSOCK_ONLINE_STORE", ONLINE_STORE)
    return {"override": options.override, "online_store": online_store}


def _monitoring(options: argparse.Namespace, use_case: Artifact, workspace: Workspace, store: Store) -> dict[str, Any]:
    del options
    if not store.names("records/"):
        raise InputError("records", store.uri("records"), "records that a predictor has shipped there")
    before = keep_known(workspace.monitoring / "known", known(Ledger(store).entries()))
    store.upload(before.path, _place("monitoring/known", before.digest))
    return {
        "records": store.uri("records"),
        "production": _production(use_case, workspace, store),
        "training_set": _training_set(store, workspace),
        "known": store.uri(_place("monitoring/known", before.digest)),
    }


def _training_set(store: Store, workspace: Workspace) -> str:
    """The address of the training set of the release in production; of one that says so where there is none.

    Raises:
        InputError: the store does not keep it.
    """
    release = production_digest(store)
    if not release:
        none = no_training_set(workspace.training_sets)
        store.upload(none.path, _place("training_sets", none.digest))
        return store.uri(_place("training_sets", none.digest))
    content = store.read(f"{_place('releases', release)}/manifest.json")
    digest = str(json.loads(content or b"{}").get("inputs", {}).get(TRAINING_SET, ""))
    if not digest or store.read(f"{_place('training_sets', digest)}/manifest.json") is None:
        raise InputError("training set", digest, f"that of {release} below {store.uri('training_sets')}")
    return store.uri(_place("training_sets", digest))


MORE: Mapping[str, Callable[[argparse.Namespace, Artifact, Workspace, Store], dict[str, Any]]] = {
    "training": _training,
    "validation": lambda options, *_: {"override": options.override},
    "materialization": _materialization,
    "monitoring": _monitoring,
}


def register(run: ClusterRun) -> Bundle:
    """Fetches the release that a run made, checks every byte, and keeps it under its digest."""
    name = run.outputs("register-model").get("release")
    if name is None:
        raise InputError("release", run.run_id, "an output of register_model in the store")
    bundle = open_bundle(run.store.download(name, run.kept / "register-model" / "release"))
    _keep_training_set(run)
    run.store.upload(bundle.artifact.path, _place("releases", bundle.digest))
    return bundle


def _keep_training_set(run: ClusterRun) -> None:
    """Keeps the training set of a run under its digest: monitoring holds the release's answers against it."""
    name = run.outputs("build-training-set").get(TRAINING_SET)
    if name is None:
        raise InputError(TRAINING_SET, run.run_id, "an output of build_training_set in the store")
    made = open_artifact(run.store.download(name, run.kept / "build-training-set" / TRAINING_SET), TRAINING_SET)
    run.store.upload(made.path, _place("training_sets", made.digest))


def promote(bundle: Bundle, run_id: str, store: Store) -> None:
    """Names the release in production."""
    facts = {"as_of": bundle.release.as_of, "run": run_id, "digest": bundle.digest}
    store.write(PRODUCTION, json.dumps(facts, sort_keys=True).encode())


def propose(bundle: Bundle, run_id: str, store: Store) -> None:
    """Names the newest release that waits for its rollout."""
    store.write(CANDIDATE, json.dumps({"digest": bundle.digest, "run": run_id}, sort_keys=True).encode())


def keep_labels(run: ClusterRun) -> None:
    """Keeps the labels that a monitoring run joined where a rollout reads them."""
    name = run.outputs("join-labels").get("labelled")
    content = None if name is None else run.store.read(f"{name}/{LABELLED}")
    if content is None:
        raise InputError(LABELLED, run.run_id, "an output of join_labels in the store")
    run.store.write(LABELS, content)


def execute_on_cluster(options: argparse.Namespace) -> Ended:
    """Runs the pipeline that the options name on Kubeflow and says how it ended."""
    compiled = COMPILED / f"{options.pipeline}.yaml"
    check_override(options.override, compiled.read_text(encoding="utf-8"))
    workspace, store = Workspace(), open_store()
    client = connect(os.environ.get("KFP_ENDPOINT", ""))
    use_case = use_case_of(options, workspace, store)
    given = _given(options, use_case, store) | MORE[options.pipeline](options, use_case, workspace, store)
    title = f"{options.pipeline} as of {given['as_of']}"
    run_id = _run(options, title, store, client, lambda name: submit(client, compiled, given, store, name))
    run = ClusterRun(run_id, options.pipeline, store, workspace.runs / run_id)
    say(f"{title} on the cluster: run {run_id}")
    return _follow(client, run, compiled, options, use_case)


def _run(options: argparse.Namespace, title: str, store: Store, client: Any, start: Callable[[str], str]) -> str:
    """The id of the run: a new one, or, for a request, the one that the request started, whoever made it first."""
    if not options.request:
        return start(title)
    name = schedule_name(options.pipeline, options.as_of) if options.request == SCHEDULE else options.request
    runs = Runs(start, lambda name: find_run(client, name), lambda run_id: terminate(client, run_id))
    run_id, new = request_run(name, store, runs)
    say(f"request {name}: {'starts a run' if new else 'was made before and is followed'}")
    return run_id


def _follow(client: Any, run: ClusterRun, compiled: Path, options: argparse.Namespace, use_case: Artifact) -> Ended:
    progress = Progress(len(container_tasks(compiled.read_text(encoding="utf-8"))))
    results: list[StepResult] = []

    def finished(result: StepResult) -> None:
        results.append(result)
        progress.finished(result)

    try:
        follow(client, run, compiled, progress.started, finished)
    except StepFailedError as failure:
        return report_failure(failure, results)
    release = ""
    if options.pipeline == "training":
        bundle = register(run)
        release = f"{bundle.digest} is in the store and waits for its canary"
        if options.register_only:
            propose(bundle, run.run_id, run.store)
        else:
            promote(bundle, run.run_id, run.store)
            release = f"{bundle.digest}, now named as the one in production"
    report_success(results, release)
    if options.pipeline == "monitoring":
        keep_labels(run)
        place = Workspace().monitoring
        say(conclude(results, Ledger(run.store), place, load_use_case(use_case.path)))
    return Ended(0, release)
