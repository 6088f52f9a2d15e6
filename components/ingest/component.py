"""The face of this folder in a pipeline: what its steps take and give."""

from kfp import dsl


@dsl.container_component
def snapshot_data(
    use_case: dsl.Input[dsl.Artifact],
    landing: dsl.Input[dsl.Artifact],
    as_of: str,
    recent: bool,
    snapshot: dsl.Output[dsl.Artifact],
) -> dsl.ContainerSpec:
    """Takes what was known at `as_of`, of late or of all time, from the landing zone into a sealed snapshot."""
    return dsl.ContainerSpec(
        image="windsock/ingest",
        command=["python", "-m", "windsock.ingest", "snapshot_data"],
        args=[dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER],
    )


@dsl.container_component
def join_labels(
    use_case: dsl.Input[dsl.Artifact],
    records: dsl.Input[dsl.Artifact],
    snapshot: dsl.Input[dsl.Artifact],
    as_of: str,
    labelled: dsl.Output[dsl.Artifact],
    report: dsl.Output[dsl.HTML],
    metrics: dsl.Output[dsl.Metrics],
) -> dsl.ContainerSpec:
    """Joins the answers of the last weeks with what came true, as far as it was known at `as_of`."""
    return dsl.ContainerSpec(
        image="windsock/ingest",
        command=["python", "-m", "windsock.ingest", "join_labels"],
        args=[dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER],
    )
