"""Runs a compiled pipeline on Kubeflow Pipelines and follows it: the only door to its API.

The same YAML as on the laptop goes there as it is. What a person wants to see at the end (verdicts, figures, reports)
is fetched from the object store, so that a run on the cluster and one on the laptop are told in the same words.
"""

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kfp
from kfp_server_api.exceptions import ApiException  # type: ignore[import-untyped]
from urllib3.exceptions import HTTPError
from windsock.contracts.errors import EXIT_CRASHED, EXIT_REFUSED
from windsock.contracts.files import write_bytes
from windsock.contracts.verdict import FILE, Outcome, Verdict

from pipelines.runners.pods import last_words
from pipelines.runners.venv import StepFailedError, StepResult, container_tasks, step_name
from pipelines.store import Store

EXPERIMENT = "windsock"
NAMESPACE = os.environ.get("KFP_NAMESPACE", "kubeflow")
POLL_S = 2.0
# The API may be away for a while in the middle of a run, which goes on meanwhile.
PATIENCE_S = 300.0
# Kubeflow may say that a run has ended before it says so of its last step.
SETTLED_WITHIN_S = 30.0
ENDED = ("SUCCEEDED", "FAILED", "CANCELED", "SKIPPED")
# Outputs that a person reads; all others stay where they are.
DIRECTORIES = ("verdict", "alerts", "request")
SHOWN = (*DIRECTORIES, "report", "metrics")
GATE = "require-passed"


class ClusterError(OSError):
    """Kubeflow Pipelines cannot be reached or refuses; the message says what was asked."""


@dataclass(frozen=True)
class ClusterRun:
    """One run: its identity in Kubeflow Pipelines, and where its outputs are in the store."""

    run_id: str
    pipeline: str
    store: Store
    kept: Path

    def outputs(self, task: str) -> dict[str, str]:
        """The names in the store of a task's outputs, by output. Newer launchers put a random folder between."""
        root = f"runs/{self.pipeline}/{self.run_id}/{task}/"
        found = {}
        for name in self.store.names(root):
            parts = name.removeprefix(root).split("/")
            between = f"{parts[0]}/" if len(parts[0]) == 36 and parts[0].count("-") == 4 else ""
            output = parts[1] if between else parts[0]
            found[output] = f"{root}{between}{output}"
        return found

    def fetch(self, task: str) -> dict[str, Any]:
        """Brings the outputs that a person reads to this machine; returns what a step's result says of them."""
        outputs: dict[str, Any] = {}
        for output, name in self.outputs(task).items():
            local = self.kept / task / output
            if output in DIRECTORIES:
                self.store.download(name, local)
            elif output in SHOWN:
                write_bytes(local, self.store.read(name) or b"")
            metadata = json.loads(local.read_bytes()) if output == "metrics" else {}
            outputs[output] = {"uri": str(local), "metadata": metadata}
        return outputs


def connect(endpoint: str) -> kfp.Client:
    """A client of Kubeflow Pipelines; an empty endpoint is found as the SDK finds it.

    Raises:
        ClusterError: nothing answers there.
    """
    try:
        client = kfp.Client(host=endpoint or None)
        client.list_experiments(page_size=1)
    except (ApiException, HTTPError, OSError, ValueError, TypeError) as error:
        raise ClusterError(f"Kubeflow Pipelines at {endpoint or 'the default place'}: {first_line(error)}") from error
    return client


def server_version(client: kfp.Client) -> str:
    """The version that the API server says it is; "unknown" where it says none, as development builds do.

    Raises:
        ClusterError: it does not answer.
    """
    api = client._healthz_api.api_client
    try:
        said = api.call_api(
            "/apis/v1beta1/healthz", "GET", response_type="object", _return_http_data_only=True, _request_timeout=10
        )
    except (ApiException, HTTPError, ValueError) as error:
        raise ClusterError(f"Kubeflow Pipelines does not tell its version: {first_line(error)}") from error
    tag = said.get("tag_name") or said.get("apiServerTagName") if isinstance(said, dict) else ""
    return str(tag or "unknown")


def first_line(error: BaseException) -> str:
    """The first line of what an error says, or its type."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def submit(client: kfp.Client, compiled: Path, arguments: Mapping[str, Any], store: Store, name: str) -> str:
    """Starts a run of a compiled pipeline; returns its id."""
    try:
        run = client.create_run_from_pipeline_package(
            str(compiled),
            arguments=dict(arguments),
            run_name=name,
            experiment_name=EXPERIMENT,
            pipeline_root=store.uri("runs"),
        )
    except (ApiException, HTTPError) as error:
        raise ClusterError(f"Kubeflow Pipelines refused the run: {first_line(error)}") from error
    return str(run.run_id)


def find_run(client: kfp.Client, name: str) -> str | None:
    """The id of the oldest run of that name; None where there is none."""
    predicate = {"operation": "EQUALS", "key": "name", "stringValue": name}
    wanted = json.dumps({"predicates": [predicate]})
    found = asked("list runs", lambda: client.list_runs(page_size=1, sort_by="created_at", filter=wanted)).runs
    return str(found[0].run_id) if found else None


def terminate(client: kfp.Client, run_id: str) -> None:
    """Ends a run."""
    asked(f"end run {run_id}", lambda: client.terminate_run(run_id))


def asked(what: str, ask: Callable[[], Any]) -> Any:
    """What Kubeflow answers.

    Raises:
        ClusterError: it does not, or refuses.
    """
    try:
        return ask()
    except (ApiException, HTTPError) as error:
        raise ClusterError(f"Kubeflow Pipelines did not {what}: {first_line(error)}") from error


def follow(
    client: kfp.Client,
    run: ClusterRun,
    compiled: Path,
    started: Callable[[str], None],
    finished: Callable[[StepResult], None],
) -> list[StepResult]:
    """Waits for a run's end and tells of every step as it ends.

    Raises:
        StepFailedError: a step failed; a gate that refused is told apart from a crash by its verdict.
        ClusterError: the API was away for longer than `PATIENCE_S`, or the run ended without all of its steps.
    """
    tasks, results = list(container_tasks(compiled.read_text(encoding="utf-8"))), dict[str, StepResult]()
    give_up_at = float("inf")
    while True:
        state, details = _look(client, run.run_id)
        for task in sorted(details, key=lambda task: details[task][2]):
            outcome, duration_s, _ = details[task]
            if task in tasks and task not in results and outcome in ENDED and outcome != "SKIPPED":
                started(step_name(task))
                results[task] = _result(run, task, outcome, duration_s)
                finished(results[task])
        failed = [result for result in results.values() if result.exit_code]
        if state in ENDED:
            give_up_at = min(give_up_at, time.monotonic() + SETTLED_WITHIN_S)
            told = len(results) == len(tasks) if state == "SUCCEEDED" else bool(failed)
            if told or time.monotonic() > give_up_at:
                break
        time.sleep(POLL_S)
    if failed:
        raise StepFailedError(failed[0])
    if state != "SUCCEEDED" or len(results) != len(tasks):
        raise ClusterError(f"run {run.run_id} ended as {state} after {len(results)} of {len(tasks)} steps")
    return list(results.values())


def _look(client: kfp.Client, run_id: str) -> tuple[str, dict[str, tuple[str, float, float]]]:
    """The run's state, and of each task its state, seconds and when it ended (seconds of the epoch)."""
    give_up_at = time.monotonic() + PATIENCE_S
    while True:
        try:
            found = client.get_run(run_id)
            break
        except (ApiException, HTTPError) as error:
            if time.monotonic() > give_up_at:
                raise ClusterError(
                    f"Kubeflow Pipelines does not answer about run {run_id}: {first_line(error)}"
                ) from error
            time.sleep(POLL_S)
    tasks = {}
    for task in (found.run_details.task_details if found.run_details else None) or []:
        began, ended = task.start_time, task.end_time
        duration_s = max((ended - began).total_seconds(), 0.0) if began and ended else 0.0
        tasks[task.display_name] = (task.state or "", duration_s, ended.timestamp() if ended else 0.0)
    return found.state or "", tasks


def _result(run: ClusterRun, task: str, outcome: str, duration_s: float) -> StepResult:
    """How a step ended. Where its pod does not tell, the verdict that it read tells a gate's stop from a crash."""
    code, last_line = 0, ""
    if outcome != "SUCCEEDED":
        said = last_words(run.run_id, task, NAMESPACE)
        code = said.exit_code or (EXIT_REFUSED if _gate_refused(run, task) else EXIT_CRASHED)
        last_line = said.last_line or f"{outcome.lower()} on the cluster"
    outputs = run.fetch(task) if code == 0 else {}
    return StepResult(step_name(task), run.kept / task, code, last_line, duration_s, False, outputs)


def _gate_refused(run: ClusterRun, task: str) -> bool:
    verdicts = [Verdict.read(path.parent) for path in run.kept.glob(f"*/verdict/{FILE}")]
    return task.startswith(GATE) and any(verdict.outcome is not Outcome.PASSED for verdict in verdicts)
