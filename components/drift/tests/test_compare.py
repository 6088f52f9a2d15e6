"""What answers cost beside other ways to decide, on the same questions."""

import json
import sys
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from windsock.drift.compare import main

sys.path.insert(0, str(Path(__file__).parent))
from stalls import A_DAY, AS_OF, MADE, THRESHOLD, Stalls, probability

FIRST, LAST = MADE + timedelta(days=1), AS_OF


def compared(stalls, capsys, since=FIRST, until=LAST, model=True):
    stalls.runs += 1
    words = ["--use-case", str(stalls.use_case), "--labelled", str(stalls._labelled())]
    words += ["--since", since.isoformat(), "--until", until.isoformat()]
    assert main([*words, *(["--model", f"first={stalls.release}"] if model else [])]) == 0
    return json.loads(capsys.readouterr().out)


def cost(acted, came):
    return float(np.where(acted, np.where(came, 4.0, 2.0), np.where(came, 10.0, 0.0)).sum())


@pytest.fixture
def stalls(tmp_path) -> Stalls:
    return Stalls(tmp_path)


def test_every_way_is_priced_on_the_same_questions(stalls, capsys):
    found = compared(stalls, capsys)
    came = stalls.label == 1
    days = found["days"]
    count = len(stalls.rows)
    assert (found["asked"], found["labelled"], found["answered_by"]) == (count, count, {"model": count})
    for way, acted in {
        "system": probability(stalls.rows) >= THRESHOLD,
        "nothing": np.zeros(count, dtype=bool),
        "rules": np.arange(count) % 2 == 1,
    }.items():
        assert sum(day[way] for day in days.values()) == pytest.approx(cost(acted, came))
    # The same release on the same rows decides as it did.
    assert all(day["first"] == day["system"] for day in days.values())


def test_where_no_row_was_served_the_rules_decide_for_a_named_release(stalls, capsys):
    stalls.by_rules[: A_DAY * 5] = True
    found = compared(stalls, capsys, until=FIRST + timedelta(days=5))
    assert found["answered_by"] == {"rules": A_DAY * 5}
    assert all(day["first"] == day["rules"] for day in found["days"].values())


def test_periods_side_by_side_count_every_answer_once_and_only_known_labels_are_priced(stalls, capsys):
    stalls.label[::10] = np.nan
    stalls.state = ["open" if np.isnan(value) else "labelled" for value in stalls.label]
    middle = FIRST + timedelta(days=10, hours=7)
    whole = compared(stalls, capsys)
    parts = [compared(stalls, capsys, until=middle), compared(stalls, capsys, since=middle)]
    for name in ("asked", "labelled"):
        assert sum(part[name] for part in parts) == whole[name]
    assert (
        whole["labelled"] == np.isfinite(stalls.label).sum() == sum(day["decisions"] for day in whole["days"].values())
    )


@pytest.mark.parametrize(
    "words",
    [["--since", "soon"], ["--model", "first=/nowhere"], ["--labelled", "/nowhere"]],
    ids=lambda words: words[0],
)
def test_bad_input_is_one_line(stalls, capsys, words):
    given = {
        "--use-case": str(stalls.use_case),
        "--labelled": str(stalls._labelled()),
        "--since": FIRST.isoformat(),
        "--until": LAST.isoformat(),
        words[0]: words[1],
    }
    assert main([part for pair in given.items() for part in pair]) == 2
    assert capsys.readouterr().err.count("\n") == 1
