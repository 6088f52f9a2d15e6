"""Warm interpreters for the length of a year: each folder's slow imports are done once, and every command is a copy."""

import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from windsock.contracts.errors import InputError
from windsock.contracts.warm import PLACE, socket_of

from pipelines.images import folder_image
from pipelines.runners.environment import STEP_ENVIRONMENT
from pipelines.workspace import REPOSITORY

READY_S = 180.0
POLL_S = 0.1
PYTHON = ".venv/bin/python"
# Three commands share the processors: threads of one would only wait for those of another.
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}
# What is slow to import in each folder; Feast, MLflow and ibis import their stores when these are named.
FOLDERS: Mapping[str, Sequence[str]] = {
    "feature_repo": ("feature_repo.source",),
    "components/ingest": ("windsock.ingest.snapshot_data", "windsock.ingest.join_labels"),
    "components/gates": ("windsock.gates.validate_data", "windsock.gates.require_passed"),
    "components/features": (
        "windsock.features.rebuild_rows",
        "windsock.features.build_training_set",
        "windsock.features.replay",
        "feast.infra.offline_stores.duckdb",
        "feast.infra.online_stores.sqlite",
        "feast.repo_operations",
        "feast.infra.data_sources.mlflow",
        "ibis.backends.duckdb",
    ),
    "components/drift": (
        "windsock.drift.profile_reference",
        "windsock.drift.detect_drift",
        "windsock.drift.raise_alerts",
        "windsock.drift.request_retraining",
    ),
    "components/model": (
        "windsock.model.train_model",
        "windsock.model.evaluate_model",
        "windsock.model.register_model",
        "mlflow.store.tracking.sqlalchemy_store",
    ),
    "components/release": ("windsock.release.stored", "windsock.release.decide"),
    "pipelines": ("pipelines.execute",),
    "serving/edge": ("serving.local.feed", "serving.local.turn"),
}


@contextmanager
def warm(log: Path) -> Iterator[Mapping[str, str]]:
    """Warm interpreters for the length of the block; gives the environment in which commands find them.

    Raises:
        InputError: one does not get ready.
    """
    # The path of a Unix socket must be short.
    with TemporaryDirectory(prefix="windsock-") as directory, log.open("ab") as said:
        place = Path(directory)
        started = {}
        for name, modules in FOLDERS.items():
            folder = REPOSITORY / name
            socket = socket_of(place, folder)
            if folder.parent.name == "components":  # A step asks by the content that its image has.
                socket_of(place, folder, folder_image(folder.name).code).symlink_to(socket)
            started[socket] = subprocess.Popen(
                [folder / PYTHON, "-m", "windsock.contracts.warm", str(socket), *modules],
                cwd=REPOSITORY,
                env={**os.environ, **STEP_ENVIRONMENT, **ONE_THREAD},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )
        try:
            _await(started, log)
            yield {PLACE: directory}
        finally:
            for process in started.values():
                process.terminate()
            for process in started.values():
                process.wait()


def _await(started: Mapping[Path, "subprocess.Popen[bytes]"], log: Path) -> None:
    until = time.monotonic() + READY_S
    for socket, process in started.items():
        while not socket.exists():
            if process.poll() is not None or time.monotonic() > until:
                raise InputError("warm interpreter", socket.stem, f"one that gets ready; see {log}")
            time.sleep(POLL_S)
