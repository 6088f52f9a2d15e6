"""Recorded time: what serving does differently while a recorded past is asked anew, faster than it happened.

A year in an hour leaves no time for a deadline of a quarter of a second: what is late then says how busy this machine
is, and nothing of the release. So every bound on time is `PATIENCE` times as wide, and by the same measure a record
says how long an answer took: a release that hangs is still told from one that does not. When its question was asked it
says in recorded time, which is the time that monitoring and a canary's judge go by.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from windsock.contracts.use_case import Request, UseCase

CLOCK = "recorded"
PATIENCE = 40
SHIP_EVERY_S = 0.5


def asked_at(request: Request, event_time: datetime) -> datetime:
    """When a question is asked: its lead time before the event, or with it where the calendar has no such time."""
    try:
        return event_time - timedelta(minutes=request.lead_time_minutes)
    except OverflowError:
        return event_time


def unhurried(use_case: UseCase) -> UseCase:
    """The use case with bounds on time that a busy machine keeps, and with records that are shipped at once."""
    serving = use_case.serving
    return replace(
        use_case,
        serving=replace(
            serving,
            deadline_ms=serving.deadline_ms * PATIENCE,
            features_ms=serving.features_ms * PATIENCE,
            record=replace(serving.record, ship_every_s=min(serving.record.ship_every_s, SHIP_EVERY_S)),
        ),
    )
