"""What a snapshot may see, and which type a column has: rules on plain values, no files and no libraries."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from windsock.contracts.clock import format_time
from windsock.contracts.errors import InputError


class Kind(StrEnum):
    """The types that a column of a snapshot can have."""

    STRING = "string"
    INTEGER = "int64"
    NUMBER = "float64"
    TIMESTAMP = "timestamp"


def settle(kinds: Iterable[Kind]) -> Kind:
    """The one type that holds values of all these types.

    Whole numbers are numbers; every other mixture is only safe as text. A column that never had a value is a column of
    numbers that are missing, since that is what an empty measurement is.
    """
    found = set(kinds)
    if found <= {Kind.INTEGER, Kind.NUMBER}:
        return Kind.INTEGER if found == {Kind.INTEGER} else Kind.NUMBER
    return found.pop() if len(found) == 1 else Kind.STRING


def midnight(day: date) -> datetime:
    """The moment a UTC day begins."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def days_to_read(as_of: datetime, now: datetime, delivered: Iterable[date]) -> list[date]:
    """The days whose deliveries a snapshot needs: from the first one on, every day that began before `as_of`.

    A delivery that only begins at `as_of` is left out: it had not arrived by then, and a snapshot that is taken again
    when more has been delivered must be the same.

    Raises:
        InputError: `as_of` lies in the future, before the first delivery, or after the end of the last one.
    """
    first, last = min(delivered), max(delivered)
    complete_until = midnight(last + timedelta(days=1))
    if as_of > now:
        raise InputError("as_of", format_time(as_of), f"a time that is not in the future; now is {format_time(now)}")
    if as_of <= midnight(first):
        raise InputError("as_of", format_time(as_of), f"a time after the first delivery began, on {first}")
    if as_of > complete_until:
        expected = f"at most {format_time(complete_until)}, up to which the landing zone is delivered"
        raise InputError("as_of", format_time(as_of), expected)
    count = (min(last, as_of.date()) - first).days + 1
    days = [first + timedelta(days=number) for number in range(count)]
    return [day for day in days if midnight(day) < as_of]


def recent_since(as_of: datetime, recent_days: int, first: date) -> datetime | None:
    """The day from which on a snapshot holds what happened, so many days before its time; None where that is all.

    `first` is the day of the first delivery.
    """
    since = midnight((as_of - timedelta(days=recent_days)).date())
    return since if recent_days and since > midnight(first) else None


def empty_month(rows: Mapping[date, int]) -> str | None:
    """The first calendar month that was delivered whole and holds no row at all, as `YYYY-MM`; `rows` counts by day."""
    months: dict[tuple[int, int], int] = {}
    for day, count in rows.items():
        months[day.year, day.month] = months.get((day.year, day.month), 0) + count
    for (year, month), count in sorted(months.items()):
        first = date(year, month, 1)
        last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
        if count == 0 and first in rows and last in rows:
            return f"{year:04}-{month:02}"
    return None


def duplicated(names: Sequence[str]) -> str | None:
    """The first name that is there twice."""
    return next((name for index, name in enumerate(names) if name in names[:index]), None)
