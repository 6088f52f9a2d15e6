"""What stands against a request: a person need not wait, but has the same bound a week."""

from datetime import UTC, datetime, timedelta

import pytest
from windsock.contracts.clock import format_time
from windsock.contracts.monitoring import Request
from windsock.contracts.monitoring_settings import Retraining
from windsock.contracts.retraining import objection

NOW = datetime(2013, 7, 1, tzinfo=UTC)
SETTINGS = Retraining(cool_down_days=7, runs_a_week=2)


def request(days_ago: float, by: str, name: str = "other", outcome: str = "") -> Request:
    return Request(name, by, format_time(NOW - timedelta(days=days_ago)), "why", "sha256:a", outcome=outcome)


@pytest.mark.parametrize(
    "by,requests,words",
    [
        ("hand", [], ""),
        ("hand", [request(1, "drift")], ""),
        ("drift", [request(1, "drift")], "cooling down for 7 days"),
        ("schedule", [request(1, "hand")], "cooling down for 7 days"),
        ("schedule", [request(8, "hand")], ""),
        ("hand", [request(1, "drift"), request(2, "hand")], "2 requests in the last seven days: at most 2"),
        ("hand", [request(1, "drift"), request(7, "hand")], ""),
        ("hand", [request(90, "hand", "mine", "failed")], "it has its request already: mine, failed"),
        ("drift", [request(90, "drift", "mine")], "it has its request already: mine, not known yet"),
    ],
)
def test_what_stands_against_a_request(by, requests, words):
    found = objection(SETTINGS, request(0, by, "mine"), requests, NOW)
    assert words in found if words else found == ""
