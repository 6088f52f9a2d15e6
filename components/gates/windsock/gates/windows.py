"""Which days are judged, and against which: the reference rolls along with the season."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TypeVar

from windsock.contracts.gate_settings import Gates

Value = TypeVar("Value")
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Span:
    """Days from `first` to `last`, both inclusive."""

    first: date
    last: date

    @property
    def days(self) -> int:
        """How many days it holds; 0 or less when it is empty."""
        return (self.last - self.first).days + 1

    @property
    def ends(self) -> tuple[date, date]:
        """The first and the last day."""
        return self.first, self.last

    def __iter__(self) -> Iterator[date]:
        return (self.first + number * DAY for number in range(self.days))

    def __str__(self) -> str:
        return f"{self.first} to {self.last}"


@dataclass(frozen=True)
class Window:
    """Days that are judged, and the days before them that they are held against."""

    judged: Span
    reference: Span


def windows(span: Span, gates: Gates) -> list[Window]:
    """Cuts a span into windows from its newest day backwards, each with the days before it as its reference.

    A history too short for one full window and the least reference is halved: the newer half is held against the older
    one, as long as each has `min_reference_days`. The oldest days serve as a reference only. Without enough history
    there is no window.
    """
    size = gates.window_days
    if span.days < size + gates.min_reference_days:
        size = span.days // 2
        if size < gates.min_reference_days:
            return []
    found = []
    last = span.last
    while (last - size * DAY - span.first).days + 1 >= gates.min_reference_days:
        first = last - (size - 1) * DAY
        reference = Span(max(span.first, first - gates.reference_days * DAY), first - DAY)
        found.append(Window(Span(first, last), reference))
        last = first - DAY
    return found


def around(values: Sequence[Value], index: int, reach: int) -> list[Value]:
    """The values up to `reach` places before and after one, without the one itself."""
    return [*values[max(0, index - reach) : index], *values[index + 1 : index + 1 + reach]]
