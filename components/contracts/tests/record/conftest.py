"""One prediction as a test wants it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from windsock.contracts.record import Prediction, new_prediction_id

AT = datetime(2013, 7, 1, 6, 0, 0, 250, tzinfo=UTC)


def _prediction(number: int = 1, **changes: Any) -> Prediction:
    at = AT + timedelta(seconds=number)
    fields: dict[str, Any] = {
        "prediction_id": new_prediction_id(at),
        "request_id": f"request-{number}",
        "release": "sha256:" + "0" * 64,
        "assigned_release": "",
        "role": "primary",
        "answered_by": "model",
        "reason": "",
        "key": f"thing/{number}",
        "event_time": at + timedelta(hours=2),
        "request": {"name": "thing", "number": number, "due_at": at + timedelta(hours=2)},
        "features": {"speed__mean": 1.5, "speed__last": None},
        "feature_times": {"speed": at, "load": None},
        "row": (1.5, float("nan")),
        "probability": 0.25,
        "threshold": 0.5,
        "decision": False,
        "predicted_at": at,
        "deadline_s": 0.25,
        "latency_s": 0.001,
    }
    return Prediction(**{**fields, **changes})


@pytest.fixture(scope="session")
def prediction():
    """Makes the prediction of a number, with what a test wants changed."""
    return _prediction
