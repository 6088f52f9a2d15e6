"""Signed-off exceptions: who lets which finding pass, why, and until when. There is no way to switch a gate off.

The run's parameter `override` is empty, or a JSON list of entries such as

    {"check": "validate_data/volume/orders/low", "who": "J. Doe", "why": "strike on 3 June", "until": "2013-07-15"}

`check` is the gate's name, a slash and the exact name of one finding of its verdict. An entry for another gate is left
to that gate. An entry lifts its finding as long as `as_of` is not after `until`, which lies at most 92 days ahead: a
standing exception is a change of policy, and belongs into the settings.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from windsock.contracts.clock import format_time, parse_time
from windsock.contracts.errors import InputError
from windsock.contracts.settings import parse
from windsock.contracts.verdict import Finding, Outcome, Verdict

MAX_DAYS = 92


@dataclass(frozen=True)
class Override:
    """One signed-off exception."""

    check: str
    who: str
    why: str
    until: str

    def __post_init__(self) -> None:
        for name in ("check", "who", "why"):
            if not getattr(self, name).strip():
                raise InputError(f"override.{name}", getattr(self, name), "a text that is not empty")
        if "/" not in self.check:
            raise InputError("override.check", self.check, "the gate's name, a slash and a finding's name")
        parse_time(self.until, "override.until")

    @property
    def gate(self) -> str:
        """The gate that this entry speaks to."""
        return self.check.split("/", 1)[0]

    @property
    def finding(self) -> str:
        """The exact name of the finding."""
        return self.check.split("/", 1)[1]


@dataclass(frozen=True)
class Decision:
    """What remains of a verdict once overrides are taken into account.

    `lifted` pairs each finding that is let through with its override; `standing` are the reasons that remain;
    `expired` and `unneeded` entries did nothing.
    """

    lifted: tuple[tuple[Finding, Override], ...] = ()
    standing: tuple[Finding, ...] = ()
    expired: tuple[Override, ...] = ()
    unneeded: tuple[Override, ...] = ()
    passed: bool = field(default=False)


def parse_overrides(text: str) -> tuple[Override, ...]:
    """Reads the run's parameter.

    Raises:
        InputError: no JSON list, an entry with something missing, empty or unknown, or one finding named twice.
    """
    if not text.strip():
        return ()
    try:
        entries = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise InputError("override", text, f"nothing, or a JSON list ({error})") from error
    if not isinstance(entries, list):
        raise InputError("override", text, "a JSON list of entries")
    overrides = tuple(parse(Override, entry, f"override[{index}]") for index, entry in enumerate(entries))
    checks = [override.check for override in overrides]
    for check in checks:
        if checks.count(check) > 1:
            raise InputError("override.check", check, "one entry a finding")
    return overrides


def decide(verdict: Verdict, overrides: Sequence[Override], as_of: datetime) -> Decision:
    """Weighs a verdict with the overrides that speak to its gate.

    Raises:
        InputError: an entry names a finding that the verdict does not have, or runs longer than 92 days.
    """
    own = {override.finding: override for override in overrides if override.gate == verdict.gate}
    known = {finding.check for finding in verdict.findings}
    for name, override in own.items():
        if name not in known:
            raise InputError("override.check", override.check, f"the exact name of a finding of {verdict.gate}")
        if parse_time(override.until, "override.until") > as_of + timedelta(days=MAX_DAYS):
            limit = format_time(as_of + timedelta(days=MAX_DAYS))
            raise InputError("override.until", override.until, f"at most {MAX_DAYS} days after as_of, {limit}")
    alive = {name: entry for name, entry in own.items() if parse_time(entry.until, "override.until") >= as_of}
    reasons = {finding.check for finding in verdict.reasons}
    standing = tuple(finding for finding in verdict.reasons if finding.check not in alive)
    return Decision(
        lifted=tuple((finding, alive[finding.check]) for finding in verdict.reasons if finding.check in alive),
        standing=standing,
        expired=tuple(entry for name, entry in own.items() if name not in alive),
        unneeded=tuple(entry for name, entry in alive.items() if name not in reasons),
        passed=bool(verdict.findings) and not standing,
    )


def refusal(verdict: Verdict, decision: Decision) -> str:
    """Why the run stops, in one line: refusals first, then what is inconclusive."""
    if not verdict.findings:
        return f"{verdict.gate} checked nothing"
    order = {Outcome.REFUSED: 0, Outcome.INCONCLUSIVE: 1, Outcome.PASSED: 2}
    reasons = sorted(decision.standing, key=lambda finding: order[finding.outcome])
    shown = [f"{finding.check} ({finding.outcome.value}): {finding.message}" for finding in reasons[:5]]
    if len(reasons) > len(shown):
        shown.append(f"and {len(reasons) - len(shown)} more in the verdict")
    expired = [f"the override of {entry.finding} ended {entry.until}" for entry in decision.expired]
    count = "1 reason" if len(reasons) == 1 else f"{len(reasons)} reasons"
    return f"{verdict.gate} stopped the run for {count}: " + "; ".join([*shown, *expired])
