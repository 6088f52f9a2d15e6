"""Step `register_model`: makes the release of a model that passed, and enters it in MLflow once it is whole."""

from collections.abc import Mapping
from typing import Any

from windsock.contracts.artifact import Artifact
from windsock.contracts.clock import format_time
from windsock.contracts.files import read_json
from windsock.contracts.log import log
from windsock.contracts.release import KIND, Bundle, Release, open_bundle, write_bundle
from windsock.contracts.step import Step
from windsock.contracts.use_case import load_use_case
from windsock.contracts.verdict import Verdict
from windsock.model import first
from windsock.model.layout import FACTS_FILE, MEASURED_FILE, ONNX_FILE, made_from
from windsock.model.tracking import Entry, enter


def run(step: Step) -> None:
    """Reads a model and the proof that it passed, writes the release bundle, and then its entry in MLflow."""
    use_case_artifact = step.artifact("use_case", "use_case")
    training_set = step.artifact("training_set", "training_set")
    model = step.artifact("model", "model")
    verdict = step.artifact("verdict", "verdict")
    passed = step.artifact("passed", "passed")
    made_from(model, {"use_case": use_case_artifact, "training_set": training_set})
    made_from(verdict, {"use_case": use_case_artifact, "training_set": training_set, "model": model})
    made_from(passed, {"verdict": verdict})
    use_case = load_use_case(use_case_artifact.path)
    facts = read_json(model.path / FACTS_FILE, FACTS_FILE)
    release = Release(
        name=f"{use_case.name}-{step.as_of:%Y%m%d}-{model.digest.removeprefix('sha256:')[:8]}",
        answers_with="model",
        threshold=use_case.costs.threshold,
        columns=tuple(facts["columns"]),
        as_of=format_time(step.as_of),
        promise=read_json(verdict.path / MEASURED_FILE, MEASURED_FILE),
    )
    with step.output("release", KIND, {"name": release.name}) as directory:
        write_bundle(directory, release, use_case_artifact.path, model.path / ONNX_FILE)
        first.hand_on(verdict.path, directory)
    # From here on the bundle is whole. MLflow is an index of it: if the entry fails, running again makes it.
    bundle = open_bundle(step.sealed("release").path)
    made = {"use_case": use_case_artifact, "training_set": training_set, "model": model, "verdict": verdict}
    entry = _entry((bundle, step.address("release")), use_case.name, facts, made, str(step.parameter("commit")))
    version = enter(str(step.parameter("tracking_uri")), entry)
    log("registered", release=bundle.digest, name=release.name, model_version=version)


def _entry(
    release: tuple[Bundle, str], name: str, facts: Mapping[str, Any], made: Mapping[str, Artifact], commit: str
) -> Entry:
    """All that MLflow is told: parameters, held-out figures, and the digests and the commit that lead back."""
    bundle, address = release
    return Entry(
        name=name,
        release=bundle.digest,
        location=address,
        parameters={**facts["parameters"], "seed": facts["seed"], **facts["windows"]},
        metrics=bundle.release.promise,
        tags={
            **{f"windsock.{kind}": artifact.digest for kind, artifact in made.items()},
            "windsock.outcome": Verdict.read(made["verdict"].path).outcome.value,
            "windsock.as_of": bundle.release.as_of,
            "windsock.release_name": bundle.release.name,
            "windsock.commit": commit,
        },
    )
