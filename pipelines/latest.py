"""`--as-of latest`: the newest time that the landing zone can answer for, worked out when a schedule fires."""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time, timedelta

from windsock.contracts.clock import format_time, parse_time
from windsock.contracts.errors import InputError

LATEST = "latest"
RECEIPT = re.compile(r"(?P<table>[^/]+)/\d{4}-\d{2}/(?P<day>\d{4}-\d{2}-\d{2})\.receipt\.json")


def latest_as_of(names: Iterable[str], tables: Iterable[str], now: datetime) -> datetime:
    """The end of the newest UTC day that every table has delivered whole, and never later than now.

    A receipt is written after its file, so a day without one is still on its way. The hour of `now` is cut off: two
    schedules that fire within an hour ask for the same thing.

    Args:
        names: what lies in the landing zone, relative to it, such as `flights/2013-01/2013-01-05.receipt.json`.
        tables: the use case's tables.
        now: the time at which the schedule fires, UTC.

    Raises:
        InputError: a table has no receipt at all, or one is named after no day.
    """
    newest: dict[str, date] = {}
    for found in filter(None, map(RECEIPT.fullmatch, names)):
        try:
            day = date.fromisoformat(found["day"])
        except ValueError as error:
            raise InputError(f"landing {found['table']}", found[0], f"a receipt named after a day ({error})") from error
        newest[found["table"]] = max(day, newest.get(found["table"], day))
    for table in tables:
        if table not in newest:
            raise InputError(f"landing {table}", "no receipt", f"at least one delivered day, to work out {LATEST!r}")
    last = min(newest[table] for table in tables)
    complete_until = datetime.combine(last + timedelta(days=1), time(), UTC)
    return min(complete_until, now.replace(minute=0, second=0, microsecond=0))


def resolve_as_of(text: str, names: Callable[[], Iterable[str]], tables: Iterable[str]) -> str:
    """What `--as-of` means: the time that it says, or the latest one; `names` is asked only for that."""
    if text == LATEST:
        return format_time(latest_as_of(names(), tables, datetime.now(UTC)))
    return format_time(parse_time(text, "--as-of"))
