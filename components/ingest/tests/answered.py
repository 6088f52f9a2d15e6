"""Answers as a predictor records them, about shifts of pumps."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from windsock.contracts.record import Prediction, entity_key, new_prediction_id

START = datetime(2020, 3, 1, tzinfo=UTC)


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def answer(pump: int, hours: float, **changes) -> Prediction:
    """One answer about a shift that begins so many hours after the start."""
    event = at(hours)
    base = Prediction(
        prediction_id=new_prediction_id(event - timedelta(hours=1)),
        request_id="r",
        release="sha256:a",
        assigned_release="sha256:a",
        role="primary",
        answered_by="model",
        reason="",
        key=entity_key((pump, event)),
        event_time=event,
        request={"pump": pump, "site": "north", "load": 0.5, "starts_at": event},
        features={},
        feature_times={},
        row=(1.0, float("nan")),
        probability=0.25,
        threshold=0.1,
        decision=True,
        predicted_at=event - timedelta(hours=1),
        deadline_s=1.0,
        latency_s=0.01,
    )
    return replace(base, **changes)
