"""What a failed pod's log tells."""

import pytest

from pipelines.runners.pods import Said, parse_log
from pipelines.runners.venv import step_name

REFUSED = """{"event": "verdict"}
refused: rule/negative_air_time: 812 rows
I1123 22:20:16.609689      24 launcher_v2.go:151] publish success.
F1123 22:20:16.609764      24 main.go:49] failed to execute component: exit status 3
time=2026-11-23T22:20:17.048Z level=INFO msg="sub-process exited" argo=true error="exit status 1"
Error: exit status 1
"""


@pytest.mark.parametrize(
    ("log", "said"),
    [
        (REFUSED, Said(3, "refused: rule/negative_air_time: 812 rows")),
        (REFUSED.replace("status 3", "status 1"), Said(1, "refused: rule/negative_air_time: 812 rows")),
        ("", Said(None, "")),
        # The launcher itself failed, such as when the store was away: the step never spoke.
        ("F1123 22:20:16.609764      24 main.go:49] failed to execute component: no bucket\n", Said(None, "")),
        ("half a line without its end", Said(None, "half a line without its end")),
    ],
)
def test_a_steps_own_words_and_code_are_found_below_the_launchers(log, said):
    assert parse_log(log) == said


@pytest.mark.parametrize(
    ("task", "step"), [("require-passed-2", "require_passed"), ("train-model", "train_model"), ("advance", "advance")]
)
def test_a_task_names_its_step(task, step):
    assert step_name(task) == step
