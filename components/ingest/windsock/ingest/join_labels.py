"""The step `join_labels`: every answer of the last weeks, with what came true as far as it is known at `as_of`."""

import csv
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

from windsock.contracts.clock import format_time
from windsock.contracts.files import write_text
from windsock.contracts.log import log
from windsock.contracts.record import Prediction
from windsock.contracts.step import Step
from windsock.contracts.use_case import UseCase, load_use_case
from windsock.ingest.arrow import AT, write_labelled
from windsock.ingest.duck import read_labels
from windsock.ingest.label_page import label_page
from windsock.ingest.labels import (
    Cohort,
    Label,
    State,
    cohorts,
    hours_between,
    maturity_curve,
    settle_labels,
    state_of,
)
from windsock.ingest.records import Records, answered_at

KIND = "labelled"
FILE, LABELS = "rows.parquet", "labels.csv"


@dataclass(frozen=True)
class Joined:
    """Answers in order of event time, key and identifier, each with its label, its state, and whether it counts.

    `times` are those that the answers belong to.
    """

    answers: Sequence[Prediction]
    times: Sequence[datetime]
    labels: Sequence[Label | None]
    states: Sequence[State]
    counts: Sequence[bool]
    replaced: int

    def counted(self) -> list[tuple[Prediction, Label | None]]:
        """The answers that count: of several about one thing, the last."""
        return [(answer, label) for answer, label, one in zip(self.answers, self.labels, self.counts) if one]


def run(step: Step) -> None:
    """Writes `labelled`, `report` and `metrics`."""
    packed, snapshot = step.artifact("use_case", "use_case"), step.artifact("snapshot", "snapshot")
    use_case = load_use_case(packed.path)
    as_of = step.as_of
    since = as_of - timedelta(days=use_case.drift.history_days)
    records = Records(step.path("records"), use_case, since, as_of)
    answers = list(records)
    joined = join(answers, read_labels(packed.path, snapshot.path, use_case, since), use_case, as_of)
    days, curve = measure(joined, use_case, as_of)
    details = _details(records, joined, days)
    with step.output("labelled", KIND, details) as directory:
        write_labelled(directory / FILE, _columns(joined, use_case), use_case.request.fields)
        write_text(directory / LABELS, _due(joined))
    step.report("report", label_page(use_case, days, curve, details, as_of))
    step.metrics("metrics", {name: value for name, value in details.items() if isinstance(value, (int, float))})
    log("labels_joined", **details)


def join(answers: Sequence[Prediction], labels: Sequence[Label], use_case: UseCase, as_of: datetime) -> Joined:
    """Joins by the thing's key. The same answers and labels in another order give the same rows."""
    settled, replaced = settle_labels(labels, as_of)
    ordered = sorted(answers, key=lambda answer: (answer.event_time, answer.key, answer.prediction_id))
    times = [answered_at(answer, use_case) for answer in ordered]
    moments = [(at, answer.predicted_at, answer.prediction_id) for answer, at in zip(ordered, times)]
    last: dict[str, tuple[datetime, datetime, str]] = {}
    for answer, moment in zip(ordered, moments):
        last[answer.key] = max(last.get(answer.key, moment), moment)
    mature_after = timedelta(hours=use_case.label.mature_after_hours)
    found = [settled.get(answer.key) for answer in ordered]
    return Joined(
        answers=ordered,
        times=times,
        labels=found,
        states=[
            state_of(answer.event_time, label is not None, mature_after, as_of) for answer, label in zip(ordered, found)
        ],
        counts=[last[answer.key] == moment for answer, moment in zip(ordered, moments)],
        replaced=replaced,
    )


def measure(joined: Joined, use_case: UseCase, as_of: datetime) -> tuple[list[Cohort], list[tuple[int, float]]]:
    """The days of the answers that count, and how long their labels take: hours after the event, share by then."""
    counted = joined.counted()
    mature_after = timedelta(hours=use_case.label.mature_after_hours)
    rows = [(answer.event_time, label.value if label else None) for answer, label in counted]
    delays: Counter[int] = Counter()
    waiting: Counter[int] = Counter()
    for answer, label in counted:
        if label is not None and label.known_at is not None:
            delays[hours_between(answer.event_time, label.known_at)] += 1
        elif answer.event_time <= as_of:
            waiting[hours_between(answer.event_time, as_of)] += 1
    return cohorts(rows, mature_after, as_of), maturity_curve(delays, waiting)


def _details(records: Records, joined: Joined, days: Sequence[Cohort]) -> dict[str, Any]:
    """The counts of the manifest: `read = copies + later + older + answers`, `answers = labelled + unknown + open`."""
    states = Counter(joined.states)
    return {
        "read": records.read,
        "copies": records.copies,
        "later": records.later,
        "older": records.older,
        "repeated": records.repeated,
        "faults": records.faults,
        "unreadable": len(records.unreadable),
        "answers": len(joined.answers),
        "counted": sum(joined.counts),
        **{state.value: states[state] for state in State},
        "labels_replaced": joined.replaced,
        "mature_days": sum(day.mature for day in days),
        "open_days": sum(not day.mature for day in days),
        "answers_digest": _digest(joined.answers),
    }


def _due(joined: Joined) -> str:
    """Key, label and event time of what is due and known, a line each: what a rollout judges by."""
    answers = zip(joined.answers, joined.labels, joined.states, joined.counts)
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["key", "label", "event_time"])
    writer.writerows(
        (answer.key, label.value, format_time(answer.event_time))
        for answer, label, state, counts in answers
        if counts and label is not None and state is State.LABELLED
    )
    return text.getvalue()


def _digest(answers: Sequence[Prediction]) -> str:
    """Names the answers that were joined, by their identifiers in order."""
    text = "".join(f"{answer.prediction_id}\n" for answer in answers)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _columns(joined: Joined, use_case: UseCase) -> Mapping[str, Sequence[Any]]:
    """The rows by column; the request's fields as `request__<field>`, the model's inputs in `row`.

    `at__<view>` is the event time of the values that were used of a view, null where there were none.
    """
    answers = joined.answers
    plain = ("prediction_id", "key", "event_time", "predicted_at", "release", "assigned_release")
    decided = ("answered_by", "reason", "probability", "threshold", "decision")
    return {
        **{name: [getattr(answer, name) for answer in answers] for name in (*plain, *decided)},
        "answered_at": joined.times,
        "row": [answer.row for answer in answers],
        **{f"{AT}{view}": [answer.feature_times.get(view) for answer in answers] for view in use_case.views},
        "counts": list(joined.counts),
        "state": [state.value for state in joined.states],
        "label": [label.value if label else None for label in joined.labels],
        "label_known_at": [label.known_at if label else None for label in joined.labels],
        **{f"request__{field}": [answer.request.get(field) for answer in answers] for field in use_case.request.fields},
    }
