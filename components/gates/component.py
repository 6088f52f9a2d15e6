"""The face of this folder in a pipeline: what its steps take and give."""

from kfp import dsl


@dsl.container_component
def validate_data(
    use_case: dsl.Input[dsl.Artifact],
    snapshot: dsl.Input[dsl.Artifact],
    as_of: str,
    judged: dsl.Output[dsl.Artifact],
    quarantine: dsl.Output[dsl.Artifact],
    verdict: dsl.Output[dsl.Artifact],
    report: dsl.Output[dsl.HTML],
    metrics: dsl.Output[dsl.Metrics],
) -> dsl.ContainerSpec:
    """Judges a snapshot by its schema, its statistics and the business rules."""
    return dsl.ContainerSpec(
        image="windsock/gates",
        command=["python", "-m", "windsock.gates", "validate_data"],
        args=[dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER],
    )


@dsl.container_component
def require_passed(
    verdict: dsl.Input[dsl.Artifact], as_of: str, override: str, passed: dsl.Output[dsl.Artifact]
) -> dsl.ContainerSpec:
    """Stops the run unless the verdict is passed, or each reason against it is lifted by signature."""
    return dsl.ContainerSpec(
        image="windsock/gates",
        command=["python", "-m", "windsock.gates", "require_passed"],
        args=[dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER],
    )
