"""Structured log: one JSON object a line on standard error, readable by a person and by a collector."""

import json
import sys
from datetime import UTC, datetime


def log(event: str, **fields: object) -> None:
    """Writes one line: when, what, and the named facts. Never put a secret or a whole row in it."""
    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    print(
        json.dumps({"at": at, "event": event, **fields}, default=str, ensure_ascii=False), file=sys.stderr, flush=True
    )
