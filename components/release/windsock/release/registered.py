"""The registry follows the history: who is in production, and who was tried and taken off again."""

from collections.abc import Sequence

from windsock.contracts.clock import format_time
from windsock.contracts.release import Registry
from windsock.release.history import Entry, Kind

ENDS = (Kind.SETTLED, Kind.ROLLED_BACK, Kind.VOIDED)


def follow(registry: Registry, entries: Sequence[Entry]) -> None:
    """Names in the registry what the newest end of a rollout says. The same end may be followed any number of times."""
    last = last_end(entries)
    if last is None:
        return
    facts = {"reason": last.reason, "entry": str(last.number), "at": format_time(last.at)}
    if last.kind is Kind.ROLLED_BACK:
        registry.refuse(last.candidate, facts)
    if last.kind is not Kind.VOIDED:
        registry.promote(last.serving, facts)


def complete(registry: Registry, entries: Sequence[Entry]) -> None:
    """Follows an end that a process wrote down and then died: its candidate still waits in the registry."""
    waiting = registry.candidate()
    if not entries or waiting is None:
        return
    if entries[-1].kind is Kind.SETTLED and entries[-1].serving == waiting.digest:
        follow(registry, entries)


def last_end(entries: Sequence[Entry]) -> Entry | None:
    """The entry that ended the newest rollout that has ended."""
    return next((entry for entry in reversed(entries) if entry.kind in ENDS), None)
