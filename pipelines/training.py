"""Training: from the landing zone to a registered release, with every gate in the way. One plain DAG."""

from kfp import dsl

from components.features.component import build_training_set
from components.gates.component import require_passed, validate_data
from components.ingest.component import snapshot_data
from components.model.component import evaluate_model, register_model, train_model


@dsl.pipeline(name="training", description="Snapshot, gates, features, train, evaluate against production, register.")
def training(
    as_of: str,
    use_case: str,
    landing: str,
    production: str,
    tracking_uri: str,
    commit: str = "",
    override: str = "",
) -> None:
    """Trains one candidate on what was known at `as_of` and registers it, unless a gate refuses.

    Args:
        as_of: the time that no step may see beyond, such as `2013-07-01`.
        use_case: URI of the packed use case.
        landing: URI of the landing zone.
        production: URI of the release in production; the rules' own release before the first model.
        tracking_uri: the MLflow server or database.
        commit: the Git commit that this run was started from.
        override: signed-off entries that lift named findings, as JSON; see components/gates/README.md.
    """
    the_use_case = dsl.importer(artifact_uri=use_case, artifact_class=dsl.Artifact, reimport=False)
    the_landing = dsl.importer(artifact_uri=landing, artifact_class=dsl.Artifact, reimport=True)
    the_production = dsl.importer(artifact_uri=production, artifact_class=dsl.Artifact, reimport=False)

    # What reads the outside world or answers for a gate runs every time; what only computes may be reused.
    snapshot = snapshot_data(use_case=the_use_case.output, landing=the_landing.output, as_of=as_of, recent=False)
    snapshot.set_caching_options(False)
    data_gate = validate_data(use_case=the_use_case.output, snapshot=snapshot.outputs["snapshot"], as_of=as_of)
    data_gate.set_caching_options(False)
    data_passed = require_passed(verdict=data_gate.outputs["verdict"], as_of=as_of, override=override)
    data_passed.set_caching_options(False)

    training_set = build_training_set(use_case=the_use_case.output, data=data_gate.outputs["judged"], as_of=as_of)
    training_set.after(data_passed)
    model = train_model(use_case=the_use_case.output, training_set=training_set.outputs["training_set"], as_of=as_of)
    evaluation = evaluate_model(
        use_case=the_use_case.output,
        training_set=training_set.outputs["training_set"],
        model=model.outputs["model"],
        production=the_production.output,
        as_of=as_of,
    )
    evaluation.set_caching_options(False)
    model_passed = require_passed(verdict=evaluation.outputs["verdict"], as_of=as_of, override=override)
    model_passed.set_caching_options(False)

    register_model(
        use_case=the_use_case.output,
        training_set=training_set.outputs["training_set"],
        model=model.outputs["model"],
        verdict=evaluation.outputs["verdict"],
        passed=model_passed.outputs["passed"],
        as_of=as_of,
        tracking_uri=tracking_uri,
        commit=commit,
    ).set_caching_options(False)
