"""A run on a cluster: where its outputs are, and what is told of its steps when Kubeflow tells it late."""

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import pytest

from pipelines.runners import cluster
from pipelines.runners.cluster import ClusterError, ClusterRun, follow
from pipelines.runners.venv import container_tasks
from pipelines.workspace import COMPILED


class Store:
    """Names of objects."""

    def __init__(self, *names: str) -> None:
        self._names = names

    def names(self, prefix: str) -> list[str]:
        return [name for name in self._names if name.startswith(prefix)]


@pytest.mark.parametrize("between", ["", f"{uuid4()}/"])
def test_outputs_by_name(between):
    root = f"runs/monitoring/run/request-retraining/{between}"
    store = Store(f"{root}report", f"{root}request/manifest.json", f"{root}request/request.json")
    found = ClusterRun("run", "monitoring", store, Path()).outputs("request-retraining")
    assert found == {"report": f"{root}report", "request": f"{root}request"}


class Kubeflow:
    """Answers one look after the other, the last for ever: the run's state, and how many of its steps have ended."""

    def __init__(self, tasks: list[str], *looks: tuple[str, int]) -> None:
        self._tasks, self._looks = tasks, list(looks)

    def get_run(self, run_id: str) -> SimpleNamespace:
        state, ended = self._looks.pop(0) if len(self._looks) > 1 else self._looks[0]
        now = datetime.now(UTC)
        details = [
            SimpleNamespace(
                display_name=task,
                state="SUCCEEDED" if index < ended else "RUNNING",
                start_time=now,
                end_time=now if index < ended else None,
            )
            for index, task in enumerate(self._tasks)
        ]
        return SimpleNamespace(state=state, run_details=SimpleNamespace(task_details=details))


@pytest.fixture
def watched(monkeypatch):
    monkeypatch.setattr(cluster, "POLL_S", 0.0)
    monkeypatch.setattr(cluster, "SETTLED_WITHIN_S", 0.2)
    compiled = COMPILED / "monitoring.yaml"
    tasks = list(container_tasks(compiled.read_text(encoding="utf-8")))

    def watch(*looks):
        told = []
        run = ClusterRun("run", "monitoring", Store(), Path())
        ended = follow(
            Kubeflow(tasks, *looks), run, compiled, lambda step: None, lambda result: told.append(result.name)
        )
        assert [result.name for result in ended] == told
        return len(told), len(tasks)

    return watch


def test_a_last_step_that_is_told_after_the_runs_end_is_waited_for(watched):
    told, all_of_them = watched(("RUNNING", 3), ("SUCCEEDED", 7), ("SUCCEEDED", 7), ("SUCCEEDED", 8))
    assert told == all_of_them


def test_a_run_that_ends_without_all_of_its_steps_is_no_success(watched):
    with pytest.raises(ClusterError, match="ended as SUCCEEDED after 7 of 8 steps"):
        watched(("RUNNING", 3), ("SUCCEEDED", 7))
