"""What is asked wrongly is said in a line, and nothing is begun."""

import pytest

from year.__main__ import main


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["--since", "2013-13-01"], "year: --since: got '2013-13-01', expected a date"),
        (["--until", "soon"], "year: --until: got 'soon', expected a date"),
        (["--until", "2013-05-01"], "year: --until: got '2013-05-01', expected a day after 2013-05-01"),
        (["--days", "0"], "year: --days: got 0, expected 1 or more"),
    ],
)
def test_wrong_options_are_named(tmp_path, capsys, asked, said):
    home = tmp_path / "year"
    assert main(["--home", str(home), *asked]) == 2
    assert capsys.readouterr().err.startswith(said)
    assert not home.exists()
