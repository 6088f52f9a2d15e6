"""Opens what addresses name: a history, traffic, records and labels."""

import csv
import shlex
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from windsock.contracts.clock import parse_time
from windsock.contracts.errors import InputError
from windsock.contracts.use_case import UseCase
from windsock.release.edge import EdgeTraffic
from windsock.release.evidence import Answers, Labels, known_until, look
from windsock.release.history import Directory, State
from windsock.release.kserve import open_kserve
from windsock.release.records import Records
from windsock.release.rollout import Look, Release
from windsock.release.traffic import Traffic, Unsplit

EDGE, NONE, KSERVE = "edge:", "none:", "kserve:"


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


def read_labels(path: Path | None) -> Labels:
    """What came true, from a CSV file with `key`, `label` (0 or 1) and `event_time`, complete up to its newest event.

    Whoever writes the file leaves out what is not mature: labels that come early are not those of all.

    Raises:
        InputError: the file is missing or holds something else.
    """
    if path is None:
        return Labels()
    if not path.is_file():
        raise InputError("labels", str(path), "a CSV file with key, label and event_time")
    positive: dict[str, bool] = {}
    newest: datetime | None = None
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row.get("label") not in ("0", "1") or not row.get("key"):
                raise InputError("labels", row, "key, label (0 or 1) and event_time")
            positive[row["key"]] = row["label"] == "1"
            at = parse_time(row.get("event_time"), "event_time")
            newest = at if newest is None or at > newest else newest
    return Labels(positive, newest)


def open_release(
    use_case: UseCase, history: Path, traffic: str, records: tuple[str, ...], labels: Path | None
) -> Release:
    """All that a turn works with; records that were read once are kept, so a loop reads only what is new."""
    return Release(
        Directory(history), open_traffic(traffic), looker(use_case, records, labels), use_case.rollout, use_case.costs
    )


def looker(use_case: UseCase, records: tuple[str, ...], labels: Path | None) -> Callable[[State], Look]:
    """Looks at records and labels as they are at each call."""
    source, answers = Records(records), Answers()
    patience = timedelta(seconds=2 * use_case.serving.record.ship_every_s + 1)

    def look_now(state: State) -> Look:
        answers.add(source.new())
        until = known_until(answers, source.newest, state, patience)
        return look(answers, read_labels(labels), state, use_case.rollout, use_case.costs, until)

    return look_now
