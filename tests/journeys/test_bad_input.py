"""What a person can get wrong ends in one line that says what to do, the right exit code, and nothing half-written."""

import re
import shutil

import pytest
from local import ROOT, Laptop

AS_OF = "2024-02-01"


@pytest.fixture
def fresh(tmp_path_factory):
    place = Laptop(tmp_path_factory.mktemp("laptop"), ROOT / "tests" / "journeys" / "other_use_case")
    place.deliver(until=AS_OF)
    return place


def remove_a_day(place):
    (place.landing / "trips" / "2024-01" / "2024-01-17.csv").unlink()


def cut_a_delivery_in_half(place):
    file = place.landing / "shifts" / "2024-01" / "2024-01-20.csv"
    file.write_bytes(file.read_bytes()[:2000])


def remove_a_receipt(place):
    (place.landing / "shifts" / "2024-01" / "2024-01-20.receipt.json").unlink()


def corrupt_parquet(place):
    import hashlib
    import json

    file = place.landing / "readings" / "2024-01" / "2024-01-05.parquet"
    content = file.read_bytes()
    file.write_bytes(content[:-200] + b"\0" * 200)
    receipt = file.with_name("2024-01-05.receipt.json")
    rows = json.loads(receipt.read_text())["rows"]
    receipt.write_text(json.dumps({"rows": rows, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}))


def unknown_setting(place):
    settings = place.use_case / "use_case.toml"
    settings.write_text(settings.read_text().replace("[costs]", "[costs]\ndiscount = 3\n"))


def setting_of_the_wrong_type(place):
    settings = place.use_case / "use_case.toml"
    settings.write_text(re.sub(r"seed = \d+", 'seed = "seven"', settings.read_text()))


def settings_that_are_no_toml(place):
    (place.use_case / "use_case.toml").write_text("name = [")


def no_settings(place):
    (place.use_case / "use_case.toml").unlink()


def no_landing_zone(place):
    shutil.rmtree(place.landing)


def nothing(place):
    del place


CASES = [
    (remove_a_day, AS_OF, r"trips/2024-01/2024-01-17.csv.*no such file"),
    (cut_a_delivery_in_half, AS_OF, r"shifts/2024-01/2024-01-20.csv"),
    (remove_a_receipt, AS_OF, r"shifts/2024-01/2024-01-20.csv.*receipt"),
    (corrupt_parquet, AS_OF, r"readings/2024-01/2024-01-05.parquet"),
    (unknown_setting, AS_OF, r"use_case.costs.discount: got 3, expected no such setting"),
    (setting_of_the_wrong_type, AS_OF, r"use_case.training.seed: got 'seven', expected a whole number"),
    (settings_that_are_no_toml, AS_OF, r"use_case.toml', expected valid TOML"),
    (no_settings, AS_OF, r"expected a directory with use_case.toml"),
    (no_landing_zone, AS_OF, r"landing"),
    (nothing, "2023-06-01", r"as_of: got .*2023-06-01"),
    (nothing, "2024-03-01", r"as_of: got .*2024-03-01"),
    (nothing, "2099-01-01", r"as_of: got .*2099-01-01"),
    (nothing, "yesterday", r"--as-of: got 'yesterday', expected a date"),
    (nothing, "[[ScheduledTime]]", r"--as-of: got .*never expanded"),
]


@pytest.mark.parametrize("damage,as_of,line", CASES, ids=[f"{case[0].__name__} {case[1]}" for case in CASES])
def test_bad_input_is_one_clear_line(fresh, damage, as_of, line):
    damage(fresh)
    ended = fresh.train(as_of)
    assert ended.code == 2, ended.said
    assert re.search(line, ended.reason), ended.said
    assert "Traceback" not in ended.said
    assert fresh.production() == ""
    assert fresh.leftovers() == []
