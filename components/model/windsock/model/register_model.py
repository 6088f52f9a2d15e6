"""Step `register_model`: makes the release of a model that passed, and enters it in MLflow once it is whole."""

from windsock.contracts.artifact import Artifact
from windsock.contracts.clock import format_time
from windsock.contracts.errors import InputError
from windsock.contracts.files import read_json
from windsock.contracts.log import log
from windsock.contracts.release import KIND, Release, open_bundle, write_bundle
from windsock.contracts.step import Step
from windsock.contracts.use_case import load_use_case
from windsock.contracts.verdict import Verdict
from windsock.model.contender import FIRST, hand_on_first
from windsock.model.evaluate_model import MEASURED_FILE
from windsock.model.tracking import Entry, enter
from windsock.model.train_model import FACTS_FILE, ONNX_FILE, same_use_case


def run(step: Step) -> None:
    """Reads a model and the proof that it passed, writes the release bundle, and then its entry in MLflow."""
    use_case_artifact = step.artifact("use_case", "use_case")
    training_set = step.artifact("training_set", "training_set")
    model = step.artifact("model", "model")
    verdict = step.artifact("verdict", "verdict")
    passed = step.artifact("passed", "passed")
    same_use_case(model, use_case_artifact)
    made_from(model, {"training_set": training_set})
    made_from(verdict, {"use_case": use_case_artifact, "training_set": training_set, "model": model})
    made_from(passed, {"verdict": verdict})
    use_case = load_use_case(use_case_artifact.path)
    facts = read_json(model.path / FACTS_FILE, FACTS_FILE)
    promise = read_json(verdict.path / MEASURED_FILE, MEASURED_FILE)
    release = Release(
        name=f"{use_case.name}-{step.as_of:%Y%m%d}-{model.digest.removeprefix('sha256:')[:8]}",
        answers_with="model",
        threshold=use_case.costs.threshold,
        columns=tuple(facts["columns"]),
        as_of=format_time(step.as_of),
        promise=promise,
    )
    with step.output("release", KIND, {"name": release.name}) as directory:
        write_bundle(directory, release, use_case_artifact.path, model.path / ONNX_FILE)
        hand_on_first(verdict.path / FIRST, directory)
    # From here on the bundle is whole. MLflow is an index of it: if the entry fails, running again makes it.
    bundle = open_bundle(step.sealed("release").path)
    digests = {"use_case": use_case_artifact, "training_set": training_set, "model": model, "verdict": verdict}
    entry = Entry(
        name=use_case.name,
        release=bundle.digest,
        location=str(bundle.artifact.path),
        parameters={**facts["parameters"], "seed": facts["seed"], **facts["windows"]},
        metrics=promise,
        tags={
            **{f"windsock.{name}": artifact.digest for name, artifact in digests.items()},
            "windsock.outcome": Verdict.read(verdict.path).outcome.value,
            "windsock.as_of": release.as_of,
            "windsock.release_name": release.name,
            "windsock.commit": str(step.parameter("commit")),
        },
    )
    version = enter(str(step.parameter("tracking_uri")), entry)
    log("registered", release=bundle.digest, model_version=version)


def made_from(made: Artifact, inputs: dict[str, Artifact]) -> None:
    """What was made from something else proves nothing about this: a verdict of another model, say.

    Raises:
        InputError: names the artifact, what it was made from, and what it should have been.
    """
    for name, artifact in inputs.items():
        found = made.origin.inputs.get(name)
        if found != artifact.digest:
            raise InputError(f"{name} of the {made.kind}", found, f"{artifact.digest}, the {name} of this run")
