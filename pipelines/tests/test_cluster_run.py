"""Where a run's outputs are in the store: also of a task whose name begins as its output's does."""

from pathlib import Path
from uuid import uuid4

import pytest

from pipelines.runners.cluster import ClusterRun


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
