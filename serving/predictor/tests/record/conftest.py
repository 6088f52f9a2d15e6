"""Predictions as these tests want them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from windsock.contracts.record import Prediction, ToJson, new_prediction_id, standard_json
from windsock.contracts.record_chain import Head, Sealed, genesis, seal

AT = datetime(2013, 7, 1, 6, 0, 0, 250, tzinfo=UTC)
WRITER = "local.013f98d0-fb00-7014-8081-b64702f616b2"


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
        "probability": 1 / 3,
        "threshold": 0.5,
        "decision": False,
        "predicted_at": at,
        "deadline_s": 0.25,
        "latency_s": 0.001,
    }
    return Prediction(**{**fields, **changes})


def _chained(predictions: list[Prediction], to_json: ToJson = standard_json) -> list[Sealed]:
    head, links = genesis(WRITER), []
    for made in predictions:
        links.append(seal(WRITER, head, made.encode(to_json)))
        head = Head(links[-1].sequence, links[-1].digest)
    return links


@pytest.fixture(scope="session")
def prediction():
    """Makes the prediction of a number, with what a test wants changed."""
    return _prediction


@pytest.fixture(scope="session")
def chained():
    """Seals predictions into one chain."""
    return _chained
