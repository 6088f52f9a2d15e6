"""The step `roll_back`: gives all the traffic back, in one step."""

from windsock.contracts.errors import InputError
from windsock.contracts.step import Step
from windsock.release.history import Phase, fold
from windsock.release.opened import open_step, write_turn
from windsock.release.rollout import roll_back


def run(step: Step) -> None:
    """To the release that the parameter `to` names; empty: the one that served before."""
    release = open_step(step)
    state = fold(release.store.read())
    to = str(step.parameter("to")) or (state.previous if state.phase is Phase.IDLE else state.serving)
    if not to:
        raise InputError("parameter to", to, "a release: the history knows none before this one")
    write_turn(step, roll_back(release, to, step.as_of, str(step.parameter("reason"))))
