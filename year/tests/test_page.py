"""The page of a year: sums, the account of what was lost, the time line, and what alarms were borne out by."""

import re
from datetime import date
from pathlib import Path

import pytest
from windsock.contracts.use_case import load_use_case

from pipelines.workspace import REPOSITORY
from year.account import (
    Event,
    Worth,
    account,
    alarms_of,
    episodes_of,
    events_of,
    fingerprint,
    months_of,
    per_thousand,
    wakes,
    whole,
)
from year.journal import Ended
from year.page import alarms_body, watched_days, year_page
from year.scenario import BadRelease, Incident, Scenario


def ended(stage, day=8, code=0, month=3, **figures):
    since, until = f"2013-{month:02}-{day - 1:02}", f"2013-{month:02}-{day:02}"
    return Ended(f"{since}/{stage}", stage, since, until, code, 2.0, figures)


COUNTED = {"decisions": 10, "system": 500.0, "ungated": 550.0, "first": 600.0, "rules": 700.0, "nothing": 900.0}
HARM, DRIFT = "ConceptDrift: concept/loss", "FeatureDrift: feature/a"
TRIED = {"candidate": "sha256:bbbb", "weight": 10}
JOURNAL = [
    ended("train", 2, production="sha256:aaaa"),
    ended("judge", 3, passed=True, reasons=[]),
    ended("judge", 4, code=3, passed=False, reasons=["volume/orders/low"]),
    ended("judge", 5, code=3, passed=False, reasons=["volume/orders/low"]),
    ended("judge", 6, code=3, passed=False, reasons=["nulls/orders/x/day"]),
    ended("replay", 8, features="brought", in_all={"asked": 30, "answered": 29, "lost": 1}),
    ended("monitor", 8, alerts=[HARM, DRIFT], why="harm was shown", request={"id": "r"}),
    ended("retrain", 8, candidate="sha256:bbbb"),
    ended("lead", 8, phase="rolling", promoted=False, refused=False, **TRIED),
    ended("replay", 9, features="brought", in_all={"asked": 40, "answered": 39, "lost": 1}),
    ended("monitor", 9, alerts=[DRIFT], why="nothing", request=None),
    ended("lead", 12, phase="idle", promoted=True, refused=False, **TRIED),
    ended("monitor", 12, alerts=[], why="nothing", request=None),
    ended("monitor", 20, alerts=[DRIFT], why="nothing", request=None),
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
    assert told("alert") == [("08", "09", HARM), ("08", "12", DRIFT), ("20", "21", DRIFT)]
    assert told("request") == [("08", "", "retraining is asked for: harm was shown")]
    assert told("training") == [("08", "", "bbbb waits"), ("20", "", "its gate lets none pass")]
    assert [one[:2] for one in told("canary")] == [("08", "12"), ("20", "20")]
    assert told("release") == [("01", "", "the first release, aaaa, takes over"), ("12", "", "bbbb takes over")]
    assert told("rollback") == [("20", "", "cccc loses its traffic")]


def test_a_release_that_is_still_tried_at_the_end_is_told():
    journal = [*JOURNAL[:9]]
    (canary,) = [one for one in events_of(journal) if one.kind == "canary"]
    assert (canary.since, canary.until, canary.words) == ("2013-03-08", "2013-03-08", "goes on being tried")


BORNE_OUT, MOVED, NOTHING = Worth


def event(kind, since, until="", words="") -> Event:
    return Event(f"2013-03-{since:02}", kind, words, f"2013-03-{until:02}" if until else "")


def alert(since, until, words=DRIFT) -> Event:
    return event("alert", since, until, words)


def asked(day, *checks, why="drift has lasted for 28 days") -> Event:
    return event("request", day, words=f"retraining is asked for: {why}: {', '.join(checks)}")


def worths(*events, incidents=()):
    return [(one.worth, one.why) for one in alarms_of(events, incidents)]


def test_what_nothing_bears_out_is_worth_nothing():
    events = events_of(JOURNAL)
    assert [one.worth for one in alarms_of(events)] == [BORNE_OUT, BORNE_OUT, NOTHING]
    incident = ("a broken sensor", date(2013, 3, 15), date(2013, 3, 16))
    assert alarms_of(events, [incident])[2].why == "incident: a broken sensor"


@pytest.mark.parametrize(("promoted", "why"), [(True, "a better release on 2013-03-12"), (False, "")])
def test_an_alarm_is_borne_out_by_a_better_release_that_it_led_to(promoted, why):
    journal = [
        ended("monitor", 8, alerts=[DRIFT], why="drift lasted", request={"id": "r"}),
        ended("lead", 12, phase="idle", promoted=promoted, refused=not promoted, **TRIED),
        ended("monitor", 12, alerts=[], why="nothing", request=None),
    ]
    assert [one.why for one in alarms_of(events_of(journal))] == [why]


@pytest.mark.parametrize(
    ("words", "borne_out"),
    [
        (HARM, True),
        ("ConceptDrift: concept/calibration", True),
        ("CostAbovePlan: kpi/rules", True),
        ("CostAbovePlan: kpi/plan", False),
        ("PredictionDrift: prediction/scores", False),
    ],
)
def test_an_alarm_is_borne_out_by_harm_that_another_alert_shows_at_the_same_time(words, borne_out):
    other = alert(9, 10, words)
    worth, why = worths(alert(3, 9), other)[0]
    assert (worth, why) == ((BORNE_OUT, f"harm was shown: {words}") if borne_out else (NOTHING, ""))
    assert worths(alert(3, 8), other)[0] == (NOTHING, "")
    assert wakes(other) is borne_out


def test_harm_that_is_shown_more_than_four_weeks_later_was_not_what_an_alarm_told_of():
    lasts = Event("2013-05-01", "alert", DRIFT, "2013-07-01")
    for day, worth in (("2013-05-29", BORNE_OUT), ("2013-05-30", NOTHING)):
        assert worths(lasts, Event(day, "alert", HARM, "2013-07-01"))[0][0] == worth


def test_an_alert_does_not_bear_out_itself():
    assert worths(alert(9, 10, HARM)) == [(NOTHING, "")]
    two = worths(alert(9, 10, HARM), alert(9, 10, "CostAbovePlan: kpi/rules"))
    assert two == [(BORNE_OUT, "harm was shown: CostAbovePlan: kpi/rules"), (BORNE_OUT, f"harm was shown: {HARM}")]


LASTED = (MOVED, "it had lasted when a retraining was asked for on 2013-03-08")


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ([asked(8, "feature/a")], LASTED),
        ([asked(8, "concept/x", "feature/a")], LASTED),
        # Another column, and one whose name merely begins alike.
        ([asked(8, "feature/b", "feature/ab", "feature/a_b")], (NOTHING, "")),
        ([asked(8, "feature/a", why="harm was shown on outcomes")], (NOTHING, "")),
        # It did not fire then.
        ([asked(2, "feature/a")], (NOTHING, "")),
        ([asked(11, "feature/a")], (NOTHING, "")),
        # The release that was in production before took over long ago.
        ([event("release", 1), asked(8, "feature/a")], LASTED),
        ([asked(8, "feature/a"), event("release", 12)], (BORNE_OUT, "a better release on 2013-03-12")),
        # Asked for on the day on which this one was over: by another.
        ([asked(10, "feature/b"), event("release", 12)], (NOTHING, "")),
        ([asked(8, "feature/a"), event("gate", 9, 11)], (BORNE_OUT, "the data gates refused")),
        ([asked(8, "feature/a"), alert(9, 11, HARM)], (BORNE_OUT, f"harm was shown: {HARM}")),
    ],
)
def test_what_lasted_without_harm_moved_for_good(others, expected):
    assert worths(alert(3, 10), *others)[0] == expected


def episodes(*events):
    return [(one.name, one.since[8:], one.until[8:], one.worth) for one in episodes_of(alarms_of(events))]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ((), []),
        ([alert(3, 5), alert(4, 9, "FeatureDrift: feature/b")], [("03", "09")]),
        ([alert(3, 9), alert(4, 5, "FeatureDrift: feature/b"), alert(9, 12)], [("03", "12")]),
        # A day on which none of that name fires: told anew.
        ([alert(3, 5), alert(6, 9)], [("03", "05"), ("06", "09")]),
        ([alert(4, 9, "PredictionDrift: prediction/scores"), alert(3, 5)], [("03", "05"), ("04", "09")]),
    ],
)
def test_alerts_of_one_name_that_touch_are_one_episode(events, expected):
    assert [one[1:3] for one in episodes(*events)] == expected


def test_an_episode_is_worth_what_the_best_of_its_alerts_is():
    nothing, moved = alert(3, 5, "FeatureDrift: feature/b"), alert(4, 9)
    assert episodes(nothing, moved) == [("FeatureDrift", "03", "09", NOTHING)]
    assert episodes(nothing, moved, asked(8, "feature/a")) == [("FeatureDrift", "03", "09", MOVED)]
    events = (nothing, moved, asked(8, "feature/a"), alert(9, 10, HARM))
    assert episodes(*events)[0] == ("FeatureDrift", "03", "09", BORNE_OUT)


def test_the_page_counts_alerts_episodes_and_pages_and_their_rate():
    events = [alert(3, 5, "FeatureDrift: feature/b"), alert(4, 8), asked(8, "feature/a"), alert(20, 21, HARM)]
    shown = alarms_body(events, None, days=60)
    rows = [re.findall(r"<td[^>]*>([^<]*)</td>", row) for row in shown.split("<tr>") if "<td" in row]
    # How many, a month; borne out, moved for good, nothing; nothing, a month.
    assert rows[:4] == [
        ["alerts", "3", "1.50", "0", "1", "2", "1"],
        ["episodes", "2", "1", "0", "1", "1", "0.500"],
        ["pages", "1", "0.500", "0", "0", "1", "0.500"],
        ["episodes of pages", "1", "0.500", "0", "0", "1", "0.500"],
    ]
    assert rows[5][2:4] == [DRIFT, "moved for good"]


def test_days_are_those_that_monitoring_has_looked_at():
    assert watched_days(JOURNAL) == 14
    assert watched_days(JOURNAL[:1]) == 0


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
    for words in ("never retrained", "without gates", "Nothing lost", "moved for good", "a broken sensor", "a slip"):
        assert words in shown
    assert "03-03 gate: volume/orders/low" in shown
    assert "03-20 rollback: cccc loses its traffic" in shown
    assert shown.count("<svg") == 3


def test_a_page_of_a_year_that_has_just_begun():
    assert "No label is due yet" in year_page(load_use_case(REPOSITORY / "feature_repo"), JOURNAL[:1])
