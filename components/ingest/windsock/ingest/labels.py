"""When a label is due, which one counts, and how long labels take: rules on plain values, no files and no libraries.

A label that never comes is not a negative. A day's events are judged together and only when the day is mature: early
labels are no fair sample, since what ends well may well be reported first.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

HOUR = timedelta(hours=1)


class State(StrEnum):
    """What is known of one answer's outcome.

    `labelled`: the day is mature and the label is there. `unknown`: the day is mature and no label came, so anything
    may be true. `open`: the day is not mature; a label that came early is kept and not judged.
    """

    LABELLED = "labelled"
    UNKNOWN = "unknown"
    OPEN = "open"


@dataclass(frozen=True)
class Label:
    """One row of the use case's labels: what came true, 0 or 1, and when that became known."""

    key: str
    value: int | None
    known_at: datetime | None


def settle_labels(labels: Iterable[Label], as_of: datetime) -> tuple[dict[str, Label], int]:
    """The label of each key as known at `as_of`, and how many rows another one replaced; their order is no matter.

    The label that became known last counts; of two at one moment, the larger: the harm is not hidden. Rows without a
    value, or known later, are no labels.
    """
    settled: dict[str, Label] = {}
    replaced = 0
    for label in labels:
        if label.value is None or label.known_at is None or label.known_at > as_of:
            continue
        other = settled.get(label.key)
        replaced += other is not None
        if other is None or _rank(label) > _rank(other):
            settled[label.key] = label
    return settled, replaced


def _rank(label: Label) -> tuple[datetime, int]:
    return label.known_at or datetime.min.replace(tzinfo=UTC), label.value or 0


def day_of(time: datetime) -> date:
    """The UTC day, whose events form one cohort."""
    return time.astimezone(UTC).date()


def mature_at(day: date, mature_after: timedelta) -> datetime:
    """When a day's events are judged: as soon as the last of them has had its time."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1) + mature_after


def state_of(event_time: datetime, has_label: bool, mature_after: timedelta, as_of: datetime) -> State:
    """What is known at `as_of` of the outcome of an event."""
    if mature_at(day_of(event_time), mature_after) > as_of:
        return State.OPEN
    return State.LABELLED if has_label else State.UNKNOWN


@dataclass(frozen=True)
class Cohort:
    """One UTC day's answers: how many, how many have a label, and how many of these say that the event came."""

    day: date
    mature: bool
    answers: int
    labels: int
    positives: int

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the largest share of events that may have come: labels that are missing may say either."""
        return self.positives / self.answers, (self.positives + self.answers - self.labels) / self.answers


def cohorts(rows: Iterable[tuple[datetime, int | None]], mature_after: timedelta, as_of: datetime) -> list[Cohort]:
    """The days of rows (event time, label or None), in order."""
    counts: dict[date, list[int]] = {}
    for event_time, label in rows:
        count = counts.setdefault(day_of(event_time), [0, 0, 0])
        count[0] += 1
        count[1] += label is not None
        count[2] += label == 1
    return [Cohort(day, mature_at(day, mature_after) <= as_of, *counts[day]) for day in sorted(counts)]


def maturity_curve(delays: Mapping[int, int], waiting: Mapping[int, int]) -> list[tuple[int, float]]:
    """The share of labels that are there so many hours after the event, as (hours, share), rising.

    `delays` counts labels by their delay in whole hours, rounded up; `waiting` counts events without a label by the
    whole hours that have passed since: they are not counted as labelled, nor as never labelled. The product-limit
    estimate: Kaplan and Meier, Nonparametric Estimation from Incomplete Observations, JASA 53 (1958).
    """
    at_risk, missing, curve = sum(delays.values()) + sum(waiting.values()), 1.0, []
    for hour in sorted({*delays, *waiting}):
        if labelled := delays.get(hour, 0):
            missing *= 1 - labelled / at_risk
            curve.append((hour, 1 - missing))
        at_risk -= labelled + waiting.get(hour, 0)
    return curve


def hours_between(earlier: datetime, later: datetime) -> int:
    """Whole hours, rounded up; nothing before the event counts as none."""
    return max(0, -((earlier - later) // HOUR))


def delay_quantile(curve: Sequence[tuple[int, float]], share: float) -> int | None:
    """The hours after which this share of labels is there; None while it never was."""
    return next((hour for hour, reached in curve if reached >= share), None)
