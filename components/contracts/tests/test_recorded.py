"""Recorded time: when a question is asked, and bounds on time that a busy machine keeps."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from windsock.contracts.recorded import PATIENCE, asked_at, unhurried
from windsock.contracts.use_case import load_use_case

PUMPS = Path(__file__).parents[3] / "tests" / "journeys" / "other_use_case"


@pytest.fixture
def use_case():
    return load_use_case(PUMPS)


def test_a_question_is_asked_its_lead_time_before_the_event(use_case):
    event = datetime(2024, 3, 1, 12, tzinfo=UTC)
    assert (event - asked_at(use_case.request, event)).total_seconds() == 60 * use_case.request.lead_time_minutes


def test_at_the_beginning_of_the_calendar_it_is_asked_with_the_event(use_case):
    event = datetime(1, 1, 1, tzinfo=UTC)
    assert asked_at(use_case.request, event) == event


def test_every_bound_on_time_is_wider_and_nothing_else_changes(use_case):
    calm = unhurried(use_case)
    assert calm.serving.deadline_ms == PATIENCE * use_case.serving.deadline_ms
    assert calm.serving.features_ms == PATIENCE * use_case.serving.features_ms
    assert calm.serving.record.ship_every_s < use_case.serving.record.ship_every_s
    assert calm.serving.rows_at_most == use_case.serving.rows_at_most
    assert (calm.rollout, calm.drift, calm.views) == (use_case.rollout, use_case.drift, use_case.views)
