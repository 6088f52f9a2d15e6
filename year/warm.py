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

READY_S = 120.0
POLL_S = 0.1
PYTHON = ".venv/bin/python"
# What is slow to import in each folder. A step's environment is that of the local runner.
STEPS: Mapping[str, Sequence[str]] = {
    "ingest": ("windsock.ingest.snapshot_data", "windsock.ingest.join_labels"),
    "gates": ("windsock.gates.validate_data", "windsock.gates.require_passed"),
    "features": ("windsock.features.rebuild_rows", "windsock.features.build_training_set"),
    "drift": (
        "windsock.drift.profile_reference",
        "windsock.drift.detect_drift",
        "windsock.drift.raise_alerts",
        "windsock.drift.request_retraining",
    ),
    "model": ("windsock.model.train_model", "windsock.model.evaluate_model", "windsock.model.register_model"),
}
COMMANDS: Mapping[str, Sequence[str]] = {
    "pipelines": ("pipelines.run", "pipelines.execute", "pipelines.retrain"),
    "serving/edge": ("serving.local.feed", "serving.local.turn"),
    "components/features": ("windsock.features.replay",),
    "components/release": ("windsock.release.console",),
    "components/drift": ("windsock.drift.compare",),
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
        wanted = [
            (REPOSITORY / "components" / name, modules, folder_image(name).code, {**os.environ, **STEP_ENVIRONMENT})
            for name, modules in STEPS.items()
        ]
        wanted += [(REPOSITORY / name, modules, "", dict(os.environ)) for name, modules in COMMANDS.items()]
        started = {
            socket_of(place, folder, code): subprocess.Popen(
                [folder / PYTHON, "-m", "windsock.contracts.warm", str(socket_of(place, folder, code)), *modules],
                cwd=REPOSITORY,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )
            for folder, modules, code, environment in wanted
        }
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
