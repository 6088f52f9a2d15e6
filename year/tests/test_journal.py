"""The journal of a year: what a killed process leaves behind."""

import pytest
from windsock.contracts.errors import InputError

from year.journal import Ended, Journal

ONE = Ended("2013-03-01/replay", "replay", "2013-03-01", "2013-03-08", 0, 1.5, {"asked": 3})
TWO = Ended("2013-03-01/monitor", "monitor", "2013-03-01", "2013-03-08", 0, 2.5, {"alerts": []})


def test_what_was_added_is_read_again_in_order(tmp_path):
    journal = Journal(tmp_path / "year" / "journal.jsonl")
    assert journal.read() == []
    journal.add(ONE)
    journal.add(TWO)
    assert journal.read() == [ONE, TWO]


@pytest.mark.parametrize("kept", [1, 40, -2])
def test_half_a_line_is_no_stage_and_the_next_one_takes_its_place(tmp_path, kept):
    journal = Journal(tmp_path / "journal.jsonl")
    journal.add(ONE)
    whole = journal.path.read_text()
    journal.path.write_text(whole + whole[:kept])
    assert journal.read() == [ONE]
    journal.add(TWO)
    assert journal.read() == [ONE, TWO]


def test_a_broken_line_is_named(tmp_path):
    journal = Journal(tmp_path / "journal.jsonl")
    journal.path.write_text("nonsense\n")
    with pytest.raises(InputError, match="line 1"):
        journal.read()
