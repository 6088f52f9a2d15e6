"""The files of the artifacts that this component writes, and the proof that artifacts belong together."""

from collections.abc import Mapping

from windsock.contracts.artifact import Artifact
from windsock.contracts.errors import InputError

# A model: what serves, what it was exported from, and what is known of both.
ONNX_FILE = "model.onnx"
TRAINED_FILE = "model.skops"
FACTS_FILE = "model.json"
# A verdict of evaluation, beside the verdict itself: the held-out figures, and the first model where there is one.
MEASURED_FILE = "measured.json"
FIRST = "first"
DERIVE = "derive.py"


def made_from(made: Artifact, inputs: Mapping[str, Artifact]) -> None:
    """What was made from something else proves nothing about this: the verdict of another model, say.

    Raises:
        InputError: names the artifact, what it was made from, and what it should have been made from.
    """
    for name, artifact in inputs.items():
        found = made.origin.inputs.get(name)
        if found != artifact.digest:
            raise InputError(f"{name} of the {made.kind}", found, f"{artifact.digest}, the {name} of this run")
