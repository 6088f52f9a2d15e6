"""The step `advance`: one turn of the rollout that the history tells of."""

from windsock.contracts.step import Step
from windsock.release.opened import open_step, write_turn
from windsock.release.rollout import advance


def run(step: Step) -> None:
    """Takes a turn. A schedule may call it as often as it likes, and two at once."""
    write_turn(step, advance(open_step(step), step.as_of))
