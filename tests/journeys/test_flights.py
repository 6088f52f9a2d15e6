"""The main job on the real data: half a year of flights, every gate on, a release that earns its keep; then July."""

import pytest
from local import ROOT, Laptop


@pytest.fixture(scope="module")
def flights(tmp_path_factory):
    place = Laptop(tmp_path_factory.mktemp("flights"), ROOT / "feature_repo")
    place.deliver(until="2013-08-01")
    return place


def finding(verdict, check):
    (found,) = (finding for finding in verdict["findings"] if finding["check"] == check)
    return found


def test_the_main_job_ends_with_a_release_that_costs_less_than_the_rules(flights):
    ended = flights.train("2013-07-01")
    assert ended.code == 0, ended.said
    assert flights.production() in ended.said
    verdict = flights.verdict("evaluate-model")
    against_production = finding(verdict, "cost/production")
    assert against_production["interval"][1] < 0, "the whole interval of the cost difference lies below nothing"
    assert against_production["sample_size"] > 20_000
    assert flights.leftovers() == []


def test_rows_that_offend_alone_are_set_aside_and_none_is_lost(flights):
    judged = flights.manifest("validate-data", "judged")["details"]
    quarantined = flights.manifest("validate-data", "quarantine")["details"]
    for table, counts in flights.manifest("snapshot-data", "snapshot")["details"]["tables"].items():
        assert judged[f"rows_{table}"] + quarantined[f"rows_{table}"] == counts["kept"]
        assert quarantined[f"rows_{table}"] > 0


def test_the_next_month_is_judged_against_the_release_in_production(flights):
    before = flights.production()
    ended = flights.train("2013-08-01")
    assert ended.code in (0, 3), ended.said
    assert flights.manifest("evaluate-model", "verdict")["inputs"]["production"] == before
    assert (flights.production() != before) == (ended.code == 0)
