"""Opens what addresses name: a history, traffic, records and labels."""

import csv
import shlex
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from windsock.contracts.clock import parse_time
from windsock.contracts.errors import InputError
from windsock.contracts.record import EPOCH
from windsock.contracts.use_case import UseCase
from windsock.release.edge import EdgeTraffic
from windsock.release.evidence import Labels, known_until, look
from windsock.release.history import Directory, History, Numbered, State
from windsock.release.kserve import open_kserve
from windsock.release.memory import Memory, Reader
from windsock.release.objects import SCHEME, Objects
from windsock.release.rollout import Look, Release
from windsock.release.traffic import Traffic, Unsplit

EDGE, NONE, KSERVE = "edge:", "none:", "kserve:"
LABEL_COLUMNS = ("key", "label", "event_time")


def open_traffic(address: str) -> Traffic:
    """Traffic by its address: `none:DIRECTORY`, or `edge:DIRECTORY COMMAND…`, such as
    `edge:.windsock/serve/edge serving/edge/.venv/bin/python -m windsock.edge`, or `kserve:NAMESPACE/NAME BUNDLES`, such
    as `kserve:windsock/predictor s3://mlpipeline/windsock/releases`.

    Raises:
        InputError: the address is of no such kind, or leads nowhere.
    """
    if address.startswith(NONE):
        return Unsplit(Path(address.removeprefix(NONE)))
    if address.startswith(EDGE):
        directory, *command = shlex.split(address.removeprefix(EDGE))
        if command:
            return EdgeTraffic(command, Path(directory))
    if address.startswith(KSERVE):
        service, _, bundles = address.removeprefix(KSERVE).partition(" ")
        if bundles:
            return open_kserve(service, bundles.strip())
    raise InputError("traffic", address, "none:DIRECTORY, edge:DIRECTORY COMMAND or kserve:NAMESPACE/NAME BUNDLES")


def open_history(address: str) -> History:
    """A history by its address: `s3://BUCKET/PREFIX`, or a directory."""
    return History(_numbered(address, "history"))


def open_memory(address: str) -> Memory | None:
    """A memory by its address: `s3://BUCKET/PREFIX`, or a directory; none where it is empty."""
    return Memory(_numbered(address, "memory")) if address else None


def _numbered(address: str, what: str) -> Numbered:
    """A place where a name is given once: a store's prefix, or a directory."""
    return Objects(address, what) if address.startswith(SCHEME) else Directory(Path(address))


def read_labels(address: str) -> Labels:
    """What came true, from a CSV file with `key`, `label` (0 or 1) and `event_time`, complete up to its newest event.

    Its address is a path or `s3://BUCKET/NAME`; an empty one means none. Whoever writes the file leaves out what is not
    mature: labels that come early are not those of all.

    Raises:
        InputError: the file is missing or holds something else.
    """
    if not address:
        return Labels()
    content = _labels(address)
    if content is None and address.startswith(SCHEME):
        return Labels()  # Monitoring writes them there, after its first run.
    if content is None:
        raise InputError("labels", address, "a CSV file with key, label and event_time")
    rows = csv.reader(content.decode("utf-8").splitlines())
    names = next(rows, [])
    positive: dict[str, bool] = {}
    times: list[str] = []
    for row in filter(None, rows):
        named = dict(zip(names, row))
        key, label, time = (named.get(name, "") for name in LABEL_COLUMNS)
        if label not in ("0", "1") or not key:
            raise InputError("labels", named, "key, label (0 or 1) and event_time")
        positive[key] = label == "1"
        times.append(time)
    return Labels(positive, max((parse_time(time, "event_time") for time in times), default=None))


def _labels(address: str) -> bytes | None:
    """The file's bytes, or None where there is none."""
    if not address.startswith(SCHEME):
        path = Path(address)
        return path.read_bytes() if path.is_file() else None
    folder, _, name = address.rpartition("/")
    objects = Objects(folder, "labels")
    return objects.get(name) if name in objects.names(name) else None


def open_release(
    use_case: UseCase,
    history: str,
    traffic: str,
    records: tuple[str, ...],
    labels: str,
    memory: str = "",
) -> Release:
    """All that a turn works with; records that were read once are kept, so a loop reads only what is new.

    With a `memory`, a directory or `s3://BUCKET/PREFIX`, that holds from one process to the next.
    """
    return Release(
        open_history(history),
        open_traffic(traffic),
        looker(use_case, Reader(records, open_memory(memory)), labels),
        use_case.rollout,
        use_case.costs,
    )


def looker(use_case: UseCase, reader: Reader, labels: str) -> Callable[[State], Look]:
    """Looks at records and labels as they are at each call."""
    patience = timedelta(seconds=2 * use_case.serving.record.ship_every_s + 1)

    def look_now(state: State) -> Look:
        reader.read(state.began_at or EPOCH)
        answers = reader.answers
        until = known_until(answers, reader.newest, state, patience)
        return look(answers, read_labels(labels), state, use_case.rollout, use_case.costs, until)

    return look_now
