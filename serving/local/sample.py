"""A real request, taken from the newest data that upstream delivered: what a caller would ask right after `as_of`."""

import csv
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from windsock.contracts.clock import format_time, parse_time
from windsock.contracts.errors import InputError
from windsock.contracts.use_case import UseCase

DAYS_READ = 7
Value = str | int | float


def sample_request(use_case: UseCase, landing: Path, as_of: datetime | None) -> dict[str, Value]:
    """The first thing to ask about at `as_of`: its event lies a lead time later. Without `as_of`, the newest.

    Raises:
        InputError: no delivered table holds the fields of a request, or none of its newest rows can be read.
    """
    rows = list(_rows(use_case, landing, as_of))
    if not rows:
        fields = ", ".join(use_case.request.fields)
        raise InputError("landing zone", str(landing), f"a CSV table with rows that have {fields}")
    by_time = sorted(rows, key=lambda row: parse_time(row[use_case.request.event_time], use_case.request.event_time))
    if as_of is None:
        return by_time[-1]
    earliest = format_time(as_of + timedelta(minutes=use_case.request.lead_time_minutes))
    later = (row for row in by_time if str(row[use_case.request.event_time]) >= earliest)
    return next(later, by_time[-1])


def _rows(use_case: UseCase, landing: Path, as_of: datetime | None) -> Iterator[dict[str, Value]]:
    """The requests that the newest files known at `as_of` hold, of the first table that holds any."""
    until = "9" if as_of is None else as_of.date().isoformat()
    for table, settings in use_case.tables.items():
        files = sorted((landing / table).glob("*/*.csv")) if settings.format == "csv" else []
        newest = [path for path in files if path.stem < until][-DAYS_READ:]
        found = [row for path in newest for row in _requests(use_case, path)]
        if found:
            yield from found
            return


def _requests(use_case: UseCase, path: Path) -> Iterator[dict[str, Value]]:
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if not set(use_case.request.fields) <= set(reader.fieldnames or ()):
            return
        for row in reader:
            if all(row[name] for name in use_case.request.fields):
                yield {name: _typed(kind, row[name], name) for name, kind in use_case.request.fields.items()}


def _typed(kind: str, text: str, name: str) -> Value:
    if kind == "integer":
        return int(text)
    if kind == "number":
        return float(text)
    return format_time(parse_time(text, name)) if kind == "timestamp" else text
