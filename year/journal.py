"""The journal of a year: one line a stage that has ended, so that a killed year goes on where it was."""

import json
import os
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from windsock.contracts.errors import InputError
from windsock.contracts.settings import parse


@dataclass(frozen=True)
class Ended:
    """A stage that has ended: its exit code, its seconds, and what it said in figures."""

    name: str
    stage: str
    since: str
    until: str
    exit_code: int
    took_s: float
    figures: dict[str, Any]


class Journal:
    """A file of JSON lines."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()

    def read(self) -> list[Ended]:
        """All lines. Half a line at the end, of a process that was killed as it wrote, is none.

        Raises:
            InputError: another line is broken.
        """
        if not self.path.exists():
            return []
        whole, _, _ = self.path.read_text(encoding="utf-8").rpartition("\n")
        found = []
        for number, line in enumerate(whole.splitlines(), start=1):
            try:
                found.append(parse(Ended, json.loads(line), f"{self.path.name} line {number}"))
            except ValueError as error:
                raise InputError(f"{self.path.name} line {number}", line[:80], "a stage that has ended") from error
        return found

    def add(self, ended: Ended) -> None:
        """Adds a line and makes sure that it is there; what a killed process left of one is cut off first.

        Safe for several threads.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._lock, self.path.open("a+b") as file:
            file.seek(0)
            file.truncate(file.read().rfind(b"\n") + 1)
            file.write(json.dumps(asdict(ended), sort_keys=True).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
