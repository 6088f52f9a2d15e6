"""The page of a year: sums, the account of what was lost, the time line, and what alarms were borne out by."""

from datetime import date
from pathlib import Path

import pytest
from windsock.contracts.use_case import load_use_case

from pipelines.workspace import REPOSITORY
from year.account import account, alarms_of, events_of, fingerprint, months_of, per_thousand, whole
from year.journal import Ended
from year.page import year_page
from year.scenario import BadRelease, Incident, Scenario


def ended(stage, day=8, code=0, month=3, **figures):
    since, until = f"2013-{month:02}-{day - 1:02}", f"2013-{month:02}-{day:02}"
    return Ended(f"{since}/{stage}", stage, since, until, code, 2.0, figures)


COUNTED = {"decisions": 10, "system": 500.0, "ungated": 550.0, "first": 600.0, "rules": 700.0, "nothing": 900.0}
HARM, SKEW = "Harm: concept/loss", "Skew: x"
TRIED = {"candidate": "sha256:bbbb", "weight": 10}
JOURNAL = [
    ended("train", 2, production="sha256:aaaa"),
    ended("judge", 3, passed=True, reasons=[]),
    ended("judge", 4, code=3, passed=False, reasons=["volume/orders/low"]),
    ended("judge", 5, code=3, passed=False, reasons=["volume/orders/low"]),
    ended("judge", 6, code=3, passed=False, reasons=["nulls/orders/x/day"]),
    ended("replay", 8, features="brought", in_all={"asked": 30, "answered": 29, "lost": 1}),
    ended("monitor", 8, alerts=[HARM, SKEW], why="harm was shown", request={"id": "r"}),
    ended("retrain", 8, candidate="sha256:bbbb"),
    ended("lead", 8, phase="rolling", promoted=False, refused=False, **TRIED),
    ended("replay", 9, features="brought", in_all={"asked": 40, "answered": 39, "lost": 1}),
    ended("monitor", 9, alerts=[SKEW], why="nothing", request=None),
    ended("lead", 12, phase="idle", promoted=True, refused=False, **TRIED),
    ended("monitor", 12, alerts=[], why="nothing", request=None),
    ended("monitor", 20, alerts=[SKEW], why="nothing", request=None),
    ended("retrain", 20, code=3),
    ended("lead", 20, phase="idle", code=3, promoted=False, refused=True, candidate="sha256:cccc", weight=0),
    ended("monitor", 21, alerts=[], why="nothing", request=None),
    ended("count", 21, asked=29, labelled=20, answered_by={"model": 25, "rules": 4}, days={"2013-03-02": COUNTED}),
    ended("count", 22, days={"2013-03-03": COUNTED, "2013-04-01": COUNTED}),
]


def test_months_are_sums_of_days():
    months = months_of(JOURNAL)
    assert months["2013-03"]["decisions"] == 20
    assert months["2013-04"]["system"] == 500
    assert whole(months)["decisions"] == 30


@pytest.mark.parametrize(
    ("figures", "expected"),
    [(COUNTED, 50_000), ({}, None), ({"decisions": 0, "system": 1}, None), ({"decisions": 5}, None)],
)
def test_a_cost_per_thousand_is_known_only_where_it_was_counted(figures, expected):
    assert per_thousand(figures, "system") == expected


def test_nothing_that_was_lost_is_hidden():
    # A replay tells the totals so far: of a killed one too, whose stage has not ended.
    found = account(JOURNAL)
    assert (found["asked"], found["answered"], found["lost"]) == (40, 39, 1)
    assert (found["recorded"], found["labelled"], found["model"], found["rules"]) == (29, 20, 25, 4)


def told(kind):
    return [(one.since[8:], one.until[8:], one.words) for one in events_of(JOURNAL) if one.kind == kind]


def test_the_time_line_tells_what_happened_from_when_to_when():
    assert told("gate") == [("03", "05", "volume/orders/low"), ("05", "06", "nulls/orders/x/day")]
    assert told("alert") == [("08", "09", HARM), ("08", "12", SKEW), ("20", "21", SKEW)]
    assert told("request") == [("08", "", "retraining is asked for: harm was shown")]
    assert told("training") == [("08", "", "bbbb waits"), ("20", "", "its gate lets none pass")]
    assert [one[:2] for one in told("canary")] == [("08", "12"), ("20", "20")]
    assert told("release") == [("01", "", "the first release, aaaa, takes over"), ("12", "", "bbbb takes over")]
    assert told("rollback") == [("20", "", "cccc loses its traffic")]


def test_a_release_that_is_still_tried_at_the_end_is_told():
    journal = [*JOURNAL[:9]]
    (canary,) = [one for one in events_of(journal) if one.kind == "canary"]
    assert (canary.since, canary.until, canary.words) == ("2013-03-08", "2013-03-08", "goes on being tried")


def test_an_alarm_that_nothing_bears_out_is_false():
    events = events_of(JOURNAL)
    assert [bool(one.borne_out) for one in alarms_of(events)] == [True, True, False]
    incident = ("a broken sensor", date(2013, 3, 15), date(2013, 3, 16))
    assert alarms_of(events, [incident])[2].borne_out == "incident: a broken sensor"


@pytest.mark.parametrize(("promoted", "borne_out"), [(True, "a better release on 2013-03-12"), (False, "")])
def test_an_alarm_is_borne_out_by_a_better_release_that_it_led_to(promoted, borne_out):
    journal = [
        ended("monitor", 8, alerts=[SKEW], why="drift lasted", request={"id": "r"}),
        ended("lead", 12, phase="idle", promoted=promoted, refused=not promoted, **TRIED),
        ended("monitor", 12, alerts=[], why="nothing", request=None),
    ]
    assert [one.borne_out for one in alarms_of(events_of(journal))] == [borne_out]


def test_two_runs_with_the_same_decisions_have_one_fingerprint():
    slower = [Ended(**{**vars(one), "took_s": one.took_s + 1}) for one in reversed(JOURNAL)]
    assert fingerprint(slower) == fingerprint(JOURNAL)
    other = [*JOURNAL[:-1], ended("count", 22, days={"2013-03-03": {**COUNTED, "system": 501.0}})]
    assert fingerprint(other) != fingerprint(JOURNAL)


def scenario():
    incident = Incident("a broken sensor", date(2013, 3, 3), date(2013, 3, 4), "the data gates")
    bad = BadRelease("a slip", date(2013, 3, 19), "derive.py", "a", "b", "its canary")
    return Scenario(Path("scenario.toml"), (incident,), (bad,))


def test_the_page_tells_it_all_to_a_person():
    use_case = load_use_case(REPOSITORY / "feature_repo")
    shown = year_page(use_case, JOURNAL, scenario())
    for words in ("never retrained", "without gates", "Nothing lost", "borne out", "a broken sensor", "a slip"):
        assert words in shown
    assert "03-03 gate: volume/orders/low" in shown
    assert "03-20 rollback: cccc loses its traffic" in shown
    assert shown.count("<svg") == 3


def test_a_page_of_a_year_that_has_just_begun():
    assert "No label is due yet" in year_page(load_use_case(REPOSITORY / "feature_repo"), JOURNAL[:1])
