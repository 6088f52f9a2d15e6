"""What brings Kubeflow's recurring runs to those that git names, and never at the cost of a run in flight; pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from windsock.contracts.errors import InputError

PREFIX = "windsock-"
FIELDS = 6
CRON_FIELD = re.compile(r"[0-9*/,A-Z?-]+")


@dataclass(frozen=True)
class Schedule:
    """When a pipeline is started: six cron fields (seconds first, UTC), and how many of its runs may overlap."""

    cron: str
    max_concurrency: int = field(default=1, metadata={"low": 1, "high": 10})

    def __post_init__(self) -> None:
        parts = self.cron.split()
        if len(parts) != FIELDS or not all(CRON_FIELD.fullmatch(part) for part in parts):
            raise InputError("cron", self.cron, "six fields: second, minute, hour, day, month, weekday")


@dataclass(frozen=True)
class Recurring:
    """A recurring run as Kubeflow has it. `made_of` is the digest of all that it was made of, as it was noted on it."""

    recurring_id: str
    name: str
    made_of: str
    enabled: bool
    at_work: bool


class Act(StrEnum):
    """What is done to one recurring run."""

    KEEP = "keep"
    CREATE = "create"
    DISABLE = "disable"
    DELETE = "delete"


@dataclass(frozen=True)
class Action:
    """One thing to do: create the recurring run of a name, or something to one that is there."""

    act: Act
    name: str
    recurring_id: str = ""
    why: str = ""


def reconcile(wanted: Mapping[str, str], existing: Sequence[Recurring]) -> list[Action]:
    """What brings Kubeflow from what it has to what is wanted; asked again afterwards, it changes nothing.

    Kubeflow deletes the runs of a recurring run that it deletes, also those that are still at work. So one that is no
    longer wanted is only disabled while a run of it is in flight, and deleted by a later call. A name that does not
    begin with `windsock-` is somebody else's and is not touched.

    Args:
        wanted: the digest of what a recurring run should be made of, by its name.
        existing: what Kubeflow has.
    """
    actions: list[Action] = []
    kept: set[str] = set()
    for one in sorted(existing, key=lambda one: (not one.at_work, one.recurring_id)):
        if not one.name.startswith(PREFIX):
            continue
        if one.enabled and wanted.get(one.name) == one.made_of and one.name not in kept:
            kept.add(one.name)
            actions.append(Action(Act.KEEP, one.name, one.recurring_id))
            continue
        why = "it changed" if one.name in wanted else "it is no longer named"
        if one.enabled:
            actions.append(Action(Act.DISABLE, one.name, one.recurring_id, why))
        if not one.at_work:
            actions.append(Action(Act.DELETE, one.name, one.recurring_id, why))
    actions += [Action(Act.CREATE, name) for name in sorted(wanted) if name not in kept]
    return actions
