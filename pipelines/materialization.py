"""Materialization: brings the online feature store up to `as_of`, through the same data gates as training."""

from kfp import dsl

from components.features.component import materialize_features
from components.gates.component import require_passed, validate_data
from components.ingest.component import snapshot_data


@dsl.pipeline(name="materialization", description="Snapshot, data gates, then the newest feature values go online.")
def materialization(as_of: str, use_case: str, landing: str, online_store: str, override: str = "") -> None:
    """Writes the feature values known at `as_of` to the online store, unless a gate refuses the data.

    Args:
        as_of: the time that no step may see beyond.
        use_case: URI of the packed use case.
        landing: URI of the landing zone.
        online_store: `sqlite:///…` or `redis://…`.
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
    materialized = materialize_features(
        use_case=the_use_case.output, data=gate.outputs["judged"], as_of=as_of, online_store=online_store
    )
    materialized.after(passed).set_caching_options(False)
