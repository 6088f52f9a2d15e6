"""What comes next in a year: a pure decision on the calendar and on the stages that have ended."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from itertools import pairwise

from windsock.contracts.errors import InputError


class Stage(StrEnum):
    """A stage of a period.

    `train` comes once, before the first period. `deliver` and `judge` need nothing that is served, so they may run
    ahead, and with them `ungated`, the model of a month that nobody judged. `replay` asks what was asked in the period,
    `monitor` watches, `retrain` takes what was asked for, `lead` has a release's canary decided on, and `count` says
    what the answers of a month cost.
    """

    TRAIN = "train"
    DELIVER = "deliver"
    JUDGE = "judge"
    UNGATED = "ungated"
    REPLAY = "replay"
    MONITOR = "monitor"
    RETRAIN = "retrain"
    LEAD = "lead"
    COUNT = "count"


AHEAD = (Stage.DELIVER, Stage.JUDGE)
SERVED = (Stage.REPLAY, Stage.MONITOR, Stage.RETRAIN, Stage.LEAD)


@dataclass(frozen=True, order=True)
class Period:
    """Some days, from `since` on and before `until`."""

    since: date
    until: date


@dataclass(frozen=True)
class Due:
    """A stage that has not ended, of a period; `counted` are the days that a count is about."""

    stage: Stage
    period: Period
    counted: Period | None = None

    @property
    def name(self) -> str:
        """What the journal calls it."""
        return f"{(self.counted or self.period).since}/{self.stage.value}"


@dataclass(frozen=True)
class Plan:
    """Every stage of a year: the first, those that may run ahead of what is served, and those of what is served."""

    first: Due
    ahead: list[Due]
    served: list[Due]


def month_starts(since: date, until: date) -> Iterator[date]:
    """The first days of months after one day and before another."""
    for year in range(since.year, until.year + 1):
        yield from (day for month in range(1, 13) if since < (day := date(year, month, 1)) < until)


def periods(since: date, until: date, days: int, cuts: Collection[date] = ()) -> list[Period]:
    """The calendar from `since` to `until` cut every `days`, at months and at the `cuts`; the last may be shorter.

    Raises:
        InputError: there is no such calendar.
    """
    if days < 1:
        raise InputError("--days", days, "1 or more")
    if until <= since:
        raise InputError("--until", str(until), f"a day after {since}")
    regular = {since + timedelta(days=number) for number in range(0, (until - since).days, days)}
    starts = sorted(regular | set(month_starts(since, until)) | {cut for cut in cuts if since < cut < until})
    return [Period(*both) for both in pairwise([*starts, until])]


def counts(calendar: list[Period], mature_days: int) -> dict[Period, list[Period]]:
    """The months to be counted at the end of a period: those whose labels are due, and at the end of all what is."""
    first, last = calendar[0].since, calendar[-1]
    edges = [first, *month_starts(first, last.until), last.until]
    found: dict[Period, list[Period]] = {}
    for month in (Period(*both) for both in pairwise(edges)):
        due = month.until + timedelta(days=mature_days)
        at = next((one for one in calendar if one.until >= due), last)
        whole = Period(month.since, min(month.until, at.until - timedelta(days=mature_days)))
        if whole.since < whole.until:
            found.setdefault(at, []).append(whole)
    return found


def plan(calendar: list[Period], mature_days: int) -> Plan:
    """Every stage of the year, in order."""
    months = set(month_starts(calendar[0].since, calendar[-1].until))
    due = counts(calendar, mature_days)
    ahead, served = [], []
    for one in calendar:
        ahead += [Due(stage, one) for stage in AHEAD]
        # What was known as a month begins is what a month's model is trained on.
        ahead += [Due(Stage.UNGATED, one)] if one.until in months else []
        served += [Due(stage, one) for stage in SERVED]
        served += [Due(Stage.COUNT, one, month) for month in due.get(one, [])]
    return Plan(Due(Stage.TRAIN, calendar[0]), ahead, served)


def next_due(stages: list[Due], ended: Collection[str]) -> Due | None:
    """The first stage that has not ended; None when all have."""
    return next((due for due in stages if due.name not in ended), None)
