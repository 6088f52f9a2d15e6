"""A request starts one run, however often it is made and by however many at once; what became of it is in the store."""

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from windsock.contracts.errors import InputError

# Longer than a submission takes; whoever claimed and has not submitted by then is taken for dead.
CLAIM_S = 120.0
POLL_S = 1.0
ATTEMPTS = 10
# The request that a schedule makes: one a pipeline and `as_of`, so that two schedules never train twice on the same.
SCHEDULE = "schedule"
NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,99}")


class Requests(Protocol):
    """What is needed of a store: a conditional write and a read."""

    def create(self, name: str, content: bytes) -> bool:
        """Stores unless the name is taken; says whether it did."""

    def read(self, name: str) -> bytes | None:
        """An object's bytes, or None."""


@dataclass(frozen=True)
class Runs:
    """What is needed of the place that runs: start one under a name, find one by its name, end one that came second."""

    submit: Callable[[str], str]
    find: Callable[[str], str | None]
    terminate: Callable[[str], None]


def schedule_name(pipeline: str, as_of: str) -> str:
    """What a schedule's request is called: `schedule-training-2013-07-01t00-00-00z`."""
    return f"{SCHEDULE}-{pipeline}-{as_of.lower().replace(':', '-')}"


def check_name(name: str) -> str:
    """A request's name, which becomes a folder of the store.

    Raises:
        InputError: it is empty, too long, or has other characters.
    """
    if not NAME.fullmatch(name):
        raise InputError("--request", name, "a name of a-z, 0-9, dots and dashes, 100 characters at most")
    return name


def request_run(
    name: str, store: Requests, runs: Runs, sleep: Callable[[float], None] = time.sleep
) -> tuple[str, bool]:
    """The run of a request, and whether it was started just now.

    One claim at a time is taken by a conditional write. Who claims looks for a run that an earlier claimer started and
    did not live to note down, then starts one and notes it. A claimer that was only slow finds another's note in place
    of its own and ends the run that it started.

    Raises:
        TimeoutError: every one of `ATTEMPTS` claims was taken and none led to a run.
    """
    folder = f"requests/{check_name(name)}"
    for attempt in range(1, ATTEMPTS + 1):
        noted = _noted(store, folder)
        if noted:
            return noted, False
        if store.create(f"{folder}/claim-{attempt}.json", b"{}"):
            found = runs.find(name)
            run = found or runs.submit(name)
            if store.create(f"{folder}/run.json", json.dumps({"run": run}).encode()):
                return run, found is None
            first = str(_noted(store, folder))
            if first != run and not found:
                runs.terminate(run)
            return first, False
        waited = 0.0
        while waited < CLAIM_S and not _noted(store, folder):
            sleep(POLL_S)
            waited += POLL_S
    raise TimeoutError(f"request {name}: {ATTEMPTS} claims and no run; look at {folder} in the store")


def _noted(store: Requests, folder: str) -> str | None:
    content = store.read(f"{folder}/run.json")
    return str(json.loads(content)["run"]) if content else None
