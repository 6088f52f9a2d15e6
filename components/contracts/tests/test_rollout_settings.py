"""Settings of a rollout: the defaults hold together, and what does not is refused by name."""

import pytest
from windsock.contracts.errors import InputError
from windsock.contracts.rollout_settings import Rollout
from windsock.contracts.settings import parse


def test_the_defaults_hold_together():
    assert parse(Rollout, {}, "rollout") == Rollout()


def test_all_is_read():
    given = {"steps": [5, 100], "copies": "never", "slow": [{"quantile": 0.9, "floor": 0.1, "budget": 0.1}]}
    rollout = parse(Rollout, given, "rollout")
    assert rollout.steps == (5, 100)
    assert rollout.slow[0].slack == 0.25


@pytest.mark.parametrize(
    "given,named",
    [
        ({"steps": [10, 50]}, "rollout.steps"),
        ({"steps": [50, 10, 100]}, "rollout.steps"),
        ({"steps": [0, 100]}, "rollout.steps"),
        ({"steps": []}, "rollout.steps"),
        ({"steps": [10, 110]}, "rollout.steps"),
        ({"copies": "sometimes"}, "rollout.copies"),
        ({"step_requests": 0}, "rollout.step_requests"),
        ({"step_s": 90_000}, "rollout.step_s"),
        ({"false_abort_rate": 0}, "rollout.false_abort_rate"),
        ({"false_abort_rate": float("nan")}, "rollout.false_abort_rate"),
        ({"missed_rate": 0.5}, "rollout.missed_rate"),
        ({"failed": {"floor": 0, "budget": 0.1}}, "rollout.failed.floor"),
        ({"failed": {"floor": 0.01, "budget": 0.9}}, "rollout budgets"),
        ({"failed": {"floor": 0.01}}, "rollout.failed.budget"),
        ({"slow": [{"quantile": 1.0, "floor": 0.1, "budget": 0.1}]}, "rollout.slow[0].quantile"),
        ({"speed": 1}, "rollout.speed"),
    ],
)
def test_what_does_not_hold_together_is_refused_by_name(given, named):
    with pytest.raises(InputError) as refusal:
        parse(Rollout, given, "rollout")
    assert refusal.value.field == named
