"""A rollout whose every part is in one object store: releases, who waits and who serves, history, records, labels.

Whoever takes a turn there, a schedule of the cluster or a person, needs the store's address and nothing else.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from windsock.contracts.clock import format_time
from windsock.contracts.errors import InputError
from windsock.contracts.files import write_bytes
from windsock.contracts.release import DIGEST, Bundle, open_bundle
from windsock.release.history import Entry, Kind, Phase, fold
from windsock.release.objects import Objects
from windsock.release.place import KSERVE, open_history
from windsock.release.registered import last_end

CURRENT, CANDIDATE, PRODUCTION = "use_cases/current.json", "releases/candidate.json", "releases/production.json"
HISTORY, RECORDS, LABELS, BUNDLES = "rollout", "records", "monitoring/labels.csv", "releases"
MEMORY = "rollout-memory"


class Stored:
    """The releases of an object store, by its address.

    Raises:
        InputError: the store is out of reach or holds something else; of all methods.
    """

    def __init__(self, address: str) -> None:
        # Pipelines say minio:// where KServe says s3:// of the very same objects.
        self.address = address.replace("minio://", "s3://", 1).rstrip("/")
        self._objects = Objects(self.address, "store")

    def at(self, name: str) -> str:
        """The address of what has a name here."""
        return f"{self.address}/{name}"

    def named(self, pointer: str, part: str = "digest") -> str:
        """The digest that a pointer names; empty before there is one."""
        if pointer not in self._objects.names(pointer):
            return ""
        try:
            digest = str(json.loads(self._objects.get(pointer))[part])
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(pointer, str(error), f"an object with `{part}`") from error
        if not DIGEST.fullmatch(digest):
            raise InputError(pointer, digest, "sha256: and 64 hexadecimal digits")
        return digest

    def fetch(self, digest: str, into: Path) -> Bundle:
        """Brings a release to a directory and checks every byte of it."""
        prefix = f"{BUNDLES}/{digest.removeprefix('sha256:')}/"
        names = self._objects.names(prefix)
        if not names:
            raise InputError("release", digest, f"one that is in the store, at {self.at(prefix)}")
        for name in names:
            part = PurePosixPath(name.removeprefix(prefix))
            if part.is_absolute() or ".." in part.parts:
                raise InputError("release", name, "a file inside its own folder")
            write_bytes(into / part, self._objects.get(name))
        bundle = open_bundle(into)
        if bundle.digest != digest:
            raise InputError("release", bundle.digest, f"{digest}, under which it is stored")
        return bundle

    def follow(self, entries: Sequence[Entry]) -> None:
        """Names the release in production as the newest end of a rollout says; any number of times."""
        last = last_end(entries)
        if last is None or last.kind is Kind.VOIDED or self.named(PRODUCTION) == last.serving:
            return
        facts = {"digest": last.serving, "reason": last.reason, "entry": str(last.number), "at": format_time(last.at)}
        self._objects.put(PRODUCTION, json.dumps(facts, sort_keys=True).encode())


def complete_options(options: argparse.Namespace, stored: Stored, scratch: Path) -> None:
    """Fills in what the store knows: history, records and labels, who serves, who waits, and by whose settings.

    The settings of a rollout are those of the release that is tried; of none, those of the one that serves.

    Raises:
        InputError: no use case was published there.
    """
    state = fold(open_history(stored.at(HISTORY)).read())
    rules = stored.named(CURRENT, "rules")
    if not rules:
        raise InputError("store", stored.at(CURRENT), "a use case that was published: run `make publish`")
    waiting = options.candidate or stored.named(CANDIDATE)
    tried = state.failed if not options.again else frozenset()
    idle = state.phase is Phase.IDLE
    options.serving = options.serving or state.serving or rules
    options.candidate = waiting if idle and waiting not in {"", options.serving, *tried} else ""
    bundle = stored.fetch((options.candidate if idle else state.candidate) or options.serving, scratch)
    options.use_case, options.bundle = bundle.use_case, bundle.artifact.path
    options.history, options.records, options.labels = stored.at(HISTORY), [stored.at(RECORDS)], stored.at(LABELS)
    options.memory = stored.at(MEMORY)
    if options.traffic.startswith(KSERVE) and " " not in options.traffic:
        options.traffic += f" {stored.at(BUNDLES)}"
