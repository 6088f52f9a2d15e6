"""A scenario: what it must say, which days it asks to be judged, and the bad release that it makes."""

from datetime import date

import pytest
from windsock.contracts.errors import InputError
from windsock.contracts.release import Registry, rules_release
from windsock.contracts.use_case_code import pack_use_case

from pipelines.workspace import REPOSITORY
from year.account import costs_during, events_of, per_thousand
from year.page import during, incidents_body
from year.plan import Period
from year.scenario import BadRelease, Scenario
from year.tests.test_page import COUNTED, ended

FILE = REPOSITORY / "feature_repo" / "incidents.toml"
BAD = BadRelease("bad", date(2013, 9, 5), "fallback.py", "def probability(", "def probability(", "its canary")


def test_the_days_of_an_incident_are_judged_one_by_one():
    scenario = Scenario.read(FILE)
    assert [one.since.month for one in scenario.data] == [5, 7, 8]
    assert [str(day) for day in scenario.days[:4]] == ["2013-05-16", "2013-05-17", "2013-05-18", "2013-05-19"]
    assert [one.at for one in scenario.tried_in(Period(date(2013, 9, 5), date(2013, 9, 12)))] == [date(2013, 9, 5)]
    assert scenario.tried_in(Period(date(2013, 9, 6), date(2013, 9, 12))) == ()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[[data]]\nname = 'x'\n", "scenario: x: since: got None, expected a day"),
        ("[[data]]\nname = 'x'\nsince = 2013-05-02\nuntil = 2013-05-02\nexpected = ''\n", "a day after 2013-05-02"),
        ("[[release]]\nname = 'x'\nat = 2013-05-02\nfile = 3\n", "scenario: x: file: got 3, expected text"),
        ("data = 3\n", r"scenario: data: got 3, expected tables \[\[data\]\]"),
        ("data = [", "a TOML file"),
    ],
)
def test_what_is_wrong_in_the_file_is_named(tmp_path, text, named):
    (tmp_path / "s.toml").write_text(text)
    with pytest.raises(InputError, match=named):
        Scenario.read(tmp_path / "s.toml")


def test_a_bad_release_waits_once_and_not_again_when_it_was_refused(tmp_path):
    registry = Registry(tmp_path / "releases")
    with pytest.raises(InputError, match="production"):
        BAD.propose(registry, tmp_path / "scratch")
    rules = rules_release(pack_use_case(REPOSITORY / "feature_repo", tmp_path / "packed"), 0.3, tmp_path)
    registry.promote(registry.add(rules).digest, {})
    with pytest.raises(InputError, match=r"0 times in fallback\.py"):
        BadRelease("bad", BAD.at, "fallback.py", "no such line", "", "").propose(registry, tmp_path / "scratch")
    made = _changed(registry, tmp_path)
    assert registry.candidate().digest == made.digest != rules.digest
    registry.refuse(made.digest, {"reason": "a drill"})
    assert _changed(registry, tmp_path).digest == made.digest
    assert registry.candidate() is None


def _changed(registry, tmp_path):
    first = (REPOSITORY / "feature_repo" / "fallback.py").read_text().splitlines()[0]
    return BadRelease("bad", BAD.at, "fallback.py", first, f"{first}  # changed", "").propose(registry, tmp_path / "s")


def test_the_page_tells_what_was_said_and_what_it_cost_meanwhile():
    journal = [
        ended("train", 15, month=5, production="sha256:aaaa"),
        ended("judge", 17, month=5, code=3, passed=False, reasons=["rule/weather_humidity_disagrees"]),
        ended("count", 19, month=5, days={"2013-05-16": COUNTED, "2013-05-20": COUNTED}),
        ended("judge", 22, month=5, code=3, passed=False, reasons=["volume/weather/low"]),
    ]
    since, until = date(2013, 5, 16), date(2013, 5, 18)
    assert [(one.since, one.kind) for one in during(events_of(journal), since, until)] == [("2013-05-16", "gate")]
    assert per_thousand(costs_during(journal, since, until), "rules") == 70_000
    assert costs_during(journal, date(2013, 7, 1), date(2013, 7, 2)) == {}
    body = incidents_body(Scenario.read(FILE), journal, "USD")
    assert "Celsius" in body
    assert "05-16 gate: rule/weather_humidity_disagrees" in body
    assert "70,000 rules" in body
    assert "five days late" not in body, "the year did not come so far"
