"""Opens a step's parameters as what they name."""

from windsock.contracts.files import write_json
from windsock.contracts.step import Step
from windsock.contracts.use_case import load_use_case
from windsock.release.place import open_release
from windsock.release.rollout import Release, Turn

KIND = "turn"


def open_step(step: Step) -> Release:
    """The release that a step's inputs name: history, traffic, records (addresses, separated by spaces) and labels."""
    use_case = load_use_case(step.artifact("use_case", "use_case").path)
    return open_release(
        use_case,
        str(step.parameter("history")),
        str(step.parameter("traffic")),
        tuple(str(step.parameter("records")).split()),
        str(step.parameter("labels")),
    )


def write_turn(step: Step, turn: Turn) -> None:
    """The artifact `turn`: the state after a step, and what it said."""
    content = {
        "phase": turn.state.phase.value,
        "weights": turn.state.weights,
        "entry": turn.state.number,
        "message": turn.message,
        "decision": turn.decision.kind.value if turn.decision is not None and turn.decision.kind is not None else "",
    }
    with step.output("turn", KIND, {"message": turn.message, "phase": turn.state.phase.value}) as directory:
        write_json(directory / "turn.json", content)
