"""Settings of the data gates: `[gates]` in `use_case.toml`."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date

from windsock.contracts.bound import Bound
from windsock.contracts.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Comparison(Bound):
    """How the distribution of one column is held against the reference: the measure, and the limit from 0 to 1."""

    measure: str = field(metadata={"choices": ("jensen_shannon", "l_infinity")})

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check(self.measure, 0, 1)


@dataclass(frozen=True)
class Volume:
    """Rows of a day over those expected from the same weekday in the weeks around it, and hours that stay empty.

    `missing_hours` counts the hours of one day without a row, of those that have rows on nearly every day.
    """

    low: Bound
    high: Bound
    missing_hours: Bound

    def __post_init__(self) -> None:
        self.low.check("gates: volume.low", 0, 1)
        self.high.check("gates: volume.high", 1, 1000)
        self.missing_hours.check("gates: volume.missing_hours", 0, 23)


@dataclass(frozen=True)
class NullBounds:
    """How far a column's share of missing values may leave the reference: on one day, and over a whole window.

    `day` is counted beyond the range of the days around it, `window` from the reference's share.
    """

    day: Bound
    window: Bound


@dataclass(frozen=True)
class Nulls(NullBounds):
    """The bounds of all columns of a table, and of those in `columns` that have their own."""

    columns: dict[str, NullBounds] = field(default_factory=dict)


@dataclass(frozen=True)
class TableGates:
    """How one table is judged.

    A day is judged `complete_after_hours` hours after it ended, when its last rows have arrived. `starts_on` is the
    first day that history must reach back to, where it is known. `distributions` are compared by TFDV, window by
    window; `event_hour` there is the local hour of the event time. `daily_means` bounds how far a day's mean may lie
    outside the range of the days around it, in widths of that range.
    """

    max_quarantined_share: Bound
    volume: Volume
    nulls: Nulls
    complete_after_hours: int = field(default=0, metadata={"low": 0})
    starts_on: str = ""
    distributions: dict[str, Comparison] = field(default_factory=dict)
    daily_means: dict[str, Bound] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.starts_on:
            try:
                date.fromisoformat(self.starts_on)
            except ValueError as error:
                raise InputError("gates: starts_on", self.starts_on, "a day such as 2013-01-01") from error


@dataclass(frozen=True)
class Gates:
    """Strictness of the data gates.

    Days and hours are those of `time_zone`. Every window of `window_days` days, counted back from the newest, is held
    against the `reference_days` days before it; a reference shorter than `min_reference_days` decides nothing. Single
    days are held against those up to `around_days` days before and after.
    """

    time_zone: str
    tables: dict[str, TableGates]
    window_days: int = field(default=28, metadata={"low": 7})
    reference_days: int = field(default=56, metadata={"low": 7})
    min_reference_days: int = field(default=14, metadata={"low": 7})
    around_days: int = field(default=28, metadata={"low": 7})

    def __post_init__(self) -> None:
        if self.reference_days < self.min_reference_days:
            raise InputError("gates.reference_days", self.reference_days, f"at least {self.min_reference_days}")

    def check_tables(self, tables: Collection[str]) -> None:
        """Every table that a gate names must exist, and every table must be judged.

        Raises:
            InputError: a table without settings would pass because nothing looks at it.
        """
        for table in self.tables:
            if table not in tables:
                raise InputError(f"gates.tables.{table}", table, "a table of the use case")
        for table in tables:
            if table not in self.tables:
                raise InputError(f"gates.tables.{table}", None, "settings; every table of the use case is judged")
