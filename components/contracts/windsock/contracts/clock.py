"""Times as Windsock writes them: UTC, ISO 8601, always with a zone."""

from datetime import UTC, datetime

from windsock.contracts.errors import InputError


def parse_time(text: object, field: str) -> datetime:
    """Reads `2013-07-01`, `2013-07-01T06:00:00Z` or with an offset; a time without a zone is UTC.

    Raises:
        InputError: the text is no such time; a placeholder that nothing expanded (`[[…]]`) is named as such.
    """
    if isinstance(text, str) and "[[" in text:
        raise InputError(field, text, "a time; this placeholder was never expanded")
    try:
        time = datetime.fromisoformat(str(text))
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InputError(field, text, "a date or time such as 2013-07-01 or 2013-07-01T06:00:00Z") from error


def format_time(time: datetime) -> str:
    """Writes a time as `2013-07-01T06:00:00Z`, with microseconds only where there are any."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")
