"""The face of this folder in a pipeline: what its steps take and give."""

from kfp import dsl


@dsl.container_component
def detect_drift(
    use_case: dsl.Input[dsl.Artifact],
    release: dsl.Input[dsl.Artifact],
    labelled: dsl.Input[dsl.Artifact],
    training_set: dsl.Input[dsl.Artifact],
    as_of: str,
    verdict: dsl.Output[dsl.Artifact],
    report: dsl.Output[dsl.HTML],
    metrics: dsl.Output[dsl.Metrics],
) -> dsl.ContainerSpec:
    """Says whether the world has moved away from a release, and whether that does harm."""
    return dsl.ContainerSpec(
        image="windsock/drift",
        command=["python", "-m", "windsock.drift", "detect_drift"],
        args=[dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER],
    )
