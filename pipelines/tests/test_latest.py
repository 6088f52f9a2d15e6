from datetime import UTC, datetime

import pytest
from windsock.contracts.errors import InputError

from pipelines.latest import latest_as_of

NOW = datetime(2013, 7, 3, 9, 41, 7, tzinfo=UTC)


def receipts(**newest):
    return [f"{table}/2013-0{day[0]}/2013-0{day[0]}-{day[1:]}.receipt.json" for table, day in newest.items()]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (receipts(flights="701", weather="701"), datetime(2013, 7, 2, tzinfo=UTC)),
        # The slowest table decides, across months too.
        (receipts(flights="702", weather="630"), datetime(2013, 7, 1, tzinfo=UTC)),
        # A file whose receipt is not there yet is still on its way.
        ([*receipts(flights="701", weather="701"), "flights/2013-07/2013-07-02.csv"], datetime(2013, 7, 2, tzinfo=UTC)),
        # What lives in the present is asked for up to this hour.
        (receipts(flights="703", weather="703"), datetime(2013, 7, 3, 9, tzinfo=UTC)),
        ([*receipts(flights="630", weather="630"), *receipts(other="101")], datetime(2013, 7, 1, tzinfo=UTC)),
    ],
)
def test_the_newest_time_that_every_table_can_answer_for(names, expected):
    assert latest_as_of(names, ["flights", "weather"], NOW) == expected


def test_a_table_that_never_delivered_is_named():
    with pytest.raises(InputError, match="landing weather: got 'no receipt'"):
        latest_as_of(receipts(flights="701"), ["flights", "weather"], NOW)


def test_a_receipt_of_no_day_is_named():
    with pytest.raises(InputError, match=r"landing flights: got 'flights/2013-06/2013-06-31.receipt.json'"):
        latest_as_of(["flights/2013-06/2013-06-31.receipt.json"], ["flights"], NOW)
