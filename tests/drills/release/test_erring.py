"""One run of the drill; its command runs twenty and prints how long they took."""

import asyncio

from tests.drills.release.erring import drill


def test_a_dead_candidate_comes_off_and_no_request_is_lost(tmp_path):
    (outcome,) = asyncio.run(drill(1, tmp_path))
    assert outcome.requests > 0
    assert outcome.lost == 0
    assert "failed" in outcome.reason
