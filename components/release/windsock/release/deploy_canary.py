"""The step `deploy_canary`: begins a rollout of a registered release, with copies alone or with the first share."""

from windsock.contracts.release import open_bundle
from windsock.contracts.step import Step
from windsock.release.history import fold
from windsock.release.opened import open_step, write_turn
from windsock.release.rollout import start


def run(step: Step) -> None:
    """Writes the first entry; the candidate's servers are those that the place has started for it."""
    release, bundle = open_step(step), open_bundle(step.artifact("release", "release").path)
    serving = str(step.parameter("serving")) or fold(release.store.read()).serving
    write_turn(step, start(release, serving, bundle.digest, step.as_of))
