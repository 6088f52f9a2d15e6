"""Prediction records as servers leave them: one answer, and a batch in a sink."""

from datetime import UTC, datetime, timedelta

from windsock.contracts.journal.lines import encode_lines
from windsock.contracts.record import Prediction
from windsock.contracts.record_chain import genesis, seal

AT = datetime(2026, 7, 1, tzinfo=UTC)
OLD, NEW = "sha256:" + "a" * 64, "sha256:" + "b" * 64
WRITERS = {name: f"local.01890a5d-ac96-774b-bcce-b302099a805{name}" for name in ("a", "b", "c")}


def record(number, release=OLD, assigned=None, role="primary", reason="", at_s=10.0, score=0.3, **changes):
    fields = {
        "prediction_id": f"{number}-{role}-{release[7:9]}-{reason}",
        "request_id": f"request-{number}",
        "release": release,
        "assigned_release": release if assigned is None else assigned,
        "role": role,
        "answered_by": "rules" if reason else "model",
        "reason": reason,
        "key": f"key-{number}",
        "event_time": AT + timedelta(hours=number / 100),
        "request": {},
        "features": {},
        "feature_times": {},
        "row": (),
        "probability": score,
        "threshold": 0.3,
        "decision": score >= 0.3,
        "predicted_at": AT + timedelta(seconds=at_s + number / 1000),
        "deadline_s": 0.25,
        "latency_s": 0.003,
    }
    return Prediction(**{**fields, **changes})


def write_batch(directory, records, writer="a"):
    """A batch as the first one of a writer."""
    name = WRITERS[writer]
    head, links = genesis(name), []
    for one in records:
        link = seal(name, head, one.encode())
        links.append(link)
        head = type(head)(link.sequence, link.digest)
    content, first, last = encode_lines(links)
    path = directory / f"writer={name}" / f"{1:012}-{len(links):012}_{first}_{last}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
