"""What stands against a request for a retraining, whoever asks: a pure rule on the requests so far."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from windsock.contracts.clock import format_time, parse_time
from windsock.contracts.monitoring import Request
from windsock.contracts.monitoring_settings import Retraining

WEEK = timedelta(days=7)


def objection(settings: Retraining, wanted: Request, requests: Sequence[Request], as_of: datetime) -> str:
    """What stands against `wanted`, in words; empty where nothing does.

    One request an episode, whatever became of it. Only a person need not wait until the last request has cooled down;
    the bound on a week holds for everybody.
    """
    for request in requests:
        if request.request_id == wanted.request_id:
            return f"it has its request already: {request.request_id}, {request.outcome or 'not known yet'}"
    times = sorted(parse_time(request.as_of, "as_of") for request in requests)
    waits = wanted.by != "hand" and times and as_of - times[-1] < timedelta(days=settings.cool_down_days)
    if waits:
        return f"the last request was as of {format_time(times[-1])}: cooling down for {settings.cool_down_days} days"
    recent = sum(as_of - time < WEEK for time in times)
    if recent >= settings.runs_a_week:
        return f"{recent} requests in the last seven days: at most {settings.runs_a_week} are allowed"
    return ""
