"""Monitoring: from the answers that were given to alerts, and to a retraining where one is due. One plain DAG."""

from kfp import dsl

from components.drift.component import detect_drift, profile_reference, raise_alerts, request_retraining
from components.features.component import rebuild_rows
from components.gates.component import validate_data
from components.ingest.component import join_labels, snapshot_data


@dsl.pipeline(
    name="monitoring", description="Snapshot, labels that are due, skew, drift, alerts, a request to retrain."
)
def monitoring(
    as_of: str, use_case: str, landing: str, records: str, production: str, training_set: str, known: str
) -> None:
    """Holds the answers up to `as_of` against the release in production, and says who should know.

    Nothing leaves it: whoever started it delivers its alerts and takes its request.

    Args:
        as_of: the time that no step may see beyond.
        use_case: URI of the packed use case.
        landing: URI of the landing zone.
        records: URI of the records of all answers.
        production: URI of the release in production.
        training_set: URI of the training set of that release.
        known: URI of the open alerts and the requests of before.
    """
    the_use_case = dsl.importer(artifact_uri=use_case, artifact_class=dsl.Artifact, reimport=False)
    the_landing = dsl.importer(artifact_uri=landing, artifact_class=dsl.Artifact, reimport=True)
    the_records = dsl.importer(artifact_uri=records, artifact_class=dsl.Artifact, reimport=True)
    the_release = dsl.importer(artifact_uri=production, artifact_class=dsl.Artifact, reimport=False)
    the_training_set = dsl.importer(artifact_uri=training_set, artifact_class=dsl.Artifact, reimport=False)
    the_known = dsl.importer(artifact_uri=known, artifact_class=dsl.Artifact, reimport=False)

    snapshot = snapshot_data(use_case=the_use_case.output, landing=the_landing.output, as_of=as_of, recent=True)
    # Its verdict stops nothing here: answers were given, and somebody is to know how they were.
    data_gate = validate_data(use_case=the_use_case.output, snapshot=snapshot.outputs["snapshot"], as_of=as_of)
    joined = join_labels(
        use_case=the_use_case.output,
        records=the_records.output,
        snapshot=snapshot.outputs["snapshot"],
        as_of=as_of,
    )
    rebuilt = rebuild_rows(
        use_case=the_use_case.output,
        release=the_release.output,
        data=data_gate.outputs["judged"],
        labelled=joined.outputs["labelled"],
        as_of=as_of,
    )
    # The only step that is reused: it knows of no time and of no answer.
    reference = profile_reference(
        use_case=the_use_case.output, release=the_release.output, training_set=the_training_set.output
    )
    drift = detect_drift(
        use_case=the_use_case.output,
        release=the_release.output,
        labelled=joined.outputs["labelled"],
        reference=reference.outputs["reference"],
        rebuilt=rebuilt.outputs["rebuilt"],
        as_of=as_of,
    )
    alerts = raise_alerts(
        use_case=the_use_case.output,
        release=the_release.output,
        verdict=drift.outputs["verdict"],
        data_verdict=data_gate.outputs["verdict"],
        known=the_known.output,
        as_of=as_of,
    )
    request = request_retraining(
        use_case=the_use_case.output,
        release=the_release.output,
        alerts=alerts.outputs["alerts"],
        known=the_known.output,
        as_of=as_of,
    )
    # A verdict on now is made now.
    for step in (snapshot, data_gate, joined, rebuilt, drift, alerts, request):
        step.set_caching_options(False)
