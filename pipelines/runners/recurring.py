"""Kubeflow's recurring runs: list, create, disable, delete."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import kfp

from pipelines.reconcile import Recurring, Schedule
from pipelines.runners.cluster import ENDED, EXPERIMENT, asked

PAGE = 100
# Runs that are looked through for one that is still at work, newest first.
PAGES = 10


class RecurringRuns:
    """The recurring runs of our experiment, through a client of Kubeflow Pipelines.

    Raises (every method):
        ClusterError: Kubeflow does not answer or refuses.
    """

    def __init__(self, client: kfp.Client) -> None:
        self._client = client
        self._experiment = str(asked("make the experiment", lambda: client.create_experiment(EXPERIMENT)).experiment_id)

    def existing(self) -> list[Recurring]:
        """All of them, ours and others'."""
        busy = self._at_work()
        return [
            Recurring(
                recurring_id=str(one.recurring_run_id),
                name=str(one.display_name),
                made_of=str(one.description or ""),
                enabled=str(one.status or one.mode).upper() in ("ENABLED", "ENABLE"),
                at_work=str(one.recurring_run_id) in busy,
            )
            for one in self._pages(self._client.list_recurring_runs, "recurring_runs")
        ]

    def create(self, name: str, made_of: str, compiled: Path, schedule: Schedule, parameters: dict[str, Any]) -> None:
        """Makes one that starts a compiled pipeline; a firing that was missed is not made up for."""
        asked(
            f"make recurring run {name}",
            lambda: self._client.create_recurring_run(
                self._experiment,
                name,
                description=made_of,
                cron_expression=schedule.cron,
                max_concurrency=schedule.max_concurrency,
                no_catchup=True,
                params=parameters,
                pipeline_package_path=str(compiled),
            ),
        )

    def disable(self, recurring_id: str) -> None:
        """Starts no more runs of it; those at work go on."""
        asked(f"disable {recurring_id}", lambda: self._client.disable_recurring_run(recurring_id))

    def delete(self, recurring_id: str) -> None:
        """Deletes it, and with it the runs that it started."""
        asked(f"delete {recurring_id}", lambda: self._client.delete_recurring_run(recurring_id))

    def _at_work(self) -> set[str]:
        runs = self._pages(self._client.list_runs, "runs", sort_by="created_at desc")
        return {str(run.recurring_run_id) for run in runs if run.recurring_run_id and run.state not in ENDED}

    def _pages(self, ask: Callable[..., Any], what: str, **more: str) -> list[Any]:
        found: list[Any] = []
        token = ""
        for _ in range(PAGES):
            answer = asked(f"list {what}", partial(ask, page_token=token, page_size=PAGE, **more))
            found += getattr(answer, what) or []
            token = answer.next_page_token or ""
            if not token:
                break
        return found
