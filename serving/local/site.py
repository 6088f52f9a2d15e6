"""What serves on this machine, as the commands that work on it see it: its releases, its history, its replayed time."""

import json
import os
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from windsock.contracts.errors import InputError
from windsock.contracts.release import Bundle, Registry, open_bundle
from windsock.contracts.warm import Command, run
from windsock.edge.routing import Routing

from pipelines.workspace import REPOSITORY, Workspace
from serving.local.place import Place, Running

JOIN_S = 120.0
POLL_S = 0.2


@dataclass(frozen=True)
class Site:
    """What serves here, where it keeps its things, and the releases it can choose from."""

    workspace: Workspace
    place: Place
    running: Running
    registry: Registry

    @classmethod
    def here(cls) -> "Site":
        """What runs.

        Raises:
            NotRunningError: nothing serves here.
        """
        workspace = Workspace()
        place = Place(workspace.serving)
        return cls(workspace, place, place.read(), Registry(workspace.releases))

    @property
    def serving(self) -> Bundle:
        """The release in production; on day zero the rules, which are registered so that they can be named."""
        return self.registry.production() or self.registry.add(open_bundle(Path(self.running.bundle)))

    @property
    def clock(self) -> Path:
        """How far the replay of recorded time has come."""
        return self.place.root / "replayed.json"

    def console(self, bundle: Bundle, verb: str, *words: str, labels: Path | None = None) -> list[str]:
        """A command of the release component's console; `labels` are those of the place where none are named."""
        edge = f"edge:{self.place.edge} {python('serving/edge')} -m windsock.edge"
        command = [python("components/release"), "-m", "windsock.release.console", verb]
        command += ["--use-case", str(bundle.use_case), "--history", str(self.place.history), "--traffic", edge]
        for records in (self.workspace.records, self.place.records / "rules" / "shipped"):
            command += ["--records", records.as_uri()]
        known = labels or self.place.labels
        if known.exists():
            command += ["--labels", str(known)]
        command += ["--memory", str(self.place.memory), "--registry", str(self.workspace.releases)]
        return [*command, *words]

    def ask(
        self, bundle: Bundle, verb: str, *words: str, labels: Path | None = None, told: IO[Any] | None = None
    ) -> int:
        """Runs a command of the console to its end and returns its exit code; what it says goes to `told`."""
        interpreter, _, module, *arguments = self.console(bundle, verb, *words, labels=labels)
        command = Command(Path(interpreter), module, arguments, REPOSITORY, os.environ)
        with open(os.devnull, "rb") as nothing:
            return run(command, nothing, told or sys.stdout, sys.stderr)

    def history(self, bundle: Bundle) -> dict[str, Any]:
        """Who serves and who is tried, as the history says.

        Raises:
            InputError: the history cannot be read.
        """
        with TemporaryFile("w+", encoding="utf-8") as told:
            code = self.ask(bundle, "status", "--json", told=told)
            told.seek(0)
            said = told.read()
        if code != 0:
            raise InputError("history", str(self.place.history), "one that can be read; see above")
        return dict(json.loads(said))

    def admit(self, release: str) -> None:
        """Has a release served beside the one that is there, and returns once the edge knows it.

        Raises:
            InputError: its server does not get ready.
        """
        self.place.want((release,))
        until = time.monotonic() + JOIN_S
        while release not in Routing.read(self.place.edge / "routing.json").weights:
            if time.monotonic() > until:
                self.place.want(())
                logs = f"{self.place.logs}/release-{release.removeprefix('sha256:')[:12]}.log"
                raise InputError("release", release, f"one whose server gets ready; its log: {logs}")
            time.sleep(POLL_S)

    def settle(self) -> None:
        """Keeps the servers of the release in production, and of no other."""
        serving = self.serving
        self.place.want((serving.digest,))
        self.place.write(replace(self.running, bundle=str(serving.artifact.path)))


def python(folder: str) -> str:
    """The interpreter of a folder's environment.

    Raises:
        InputError: it is not prepared.
    """
    path = REPOSITORY / folder / ".venv" / "bin" / "python"
    if not path.exists():
        raise InputError("environment", f"{folder}/.venv", "a prepared one: run `make environments`")
    return str(path)
