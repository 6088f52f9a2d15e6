"""The page of `join_labels`: how long labels take, which days may be judged, and what is no evidence."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from windsock.contracts.chart import Mark, Series, lines
from windsock.contracts.clock import format_time
from windsock.contracts.report import Section, escape, figure, number, page, table
from windsock.contracts.use_case import UseCase
from windsock.ingest.labels import Cohort, delay_quantile

SHOWN_DAYS = 42


def label_page(
    use_case: UseCase,
    days: Sequence[Cohort],
    curve: Sequence[tuple[int, float]],
    details: Mapping[str, Any],
    as_of: datetime,
) -> str:
    """The whole page; it judges nothing, so its outcome says whether there is something to judge."""
    mature = sum(day.mature for day in days)
    outcome = "passed" if mature and details["labelled"] else "inconclusive"
    facts = [
        ("answers", f"{details['answers']:,}"),
        ("labelled", f"{details['labelled']:,}"),
        ("unknown", f"{details['unknown']:,}"),
        ("open", f"{details['open']:,}"),
        ("days that are mature", f"{mature:,}"),
        ("records that are no evidence", f"{details['faults'] + details['unreadable']:,}"),
    ]
    lead = (
        f"{mature} days are mature and may be judged, {len(days) - mature} are not yet; "
        f"{details['unknown']:,} answers of mature days have no label, and are taken for neither outcome."
    )
    sections = [_delay(use_case, curve), _cohorts(days), _records(details)]
    return page(f"{use_case.name}: labels as of {format_time(as_of)}", outcome, lead, facts, sections)


def _delay(use_case: UseCase, curve: Sequence[tuple[int, float]]) -> Section:
    if not curve:
        return Section("How long labels take", "<p>No label is known yet.</p>")
    due = use_case.label.mature_after_hours
    points = [(0.0, 0.0), *((float(hour), share) for hour, share in curve)]
    points.append((max(points[-1][0], due * 1.1), points[-1][1]))
    chart = lines(
        [Series("", points)], "hours after the event", "share of labels known", [Mark(due, "due")], y_range=(0, 1.02)
    )
    quantiles = {f"{share:.0%}": delay_quantile(curve, share) for share in (0.5, 0.9, 0.99)}
    told = ", ".join(f"{name} after {hours} h" for name, hours in quantiles.items() if hours is not None)
    at_due = max((share for hour, share in curve if hour <= due), default=0.0)
    caption = f"Known: {told or 'none'}. When they are due, after {due} h, {at_due:.1%} are there."
    note = "Events that still wait for their label count as waiting (product-limit estimate)."
    return Section("How long labels take", figure(chart, caption), note)


def _cohorts(days: Sequence[Cohort]) -> Section:
    rows = [
        (
            escape(str(day.day)),
            "mature" if day.mature else "open",
            f"{day.answers:,}",
            f"{day.labels:,}",
            number(day.positives / day.labels) if day.labels else number(None),
            f"{number(day.bounds[0])} … {number(day.bounds[1])}",
        )
        for day in reversed(days[-SHOWN_DAYS:])
    ]
    headers = ("day", "", "answers", "labels", "share of events", "whatever the missing labels say")
    note = "A day is judged once all its events have had their time: early labels are no fair sample of a day."
    return Section("Days", table(headers, rows, numeric={2, 3, 4, 5}), note)


def _records(details: Mapping[str, Any]) -> Section:
    told = {
        "read": "records that were read",
        "copies": "copies that answered nobody, left out",
        "later": "given from this time on, left out",
        "older": "older than is looked at, left out",
        "repeated": "came again, counted once",
        "faults": "missing in a chain or not as they were sealed: no evidence",
        "unreadable": "objects that are no batches",
        "counted": "answers that count: the last one about each thing",
        "labels_replaced": "labels that a later one replaced",
    }
    rows = [(escape(text), f"{details[name]:,}") for name, text in told.items()]
    return Section("Records", table(("", "number"), rows, numeric={1}))
