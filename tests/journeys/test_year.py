"""The first days of a year in production on real flights, killed on the way: it goes on, and nothing is lost."""

import csv
import json
import os
import signal
import subprocess
import time

import pytest
from local import ROOT, TIMEOUT_S
from windsock.contracts.clock import parse_time

SINCE, UNTIL = "2013-05-01", "2013-05-05"
# The labels of these are due at the end, and their questions were asked since the beginning.
COUNTED = ("2013-05-01T02:00:00Z", "2013-05-03T00:00:00Z")


class Year:
    """`make year` in a home of its own."""

    def __init__(self, home):
        self.home = home
        python = ROOT / "serving" / "edge" / ".venv" / "bin" / "python"
        self.command = [python, "-m", "year", "--home", home, "--since", SINCE, "--until", UNTIL]

    def start(self):
        with self.home.with_suffix(".log").open("ab") as log:
            return subprocess.Popen(self.command, cwd=ROOT, env={**os.environ}, stdout=log, stderr=log)

    @property
    def said(self):
        return self.home.with_suffix(".log").read_text()

    @property
    def journal(self):
        path = self.home / "journal.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def ended(self, stage):
        return [one["figures"] for one in self.journal if one["stage"] == stage]

    def events(self, table):
        """When what was delivered happens, and its kind of trouble aside, each once."""
        files = (self.home / "landing" / table).rglob("*.csv")
        rows = (row for file in files for row in csv.DictReader(file.read_text().splitlines()))
        begin, end = (parse_time(day, "day") for day in COUNTED)
        return sum(begin <= parse_time(row["scheduled_departure_at"], "event") < end for row in rows)


@pytest.fixture(scope="module")
def year(tmp_path_factory):
    year = Year(tmp_path_factory.mktemp("year") / "home")
    process, until = year.start(), time.monotonic() + TIMEOUT_S
    while not year.ended("replay"):
        assert process.poll() is None, year.said
        assert time.monotonic() < until, year.said
        time.sleep(0.2)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = year.journal
    assert year.start().wait(TIMEOUT_S) == 0, year.said
    year.before = before
    return year


def test_what_had_ended_stays_ended(year):
    assert year.journal[: len(year.before)] == year.before
    names = [one["name"] for one in year.journal]
    assert len(set(names)) == len(names)


def test_every_question_was_answered_and_every_answer_is_found_with_its_label(year):
    assert len(year.ended("replay")) == len(year.ended("monitor")) == 4
    total = year.ended("replay")[-1]["in_all"]
    assert total["asked"] == total["answered"] > 3_500
    assert total["lost"] == 0
    (counted,) = year.ended("count")
    decided = sum(day["decisions"] for day in counted["days"].values())
    assert counted["asked"] == counted["labelled"] == decided
    # The gate sets aside a row in ten thousand.
    assert 0 <= year.events("flights") - counted["asked"] <= 3


def test_the_days_were_judged_watched_and_compared(year):
    assert all(judged["passed"] for judged in year.ended("judge"))
    assert all(watched["effects"] for watched in year.ended("monitor"))
    (counted,) = year.ended("count")
    for day in counted["days"].values():
        assert day["first"] == day["system"], "the first release decides as it did"
        assert min(day.values()) > 0
    page = (year.home / "year.html").read_text()
    assert "Every verdict against data" in page
    assert "fingerprint" in page


def test_it_is_over_when_it_is_over(year):
    before = year.journal
    assert year.start().wait(TIMEOUT_S) == 0
    assert year.journal == before
