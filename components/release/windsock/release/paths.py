"""What each path would have decided on the same requests: the release that serves, the one before, and the rules."""

from pathlib import Path

from windsock.contracts.errors import InputError
from windsock.contracts.record import Prediction
from windsock.contracts.release import load_use_case_module, open_bundle
from windsock.contracts.rollout_settings import FULL
from windsock.contracts.rules import rules_probability
from windsock.release.decide import KEEP, PREVIOUS, RULES, Case
from windsock.release.evidence import SHADOW, Labels
from windsock.release.history import State
from windsock.release.records import Records

NEWEST = 5_000


def gather_cases(
    records: tuple[str, ...], bundle: Path, state: State, labels: Labels
) -> tuple[list[Case], dict[str, float]]:
    """The newest requests as cases, labelled ones first in line, and each path's share of answers of its own.

    Raises:
        InputError: there is no record to decide on.
    """
    opened = open_bundle(bundle)
    rules = load_use_case_module(opened, "fallback").probability
    keep = max(state.weights, key=lambda name: state.weights[name]) if state.weights else opened.digest
    previous = state.serving if state.weights.get(state.serving, FULL) == 0 else state.previous
    found = list(Records(records).new())
    asked = [record for record in found if record.role != SHADOW and _assigned(record) == keep]
    if not asked:
        raise InputError("records", f"none of {keep}", "answers of the release that serves")
    by_previous = {
        (record.request_id, record.key): record for record in found if previous and _assigned(record) == previous
    }
    due = [record for record in asked if _positive(record, labels) is not None]
    cases = []
    for record in sorted(due or asked, key=lambda one: one.predicted_at)[-NEWEST:]:
        other = by_previous.get((record.request_id, record.key))
        decisions = {
            KEEP: record.decision,
            PREVIOUS: other.decision if other else None,
            RULES: rules_probability(rules, record.request) >= record.threshold,
        }
        cases.append(Case(record.probability, decisions, _positive(record, labels)))
    health = {KEEP: _own_answers(asked), RULES: 1.0}
    if by_previous:
        health[PREVIOUS] = _own_answers(list(by_previous.values()))
    return cases, health


def _assigned(record: Prediction) -> str:
    return record.release if record.role == SHADOW else record.assigned_release or record.release


def _positive(record: Prediction, labels: Labels) -> bool | None:
    if labels.until is None or record.event_time > labels.until:
        return None
    return labels.positive.get(record.key)


def _own_answers(records: list[Prediction]) -> float:
    newest = sorted(records, key=lambda record: record.predicted_at)[-1_000:]
    return sum(record.answered_by == "model" or record.reason == "rules_release" for record in newest) / len(newest)
