"""The page of a year: sums, the account of what was lost, and the time line."""

import pytest
from windsock.contracts.use_case import load_use_case

from pipelines.workspace import REPOSITORY
from year.journal import Ended
from year.page import account, events_of, months_of, per_thousand, whole, year_page


def ended(stage, code=0, until="2013-03-08", **figures):
    return Ended(f"{until}/{stage}", stage, "2013-03-01", until, code, 2.0, figures)


COUNTED = {"decisions": 10, "system": 500.0, "first": 600.0, "rules": 700.0, "nothing": 900.0}
JOURNAL = [
    ended("train", production="sha256:aaaa"),
    ended("replay", features="brought", in_all={"asked": 30, "answered": 29, "lost": 1}),
    ended("monitor", code=3, alerts=["Harm: concept/loss", "Skew: x"], why="harm was shown", request={"id": "r"}),
    ended("count", asked=29, labelled=20, answered_by={"model": 25, "rules": 4}, months={"2013-03": COUNTED}),
    ended("retrain", candidate="sha256:bbbb"),
    ended("lead", until="2013-03-15", candidate="sha256:bbbb", promoted=True, refused=False),
    ended("replay", until="2013-03-15", features="left: data refused", in_all={"asked": 40, "answered": 39, "lost": 1}),
    ended("monitor", until="2013-03-15", alerts=["Skew: x"], why="nothing", request=None),
    ended("count", until="2013-03-15", months={"2013-03": COUNTED, "2013-04": COUNTED}),
    ended("retrain", code=3, until="2013-03-15"),
]


def test_months_are_summed_over_periods():
    months = months_of(JOURNAL)
    assert months["2013-03"]["decisions"] == 20
    assert months["2013-04"]["system"] == 500
    assert whole(months)["decisions"] == 30


@pytest.mark.parametrize(
    ("figures", "expected"),
    [(COUNTED, 50_000), ({}, None), ({"decisions": 0, "system": 1}, None), ({"decisions": 5}, None)],
)
def test_the_cost_is_told_per_thousand_or_not_at_all(figures, expected):
    assert per_thousand(figures, "system") == expected


def test_what_is_lost_is_in_the_account():
    found = account(JOURNAL)
    assert found == {"asked": 40, "answered": 39, "lost": 1, "recorded": 29, "labelled": 20, "model": 25, "rules": 4}


def test_the_time_line_tells_every_verdict_once():
    assert [(day[-2:], what, words.partition(":")[0]) for day, what, words in events_of(JOURNAL)] == [
        ("01", "release", "the first release, aaaa, takes over"),
        ("08", "alert", "fires"),
        ("08", "alert", "fires"),
        ("08", "request", "retraining is asked for"),
        ("08", "training", "exit code 0"),
        ("15", "canary", "bbbb gets all of the traffic"),
        ("15", "gate", "the data gates refuse the period"),
        ("15", "alert", "is over"),
        ("15", "training", "exit code 3"),
    ]


def test_the_page_says_that_something_was_lost():
    use_case = load_use_case(REPOSITORY / "feature_repo")
    page = year_page(use_case, JOURNAL)
    assert "A year in production: refused" in page
    assert "A year in production: passed" in year_page(use_case, [one for one in JOURNAL if one.stage != "replay"])
