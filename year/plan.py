"""What comes next in a year: a pure decision on the calendar and on the stages that have ended."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from itertools import pairwise

from windsock.contracts.errors import InputError


class Stage(StrEnum):
    """A stage of a period.

    `train` comes once, before the first period. `deliver` and `judge` need nothing that is served, so they run ahead,
    and with them `ungated`, the model of a month that nobody judged. `replay` asks what was asked in the period.
    `monitor` watches it, `retrain` takes what was asked for and `count` says what the answers of half a month cost,
    while the next period is served. When both are over, `lead` has a release's canary decided on.
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
WATCHED = (Stage.MONITOR, Stage.RETRAIN)


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
class Turn:
    """What is done of one period: `ahead` before it is served, `watched` while the next one is."""

    period: Period
    ahead: Sequence[Due]
    replay: Due
    lead: Due
    watched: Sequence[Due]

    @property
    def stages(self) -> list[Due]:
        """All of them."""
        return [*self.ahead, self.replay, self.lead, *self.watched]


@dataclass(frozen=True)
class Plan:
    """Every stage of a year."""

    first: Due
    turns: Sequence[Turn]

    @property
    def stages(self) -> list[Due]:
        """All of them."""
        return [self.first, *(due for turn in self.turns for due in turn.stages)]


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
    """The halves of months to be counted at the end of a period: those whose labels are due, and at the end the rest.

    Monitoring reads answers of some weeks: halves are never older than that.
    """
    first, last = calendar[0].since, calendar[-1]
    months = [first.replace(day=1), *month_starts(first, last.until)]
    inner = {edge for month in months for edge in (month, month.replace(day=16)) if first < edge < last.until}
    found: dict[Period, list[Period]] = {}
    for half in (Period(*both) for both in pairwise([first, *sorted(inner), last.until])):
        due = half.until + timedelta(days=mature_days)
        at = next((one for one in calendar if one.until >= due), last)
        whole = Period(half.since, min(half.until, at.until - timedelta(days=mature_days)))
        if whole.since < whole.until:
            found.setdefault(at, []).append(whole)
    return found


def plan(calendar: list[Period], mature_days: int) -> Plan:
    """Every stage of the year."""
    months = set(month_starts(calendar[0].since, calendar[-1].until))
    due = counts(calendar, mature_days)
    turns = []
    for one in calendar:
        # What was known as a month begins is what a month's model is trained on.
        ahead = [*AHEAD, *([Stage.UNGATED] if one.until in months else [])]
        watched = [Due(stage, one) for stage in WATCHED] + [Due(Stage.COUNT, one, month) for month in due.get(one, [])]
        stages = [Due(stage, one) for stage in ahead]
        turns.append(Turn(one, stages, Due(Stage.REPLAY, one), Due(Stage.LEAD, one), watched))
    return Plan(Due(Stage.TRAIN, calendar[0]), turns)
