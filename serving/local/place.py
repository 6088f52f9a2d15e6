"""Where local serving keeps its state, and who holds it: one `up` at a time."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from windsock.contracts.errors import InputError
from windsock.contracts.files import read_json, write_json
from windsock.contracts.settings import parse


class NotRunningError(Exception):
    """Nothing serves here."""


@dataclass(frozen=True)
class Running:
    """What runs: the supervisor, the edge's port, the model's name, the release's bundle, what the features know."""

    pid: int
    port: int
    model: str
    bundle: str
    as_of: str = ""


@dataclass(frozen=True)
class Wanted:
    """The file that a rollout writes and the supervisor reads."""

    releases: tuple[str, ...]


class Place:
    """The directory of local serving."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.edge = root / "edge"
        self.logs = root / "logs"
        self.records = root / "records"
        self.history = root / "history"
        self.labels = root / "labels.csv"
        self._lock, self._state, self._wanted = root / "lock", root / "serving.json", root / "wanted.json"

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Holds the place for the length of the block; the kernel gives it back if the process dies.

        Raises:
            InputError: another process holds it.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        with self._lock.open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                raise InputError("serving", f"process {lock.read().strip()}", "none: run `make stop` first") from None
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            try:
                yield
            finally:
                self._state.unlink(missing_ok=True)
                lock.truncate(0)

    def holder(self) -> int | None:
        """The process that holds the place, if any."""
        if not self._lock.exists():
            return None
        with self._lock.open("r") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                text = lock.read()
                return int(text) if text else None
        return None

    def write(self, running: Running) -> None:
        """Says what runs here."""
        write_json(self._state, asdict(running))

    def read(self) -> Running:
        """What runs here.

        Raises:
            NotRunningError: nothing does.
        """
        if self.holder() is None or not self._state.exists():
            raise NotRunningError("nothing serves here; run `make serve` first")
        return parse(Running, read_json(self._state, "serving state"), "serving state")

    def want(self, releases: tuple[str, ...]) -> None:
        """Says which releases are to be served beside the one that is there; the supervisor brings it about."""
        write_json(self._wanted, {"releases": list(releases)})

    @property
    def wanted(self) -> tuple[str, ...]:
        """The releases that are to be served too, by digest."""
        if not self._wanted.exists():
            return ()
        return parse(Wanted, read_json(self._wanted, "wanted releases"), "wanted releases").releases
