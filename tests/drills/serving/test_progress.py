"""How far a replay has come: whoever goes on counts on."""

from serving.local.feed import Progress
from serving.local.replay import Sent


def test_a_replay_that_goes_on_counts_on(tmp_path):
    path = tmp_path / "replayed.json"
    first = Progress(path)
    assert first.come("2024-05-01T01:00:00Z", 3, Sent(answered=3)) == {"asked": 3, "answered": 3, "lost": 0}
    assert first.come("2024-05-01T02:00:00Z", 8, Sent(answered=7, lost=1)) == {"asked": 8, "answered": 7, "lost": 1}
    second = Progress(path)
    assert second.come("2024-05-01T03:00:00Z", 2, Sent(answered=2)) == {"asked": 10, "answered": 9, "lost": 1}


def test_a_clock_of_an_older_version_has_counted_nothing(tmp_path):
    path = tmp_path / "replayed.json"
    path.write_text('{"at": "2024-05-01T01:00:00Z"}')
    assert Progress(path).come("2024-05-01T02:00:00Z", 1, Sent(answered=1))["asked"] == 1
