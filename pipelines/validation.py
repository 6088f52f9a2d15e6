"""Validation: what the data gates say of the landing zone as of a time; nothing is trained, nothing goes online."""

from kfp import dsl

from components.gates.component import require_passed, validate_data
from components.ingest.component import snapshot_data


@dsl.pipeline(name="validation", description="Snapshot and data gates alone.")
def validation(as_of: str, use_case: str, landing: str, override: str = "") -> None:
    """Judges the data known at `as_of`, by the same gates as every other pipeline.

    Args:
        as_of: the time that no step may see beyond.
        use_case: URI of the packed use case.
        landing: URI of the landing zone.
        override: signed-off entries that lift named findings, as JSON.
    """
    the_use_case = dsl.importer(artifact_uri=use_case, artifact_class=dsl.Artifact, reimport=False)
    the_landing = dsl.importer(artifact_uri=landing, artifact_class=dsl.Artifact, reimport=True)
    snapshot = snapshot_data(use_case=the_use_case.output, landing=the_landing.output, as_of=as_of, recent=True)
    snapshot.set_caching_options(False)
    gate = validate_data(use_case=the_use_case.output, snapshot=snapshot.outputs["snapshot"], as_of=as_of)
    gate.set_caching_options(False)
    passed = require_passed(verdict=gate.outputs["verdict"], as_of=as_of, override=override)
    passed.set_caching_options(False)
