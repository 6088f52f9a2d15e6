"""What comes next in a year: a pure decision on the calendar and on the stages that have ended."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from itertools import pairwise

from windsock.contracts.errors import InputError


class Stage(StrEnum):
    """A stage of a period, in the order in which they come.

    `train` comes once, before the first period. `lead` takes a waiting release through its canary, `replay` asks what
    was asked in what is left of the period, `count` says what its answers cost.
    """

    TRAIN = "train"
    DELIVER = "deliver"
    LEAD = "lead"
    REPLAY = "replay"
    MONITOR = "monitor"
    COUNT = "count"
    RETRAIN = "retrain"


EACH_PERIOD = (Stage.DELIVER, Stage.LEAD, Stage.REPLAY, Stage.MONITOR, Stage.COUNT, Stage.RETRAIN)


@dataclass(frozen=True, order=True)
class Period:
    """Some days, from `since` on and before `until`."""

    since: date
    until: date


@dataclass(frozen=True)
class Due:
    """A stage that has not ended. Events are counted once their labels are due: `counted` lies before the period."""

    stage: Stage
    period: Period
    counted: Period

    @property
    def name(self) -> str:
        """What the journal calls it."""
        return f"{self.period.since}/{self.stage.value}"


def periods(since: date, until: date, days: int, cuts: Collection[date] = ()) -> list[Period]:
    """The calendar from `since` to `until` cut every `days`, and at the `cuts`; the last may be shorter.

    Raises:
        InputError: there is no such calendar.
    """
    if days < 1:
        raise InputError("--days", days, "1 or more")
    if until <= since:
        raise InputError("--until", str(until), f"a day after {since}")
    regular = {since + timedelta(days=number) for number in range(0, (until - since).days, days)}
    starts = sorted(regular | {cut for cut in cuts if since < cut < until})
    return [Period(*both) for both in pairwise([*starts, until])]


def counted(period: Period, first: date, mature_days: int) -> Period:
    """The days whose labels are due for the first time at the end of a period; empty where the year has just begun."""
    shift = timedelta(days=mature_days)
    return Period(max(first, period.since - shift), max(first, period.until - shift))


def plan(calendar: list[Period], mature_days: int) -> list[Due]:
    """Every stage of the year, in order."""
    first = calendar[0]
    start = Due(Stage.TRAIN, first, Period(first.since, first.since))
    rest = [Due(stage, one, counted(one, first.since, mature_days)) for one in calendar for stage in EACH_PERIOD]
    return [start, *rest]


def next_due(stages: list[Due], ended: Collection[str]) -> Due | None:
    """The first stage that has not ended; None when the year is over."""
    return next((due for due in stages if due.name not in ended), None)
