"""Puts a defect to the test: spoil a real snapshot, run the real steps on it, and read what they answer."""

import importlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from windsock.contracts.step import main
from windsock.contracts.verdict import Verdict
from windsock.gates.__main__ import STEPS

from tests.defects import deliveries
from tests.defects.catalogue import Defect, rewind, spoil
from tests.defects.upstream import take_snapshot

MONTHS = (*tuple(f"2013-{month:02d}-01" for month in range(2, 13)), "2014-01-01")
OUTPUTS = ("judged", "quarantine", "verdict", "report", "metrics")


@dataclass(frozen=True)
class Answer:
    """What the two steps said: their exit codes, and the verdict where there is one."""

    validated: int
    required: int
    verdict: Verdict | None

    @property
    def refused(self) -> bool:
        """The run stopped because a gate said no; a crash is no refusal."""
        return self.validated == 0 and self.required == 3


@dataclass(frozen=True)
class Delivered:
    """What became of a spoilt delivery: ingest's exit code and last line, and the gates' answer if it took it."""

    code: int
    line: str
    answer: Answer | None


@dataclass(frozen=True)
class Trials:
    """All that was tried: defects and deliveries by name, and the twelve clean months by the day they were judged."""

    defects: dict[Defect, Answer]
    deliveries: dict[str, Delivered]
    clean: dict[str, Answer]


def judge(use_case: Path, snapshot: Path, as_of: str, work: Path) -> Answer:
    """Runs `validate_data`, then `require_passed`, as a pipeline would, and cleans up."""
    inputs = {"use_case": use_case, "snapshot": snapshot}
    validated = _step("validate_data", inputs, OUTPUTS, {"as_of": as_of}, work)
    if validated:
        return Answer(validated, -1, None)
    required = _step(
        "require_passed", {"verdict": work / "verdict"}, ("passed",), {"as_of": as_of, "override": ""}, work
    )
    return Answer(validated, required, Verdict.read(work / "verdict"))


def _step(name: str, inputs: Mapping[str, Path], outputs: tuple[str, ...], values: dict[str, Any], work: Path) -> int:
    executor_input = {
        "inputs": {"parameterValues": values, "artifacts": {key: _artifact(key, path) for key, path in inputs.items()}},
        "outputs": {
            "artifacts": {key: _artifact(key, work / key) for key in outputs},
            "outputFile": str(work / f"{name}.json"),
        },
    }
    return main("gates", STEPS, [name, json.dumps(executor_input)])


def _artifact(name: str, path: Path) -> dict[str, Any]:
    return {"artifacts": [{"name": name, "uri": str(path)}]}


def try_defect(use_case: Path, snapshot: Path, as_of: str, defect: Defect, work: Path) -> Answer:
    """Spoils, judges, and removes what was written."""
    work.mkdir(parents=True)
    try:
        spoil(snapshot, defect, work / "snapshot")
        return judge(use_case, work / "snapshot", as_of, work)
    finally:
        shutil.rmtree(work)


def try_delivery(use_case: Path, landing: Path, name: str, work: Path) -> Delivered:
    """Spoils a landing zone, has ingest read it, and judges what it took."""
    work.mkdir(parents=True)
    try:
        zone = deliveries.linked(landing, work / "landing")
        deliveries.EVERY[name](zone)
        code, line = take_snapshot(use_case, zone, deliveries.AS_OF, work)
        taken = (work / "snapshot").exists()
        return Delivered(code, line, judge(use_case, work / "snapshot", deliveries.AS_OF, work) if taken else None)
    finally:
        shutil.rmtree(work)


def try_clean(use_case: Path, newest: Path, as_of: str, work: Path) -> Answer:
    """Judges what was known at an earlier time, as it is."""
    work.mkdir(parents=True)
    try:
        rewind(newest, as_of, work / "snapshot")
        return judge(use_case, work / "snapshot", as_of, work)
    finally:
        shutil.rmtree(work)


def warm_up() -> None:
    """Imports the gates with all their libraries, which takes a process several seconds once."""
    importlib.import_module("windsock.gates.validate_data")
