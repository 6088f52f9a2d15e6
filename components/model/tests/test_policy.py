"""The gate's rules as tables: what passes, what is refused, and what does not settle it."""

import pytest
from windsock.contracts.verdict import Outcome
from windsock.model.policy import (
    Estimate,
    Rule,
    at_least,
    at_most,
    believable,
    better,
    holds,
    no_gap,
    no_harm,
    not_worse,
)

PASSED, REFUSED, OPEN = Outcome.PASSED, Outcome.REFUSED, Outcome.INCONCLUSIVE


def rule(limit: float) -> Rule:
    return Rule("check", limit, "this test", "somebody")


def estimate(low: float, high: float) -> Estimate:
    return Estimate((low + high) / 2, low, high, 1000)


@pytest.mark.parametrize(
    ("low", "high", "outcome"),
    [(-9, -1, PASSED), (-9, 0, OPEN), (-9, 1, OPEN), (0, 1, REFUSED), (1, 9, REFUSED), (0, 0, REFUSED)],
)
def test_what_needs_no_model_must_be_beaten_beyond_doubt(low, high, outcome):
    finding = better(rule(0), estimate(low, high), "the rules", "EUR per 1,000")
    assert finding.outcome is outcome
    assert finding.interval == (low, high)


@pytest.mark.parametrize(
    ("low", "high", "outcome", "word"),
    [
        (-9, -1, PASSED, "cheaper"),
        (-9, 4, PASSED, "within the margin"),
        (-9, 5, PASSED, "within the margin"),
        (1, 4, PASSED, "within the margin"),
        (0, 0, PASSED, "within the margin"),
        (-9, 6, OPEN, "too uncertain"),
        (0, 6, OPEN, "too uncertain"),
        (1, 6, REFUSED, "dearer"),
        (6, 9, REFUSED, "dearer"),
    ],
)
def test_a_model_in_production_may_not_be_followed_by_a_worse_one(low, high, outcome, word):
    finding = not_worse(rule(5), estimate(low, high), "production", "EUR per 1,000")
    assert finding.outcome is outcome
    assert finding.message.startswith(word)


@pytest.mark.parametrize(
    ("low", "high", "outcome"), [(6, 7, PASSED), (5, 7, PASSED), (4, 7, OPEN), (4, 5, OPEN), (3, 4, REFUSED)]
)
def test_floors(low, high, outcome):
    assert at_least(rule(5), estimate(low, high), "it").outcome is outcome


@pytest.mark.parametrize(
    ("low", "high", "outcome"), [(1, 4, PASSED), (1, 5, PASSED), (4, 6, OPEN), (5, 6, OPEN), (6, 7, REFUSED)]
)
def test_ceilings(low, high, outcome):
    assert at_most(rule(5), estimate(low, high), "it").outcome is outcome


@pytest.mark.parametrize(("value", "outcome"), [(0.8, PASSED), (0.9, PASSED), (0.91, OPEN)])
def test_what_is_too_good_to_be_true_waits_for_a_person(value, outcome):
    assert believable(rule(0.9), Estimate(value, value, value, 10), "AUC").outcome is outcome


@pytest.mark.parametrize(("low", "high", "outcome"), [(-9, 9, PASSED), (5, 9, PASSED), (6, 9, REFUSED)])
def test_a_slice_refuses_a_harm_that_is_shown(low, high, outcome):
    assert no_harm(rule(5), estimate(low, high), "harm").outcome is outcome


@pytest.mark.parametrize(
    ("low", "high", "outcome"), [(-9, 9, PASSED), (5, 9, PASSED), (6, 9, REFUSED), (-9, -6, REFUSED), (-9, -5, PASSED)]
)
def test_a_slice_refuses_a_gap_to_either_side(low, high, outcome):
    assert no_gap(rule(5), estimate(low, high), "gap").outcome is outcome


@pytest.mark.parametrize("otherwise", [REFUSED, OPEN])
def test_a_fact_holds_or_does_not(otherwise):
    assert holds(rule(1), 2, 10, True, "", otherwise).outcome is PASSED
    assert holds(rule(1), 0, 10, False, "", otherwise).outcome is otherwise


def test_a_finding_carries_all_that_a_reader_weighs():
    finding = better(rule(0), estimate(-9, -1), "the rules", "EUR per 1,000")
    assert (finding.effect, finding.sample_size, finding.threshold) == (-5, 1000, 0)
    assert (finding.threshold_origin, finding.owner) == ("this test", "somebody")
