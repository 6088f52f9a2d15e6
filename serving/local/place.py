"""Where local serving keeps its state, and who holds it: one `up` at a time."""

import contextlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from windsock.contracts.errors import InputError
from windsock.contracts.files import read_json, write_json
from windsock.contracts.lock import held, holder
from windsock.contracts.settings import parse

from pipelines.workspace import SERVING_LOCK


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
        self.memory = root / "memory"
        self.labels = root / "labels.csv"
        self._lock, self._state, self._wanted = root / SERVING_LOCK, root / "serving.json", root / "wanted.json"

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Holds the place for the length of the block; the kernel gives it back if the process dies.

        Raises:
            InputError: another process holds it.
        """
        with held(self._lock) as mine:
            if not mine:
                raise InputError("serving", f"process {self.holder()}", "none: run `make stop` first")
            try:
                yield
            finally:
                self._state.unlink(missing_ok=True)

    def holder(self) -> int | None:
        """The process that holds the place, if any."""
        return holder(self._lock)

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
