"""Parity names what differs, and the first step first."""

import pytest
from windsock.contracts.errors import InputError

from pipelines.parity import Difference, compare, local_digests

ORDER = ["snapshot-data", "train-model"]
SAME = {"snapshot-data/snapshot": "sha256:a", "train-model/model": "sha256:b"}


@pytest.mark.parametrize(
    ("there", "differences"),
    [
        (SAME, []),
        ({**SAME, "train-model/model": "sha256:c"}, [Difference("train-model/model", "sha256:b", "sha256:c")]),
        ({"train-model/model": "sha256:b"}, [Difference("snapshot-data/snapshot", "sha256:a", "")]),
        ({**SAME, "other/x": "sha256:d"}, [Difference("other/x", "", "sha256:d")]),
        (
            {"snapshot-data/snapshot": "sha256:z", "train-model/model": "sha256:y"},
            [
                Difference("snapshot-data/snapshot", "sha256:a", "sha256:z"),
                Difference("train-model/model", "sha256:b", "sha256:y"),
            ],
        ),
    ],
)
def test_every_difference_is_named_in_the_order_of_the_pipeline(there, differences):
    assert compare(SAME, there, ORDER) == differences


def test_a_run_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match=r"run: got .*training-1.* expected"):
        local_digests(tmp_path / "training-1")
