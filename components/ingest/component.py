"""The face of this folder in a pipeline: what its steps take and give."""

from kfp import dsl


@dsl.container_component
def snapshot_data(
    use_case: dsl.Input[dsl.Artifact],
    landing: dsl.Input[dsl.Artifact],
    as_of: str,
    snapshot: dsl.Output[dsl.Artifact],
) -> dsl.ContainerSpec:
    """Takes what was known at `as_of` from the landing zone into a sealed snapshot."""
    return dsl.ContainerSpec(
        image="windsock/ingest",
        command=["python", "-m", "windsock.ingest", "snapshot_data"],
        args=[dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER],
    )
