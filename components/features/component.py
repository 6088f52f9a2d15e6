"""The face of this folder in a pipeline: what its steps take and give."""

from kfp import dsl


@dsl.container_component
def build_training_set(
    use_case: dsl.Input[dsl.Artifact],
    data: dsl.Input[dsl.Artifact],
    as_of: str,
    training_set: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
) -> dsl.ContainerSpec:
    """Makes a model row for each thing whose label is due, of what was known when it was asked about."""
    return dsl.ContainerSpec(
        image="windsock/features",
        command=["python", "-m", "windsock.features", "build_training_set"],
        args=[dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER],
    )


@dsl.container_component
def materialize_features(
    use_case: dsl.Input[dsl.Artifact],
    data: dsl.Input[dsl.Artifact],
    as_of: str,
    online_store: str,
    materialized: dsl.Output[dsl.Artifact],
) -> dsl.ContainerSpec:
    """Brings the online store to what was known at `as_of`, writing only what changed."""
    return dsl.ContainerSpec(
        image="windsock/features",
        command=["python", "-m", "windsock.features", "materialize_features"],
        args=[dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER],
    )


@dsl.container_component
def rebuild_rows(
    use_case: dsl.Input[dsl.Artifact],
    release: dsl.Input[dsl.Artifact],
    data: dsl.Input[dsl.Artifact],
    labelled: dsl.Input[dsl.Artifact],
    as_of: str,
    rebuilt: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
) -> dsl.ContainerSpec:
    """Says whether the history gives the model the rows that serving gave it."""
    return dsl.ContainerSpec(
        image="windsock/features",
        command=["python", "-m", "windsock.features", "rebuild_rows"],
        args=[dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER],
    )
