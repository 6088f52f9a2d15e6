"""From records to evidence: by assignment, at the same time, in pairs where there are copies."""

import json
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from recorded import AT, NEW, OLD, record, write_batch
from simulated import COSTS
from windsock.contracts.rollout_settings import Rollout
from windsock.contracts.verdict import Outcome
from windsock.release.evidence import Answer, Answers, Labels, known_until, look, measure_baseline
from windsock.release.history import Phase, Span, State
from windsock.release.judge import judge_candidate
from windsock.release.records import Records

SETTINGS = Rollout(baseline_requests=50)
BASELINE = {"slow_s": {"slow/p50": 0.004, "slow/p95": 0.008}, "scores": {"scores/q50": 0.3}}
STATE = State(3, 2, Phase.ROLLING, OLD, NEW, "", 50, AT, AT, confirmed=True, baseline=BASELINE)
SPLIT = replace(STATE, spans=(Span(50, AT),))
COPIED = replace(STATE, weight=0, spans=(Span(0, AT),))


def seen(records, state=SPLIT, labels=None):
    answers = Answers()
    answers.take(map(Answer.of, records))
    return look(answers, labels or Labels(), state, SETTINGS, COSTS).evidence


PATIENCE = timedelta(seconds=5)


def known(records, newest, state=SPLIT):
    answers = Answers()
    answers.take(map(Answer.of, records))
    return known_until(answers, newest, state, PATIENCE)


def test_records_that_one_writer_has_not_shipped_yet_are_no_sign_of_a_broken_split():
    """The serving release's writer shipped 400 answers, the candidate's the first 20 of its own."""
    old = [record(number, OLD, at_s=10 + number / 100) for number in range(0, 400)]
    new = [record(number, NEW, at_s=10 + number / 100) for number in range(1000, 1020)]
    shipped_late = [
        replace(one, predicted_at=AT + timedelta(seconds=10 + place / 100)) for place, one in enumerate(new)
    ]
    newest = {"one": old[-1].predicted_at, "other": shipped_late[-1].predicted_at}
    until = known([*old, *shipped_late], newest)
    assert until == shipped_late[-1].predicted_at
    answers = Answers()
    answers.take(map(Answer.of, [*old, *shipped_late]))
    everything = look(answers, Labels(), SPLIT, SETTINGS, COSTS).evidence
    whole = look(answers, Labels(), SPLIT, SETTINGS, COSTS, until).evidence
    assert judge_candidate(everything, SETTINGS, COSTS).void
    assert not judge_candidate(whole, SETTINGS, COSTS).void
    assert whole.splits[0].candidate == 20
    assert 15 < whole.splits[0].serving <= 20


def test_a_writer_that_is_silent_for_long_is_waited_for_no_longer():
    newest = {"one": AT + timedelta(seconds=60), "dead": AT + timedelta(seconds=50)}
    both = [record(1, OLD), record(2, NEW)]
    assert known(both, newest) == newest["one"]
    assert known(both, {**newest, "dead": AT + timedelta(seconds=56)}) == AT + timedelta(seconds=56)


def test_a_release_that_has_not_answered_yet_is_waited_for_from_the_change_of_weights_on():
    old = record(1, OLD)
    assert known([old], {"one": AT + timedelta(seconds=4)}) == AT
    assert known([old], {"one": AT + timedelta(seconds=6)}) == AT + timedelta(seconds=6)
    assert known([], {}) is None


def test_requests_count_for_the_release_they_were_assigned_to():
    """The candidate's server died: the rules answered, and the candidate is blamed."""
    dead = [record(n, release="sha256:rules", assigned=NEW, reason="predictor_failed") for n in range(100)]
    fine = [record(n) for n in range(100, 200)]
    evidence = seen([*dead, *fine])
    assert (evidence.splits[0].candidate, evidence.splits[0].serving) == (100, 100)
    assert evidence.checks["failed"].candidate.mean == 1.0
    assert evidence.checks["failed"].serving.mean == 0.0
    assert evidence.checks["slow/p95"].candidate.mean == 1.0, "the rules were fast, the caller's wait was not"
    assert judge_candidate(evidence, SETTINGS, COSTS).refused


def test_a_feature_store_that_is_down_is_a_fallback_and_no_failure():
    evidence = seen([record(n, NEW, reason="features_down") for n in range(50)])
    assert evidence.checks["failed"].candidate.mean == 0.0
    assert evidence.checks["fallback"].candidate.mean == 1.0


def test_rules_that_are_the_release_itself_are_no_fallback():
    evidence = seen([record(n, OLD, reason="rules_release") for n in range(50)])
    assert evidence.checks["fallback"].serving.mean == 0.0


def test_of_two_tries_of_one_request_the_failed_one_counts_once():
    first = record(1, NEW)
    second = record(1, "sha256:rules", assigned=NEW, reason="predictor_failed")
    for records in ([first, second], [second, first]):
        evidence = seen(records)
        assert evidence.splits[0].candidate == 1
        assert evidence.checks["failed"].candidate.mean == 1.0


def test_what_was_answered_outside_of_a_span_is_no_evidence():
    early = [record(n, NEW, at_s=-5) for n in range(10)]
    settling = [record(n, NEW, at_s=0.5) for n in range(10, 20)]
    later = replace(SPLIT, spans=(Span(50, AT, AT + timedelta(seconds=5)),))
    assert seen([*early, *settling]).splits[0].candidate == 0
    assert seen([record(n, NEW, at_s=6) for n in range(10)], later).splits[0].candidate == 0


def test_copies_make_pairs():
    primary = [record(n) for n in range(300)]
    copies = [record(n, NEW, role="shadow", reason="model_failed" if n < 30 else "") for n in range(300)]
    evidence = seen([*primary, *copies], COPIED)
    assert evidence.checks["failed"].candidate.count == 300
    assert evidence.checks["failed"].candidate.mean == pytest.approx(0.1)
    assert judge_candidate(evidence, SETTINGS, COSTS).refused


def test_copies_that_are_lost_are_counted():
    primary = [record(n, at_s=n / 100) for n in range(1_000)]
    copies = [record(n, NEW, role="shadow", at_s=n / 100) for n in range(0, 1_000, 2)]
    wanted, answered = seen([*primary, *copies], COPIED).copies
    assert wanted > 600
    assert answered == pytest.approx(wanted / 2, abs=2)


def test_labels_judge_pairs_and_only_those_that_are_due():
    generator = np.random.default_rng(1)
    truth = generator.random(4_000) < 0.25
    primary = [record(n, score=0.25) for n in range(4_000)]
    wrong = [record(n, NEW, role="shadow", score=0.9) for n in range(4_000)]
    labels = Labels({f"key-{n}": bool(truth[n]) for n in range(4_000)}, AT + timedelta(hours=30))
    evidence = seen([*primary, *wrong], COPIED, labels)
    assert evidence.checks["loss"].candidate.count == 3_001
    # The second day is not over: its first labels are no fair sample of it.
    assert len(evidence.checks["loss"].days) == 1
    assert judge_candidate(evidence, SETTINGS, COSTS).labels.outcome is Outcome.INCONCLUSIVE
    hasty = replace(SETTINGS, label_days=1, label_day_rate=0.9)
    assert judge_candidate(evidence, hasty, COSTS).labels.outcome is Outcome.REFUSED
    assert not seen([*primary, *wrong], COPIED).checks.keys() & {"loss", "cost"}


def test_in_probation_the_release_before_answers_the_copies():
    state = replace(STATE, phase=Phase.PROBATION, weight=100, spans=(Span(100, AT),))
    primary = [record(n, NEW, reason="model_failed" if n < 40 else "") for n in range(400)]
    copies = [record(n, OLD, role="shadow") for n in range(400)]
    evidence = seen([*primary, *copies], state)
    assert evidence.checks["failed"].candidate.mean == pytest.approx(0.1)
    assert evidence.checks["failed"].serving.mean == 0.0


def test_labels_judge_a_split_where_there_are_no_copies():
    labels = Labels({f"key-{n}": n % 4 == 0 for n in range(400)}, AT + timedelta(days=30))
    records = [record(n, NEW if n % 2 else OLD, score=0.25) for n in range(400)]
    assert seen(records, SPLIT, labels).checks["loss"].candidate.count == 200


def test_the_usual_figures_are_the_serving_releases_own():
    answers = Answers()
    answers.take(Answer.of(record(n, latency_s=0.001 * (1 + n % 10), score=(n % 100) / 100)) for n in range(100))
    answers.take(Answer.of(record(n, NEW, latency_s=9.0)) for n in range(100, 300))
    baseline = measure_baseline(answers, OLD, SETTINGS)
    assert baseline.slow_s["slow/p50"] == pytest.approx(0.0055 + 0.005)
    assert baseline.scores["scores/q50"] == pytest.approx(0.495)
    assert measure_baseline(answers, OLD, replace(SETTINGS, baseline_requests=101)) is None


@pytest.mark.parametrize(
    ("usual_s", "slow_from_s"),
    [(0.002, 0.007), (0.020, 0.025), (0.100, 0.125)],
    ids=["a few milliseconds are nobody's fault", "both alike", "the slack is the longer one"],
)
def test_an_answer_is_slow_beyond_slack_and_margin(usual_s, slow_from_s):
    answers = Answers()
    answers.take(Answer.of(record(n, latency_s=usual_s)) for n in range(100))
    baseline = measure_baseline(answers, OLD, SETTINGS)
    assert baseline.slow_s["slow/p50"] == pytest.approx(slow_from_s)


def test_a_server_that_only_sleeps_deeper_is_not_slower():
    """With a tenth of the requests answers take a millisecond or two longer: seen on real flights."""
    answers = Answers()
    answers.take(Answer.of(record(n, latency_s=0.002)) for n in range(100))
    found = measure_baseline(answers, OLD, SETTINGS)
    state = replace(SPLIT, baseline=found.to_json())
    records = [record(n, NEW, latency_s=0.004) if n % 2 else record(n, latency_s=0.002) for n in range(400)]
    assert seen(records, state).checks["slow/p50"].candidate.mean == 0.0


def test_rules_have_no_scores_worth_a_guard():
    answers = Answers()
    answers.take(Answer.of(record(n, reason="rules_release", score=0.2)) for n in range(100))
    assert measure_baseline(answers, OLD, SETTINGS).scores == {}


def test_each_record_is_read_once_and_none_that_was_edited(tmp_path):
    path = write_batch(tmp_path, [record(1), record(2)])
    source = Records((tmp_path.as_uri(),))
    assert [one.key for one in source.new()] == ["key-1", "key-2"]
    assert list(source.new()) == []
    lines = path.read_bytes().split(b"\n")
    edited = json.loads(lines[0])
    edited["body"] = edited["body"].replace('"probability":0.3', '"probability":0.9')
    path.write_bytes(b"\n".join([json.dumps(edited).encode(), *lines[1:]]))
    again = Records((tmp_path.as_uri(),))
    assert [one.key for one in again.new()] == ["key-2"]
    assert again.edited == 1


def test_batches_that_ended_on_a_day_before_are_not_even_opened(tmp_path):
    path = write_batch(tmp_path, [record(1), record(2)])
    source, at = Records((tmp_path.as_uri(),)), record(1).predicted_at
    content = path.read_bytes()
    path.write_bytes(b"broken")
    assert list(source.new(at + timedelta(days=1))) == []
    path.write_bytes(content)
    assert len(list(source.new(at))) == 2
