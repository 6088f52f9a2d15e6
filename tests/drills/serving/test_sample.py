"""The request that `make predict` sends is a real one of the use case, whatever the use case is."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from windsock.contracts.errors import InputError
from windsock.contracts.use_case import Request as UseCaseRequest
from windsock.contracts.use_case import Table

from serving.local.sample import sample_request

FIELDS = {"pump": "string", "litres": "number", "starts": "integer", "starts_at": "timestamp"}
PUMPS = SimpleNamespace(
    request=UseCaseRequest(key=("pump",), event_time="starts_at", lead_time_minutes=60, fields=FIELDS),
    tables={"repairs": Table(("pump",), "done_at", "known_at"), "plans": Table(("pump",), "starts_at", "known_at")},
)
REPAIRS = """pump,done_at,known_at
a,2020-01-01T00:00:00Z,2020-01-01T00:00:00Z
"""
PLANS = """pump,litres,starts,starts_at,known_at
a,1.5,3,2020-01-02T00:30:00Z,2020-01-01T00:00:00Z
b,,4,2020-01-02T01:00:00Z,2020-01-01T00:00:00Z
c,2,5,2020-01-02T01:30:00Z,2020-01-01T00:00:00Z
d,3,6,2020-01-02T05:00:00Z,2020-01-01T00:00:00Z
"""


@pytest.fixture
def landing(tmp_path):
    for table, text in {"repairs": REPAIRS, "plans": PLANS}.items():
        folder = tmp_path / table / "2020-01"
        folder.mkdir(parents=True)
        (folder / "2020-01-01.csv").write_text(text)
    return tmp_path


def test_the_first_whole_request_a_lead_time_later_is_taken(landing):
    taken = sample_request(PUMPS, landing, datetime(2020, 1, 2, tzinfo=UTC))
    assert taken == {"pump": "c", "litres": 2.0, "starts": 5, "starts_at": "2020-01-02T01:30:00Z"}


def test_without_a_time_the_newest_is_taken(landing):
    assert sample_request(PUMPS, landing, None)["pump"] == "d"


def test_nothing_that_was_unknown_at_the_time_is_taken(landing):
    with pytest.raises(InputError, match="landing zone"):
        sample_request(PUMPS, landing, datetime(2020, 1, 1, tzinfo=UTC))
