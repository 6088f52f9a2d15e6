"""The step on a small market: clean, shifted, flipped, silent; each change is named, and asks for what it should."""

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from windsock.contracts.errors import InputError
from windsock.contracts.monitoring import Rebuilt
from windsock.contracts.verdict import Outcome

sys.path.insert(0, str(Path(__file__).parent))
from stalls import A_DAY, COLUMNS, Stalls


@pytest.fixture
def stalls(tmp_path) -> Stalls:
    return Stalls(tmp_path)


def refused(verdict) -> set[str]:
    return {finding.check for finding in verdict.findings if finding.outcome is Outcome.REFUSED}


def test_clean_days_pass_and_the_page_shows_what_would_be_seen(stalls):
    verdict, ask = stalls.run()
    assert verdict.outcome is Outcome.PASSED, verdict.reasons
    assert ask == "nothing"
    assert {finding.check.split("/")[0] for finding in verdict.findings} == {
        "feature",
        "joint",
        "prediction",
        "concept",
        "kpi",
        "skew",
    }
    for finding in verdict.findings:
        assert finding.threshold_origin
        assert finding.sample_size
    for title in ("What came true", "What moved", "What chance does", "What would be seen"):
        assert title in stalls.report
    assert stalls.report.count("<svg") >= 8
    first = stalls.digest
    stalls.run()
    assert stalls.digest == first, "the same inputs give the same verdict"


@pytest.mark.parametrize(
    "differing,rows,outcome", [(57, 5600, "passed"), (90, 5600, "refused"), (90, 400, "inconclusive")]
)
def test_rows_that_the_history_gives_otherwise_are_skew_beyond_the_floor_and_doubt(stalls, differing, rows, outcome):
    stalls.rebuilt = Rebuilt(rows, dict.fromkeys(COLUMNS, 0) | {"f2": differing}, {"f2": "stall 7: given 2, rebuilt 3"})
    verdict, ask = stalls.run()
    (finding,) = [finding for finding in verdict.findings if finding.check == "skew/f2"]
    assert finding.outcome.value == outcome
    assert "stall 7: given 2, rebuilt 3" in finding.message
    assert ask == ("alert" if outcome == "refused" else "nothing")


def test_a_feature_that_moves_is_named_and_asks_for_no_retraining_while_it_does_no_harm(stalls):
    stalls.rows[stalls.recent, 3] += 0.75
    verdict, ask = stalls.run()
    assert "feature/f3" in refused(verdict)
    assert refused(verdict) <= {"feature/f3", "joint/classifier"}
    assert ask == "alert"


def test_values_that_go_missing_are_drift(stalls):
    gone = stalls.recent & (stalls.random.random(len(stalls.rows)) < 0.2)
    stalls.rows[gone, 4] = np.nan
    verdict, _ = stalls.run()
    finding = next(finding for finding in verdict.findings if finding.check == "feature/f4")
    assert finding.outcome is Outcome.REFUSED
    assert "missing" in finding.message


def test_a_shift_of_one_window_alone_is_no_alarm(stalls):
    last = np.arange(len(stalls.rows)) >= 21 * A_DAY
    stalls.rows[last, 3] += 0.75
    verdict, ask = stalls.run()
    assert "feature/f3" not in refused(verdict)
    assert ask == "nothing"


def test_a_benign_shift_of_what_the_model_looks_at_moves_scores_and_asks_for_no_retraining(stalls):
    stalls.rows[stalls.recent, 0] -= 0.75
    stalls.relabel()
    verdict, ask = stalls.run()
    assert {"feature/f0", "prediction/scores"} <= refused(verdict)
    assert not {check for check in refused(verdict) if check.startswith(("concept", "kpi"))}
    assert ask == "alert"


def test_a_flip_of_the_concept_asks_for_retraining(stalls):
    flipped = stalls.recent & (stalls.random.random(len(stalls.rows)) < 0.15)
    stalls.label[flipped] = 1 - stalls.label[flipped]
    verdict, ask = stalls.run()
    assert "concept/loss" in refused(verdict)
    assert ask == "retrain"


def test_labels_that_are_not_due_or_never_came_are_taken_for_neither(stalls):
    stalls.label[stalls.recent] = 1.0
    stalls.state = ["open" if recent else "labelled" for recent in stalls.recent]
    verdict, ask = stalls.run()
    assert ask == "nothing"
    assert {finding.outcome for finding in verdict.findings if finding.check.startswith("concept")} == {
        Outcome.INCONCLUSIVE
    }


def test_days_that_are_shared_with_another_release_are_no_drift_of_the_weekday(tmp_path):
    stalls = Stalls(tmp_path, weekdays=True)
    day = np.arange(len(stalls.rows)) // A_DAY
    # Of five days of each of the last two windows every second answer, of the other two all.
    stalls.by_another = (day >= 14) & (day % 7 < 5) & (np.arange(len(stalls.rows)) % 2 == 0)
    verdict, ask = stalls.run()
    assert (refused(verdict), ask) == (set(), "nothing")
    (finding,) = [finding for finding in verdict.findings if finding.check == "feature/f5"]
    assert (finding.outcome, finding.sample_size) == (Outcome.PASSED, 7 * A_DAY // 2)


def test_days_of_which_a_release_had_nothing_are_not_judged_by_the_others(tmp_path):
    stalls = Stalls(tmp_path, weekdays=True)
    stalls.by_another = np.isin(np.arange(len(stalls.rows)) // A_DAY, (15, 22))
    verdict, ask = stalls.run()
    assert (refused(verdict), ask) == (set(), "nothing")
    (finding,) = [finding for finding in verdict.findings if finding.check == "feature/f5"]
    assert finding.outcome is Outcome.INCONCLUSIVE
    assert "too few rows in a window: 0 of 500" in finding.message


def test_a_row_of_another_width_is_refused(stalls, monkeypatch):
    rows = [list(row) for row in stalls.rows]
    monkeypatch.setattr(stalls, "_scored_rows", lambda: [*rows[:-1], rows[-1][:-1]])
    with pytest.raises(InputError, match="row of a record: got '5 values', expected 6, as the release has columns"):
        stalls.run()


def test_an_answer_counts_for_who_gave_it_where_nobody_was_assigned(stalls, monkeypatch):
    verdict, _ = stalls.run()
    monkeypatch.setattr(stalls, "_assigned", lambda digest: pa.nulls(len(stalls.rows), pa.string()))
    assert stalls.run()[0] == verdict


def test_rules_that_had_to_answer_are_told(stalls):
    stalls.by_rules = stalls.recent & (stalls.random.random(len(stalls.rows)) < 0.3)
    verdict, ask = stalls.run()
    assert refused(verdict) == {"prediction/fallback"}
    assert ask == "alert"


def test_too_few_answers_are_inconclusive(stalls):
    keep = np.arange(len(stalls.rows)) % 10 == 0
    stalls.rows, stalls.label, stalls.by_rules = stalls.rows[keep], stalls.label[keep], stalls.by_rules[keep]
    stalls.state = ["labelled"] * int(keep.sum())
    verdict, ask = stalls.run()
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert ask == "nothing"


def test_without_any_answer_there_is_nothing_to_judge(stalls):
    stalls.rows, stalls.label, stalls.by_rules, stalls.state = (
        stalls.rows[:0],
        stalls.label[:0],
        stalls.by_rules[:0],
        [],
    )
    stalls.rebuilt = Rebuilt(0, {})
    verdict, ask = stalls.run()
    assert [finding.check for finding in verdict.findings] == ["answers/model"]
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert ask == "nothing"
