"""The answer of a gate: passed, refused or inconclusive, with reasons that a person can weigh."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from windsock.contracts.errors import InputError
from windsock.contracts.files import read_json, write_json

FILE = "verdict.json"


class Outcome(StrEnum):
    """`inconclusive` is an answer of its own: it never promotes and never blames."""

    PASSED = "passed"
    REFUSED = "refused"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class Finding:
    """One check's result.

    `check` names it for overrides and runbooks (`schema/flights/carrier`). `effect` is what was measured, on how many
    rows (`sample_size`), `interval` its uncertainty (low, high), `threshold` the bound and `threshold_origin` where the
    bound comes from. A field that a check has nothing to say about stays None.
    """

    check: str
    outcome: Outcome
    message: str
    effect: float | None = None
    sample_size: int | None = None
    interval: tuple[float, float] | None = None
    threshold: float | None = None
    threshold_origin: str = ""
    owner: str = ""

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Reads what `asdict` wrote."""
        interval = value.get("interval")
        return cls(**{**value, "outcome": Outcome(value["outcome"]), "interval": tuple(interval) if interval else None})


@dataclass(frozen=True)
class Verdict:
    """What one gate says about one thing: the worst of its findings."""

    gate: str
    outcome: Outcome
    findings: tuple[Finding, ...] = field(default_factory=tuple)

    @property
    def reasons(self) -> tuple[Finding, ...]:
        """The findings that stand against passing."""
        return tuple(finding for finding in self.findings if finding.outcome is not Outcome.PASSED)

    def write(self, directory: Path) -> None:
        """Writes `verdict.json` into a directory."""
        write_json(directory / FILE, asdict(self))

    @classmethod
    def read(cls, directory: Path) -> Self:
        """Reads `verdict.json` from a directory.

        Raises:
            InputError: the file is missing or not a verdict.
        """
        value = read_json(directory / FILE, "verdict")
        try:
            findings = tuple(Finding.from_json(finding) for finding in value["findings"])
            verdict = cls(value["gate"], Outcome(value["outcome"]), findings)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise InputError("verdict", value, f"a gate, an outcome and findings ({error})") from error
        if verdict.outcome is not worst(findings):
            raise InputError(
                "verdict outcome", verdict.outcome.value, f"{worst(findings).value!r}, as its findings say"
            )
        return verdict


def worst(findings: Iterable[Finding]) -> Outcome:
    """Refused if any finding is, else inconclusive if any is or if there is none at all, else passed."""
    outcomes = {finding.outcome for finding in findings}
    if Outcome.REFUSED in outcomes:
        return Outcome.REFUSED
    if Outcome.INCONCLUSIVE in outcomes or not outcomes:
        return Outcome.INCONCLUSIVE
    return Outcome.PASSED


def judge(gate: str, findings: Iterable[Finding]) -> Verdict:
    """A gate's verdict from its findings. A gate that checked nothing is inconclusive, never passed."""
    findings = tuple(findings)
    return Verdict(gate, worst(findings), findings)
