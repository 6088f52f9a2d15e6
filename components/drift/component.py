"""The face of this folder in a pipeline: what its steps take and give."""

from kfp import dsl


@dsl.container_component
def profile_reference(
    use_case: dsl.Input[dsl.Artifact],
    release: dsl.Input[dsl.Artifact],
    training_set: dsl.Input[dsl.Artifact],
    reference: dsl.Output[dsl.Artifact],
) -> dsl.ContainerSpec:
    """Works out what monitoring needs of a release's own training set; the same inputs give the same bytes."""
    return dsl.ContainerSpec(
        image="windsock/drift",
        command=["python", "-m", "windsock.drift", "profile_reference"],
        args=[dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER],
    )


@dsl.container_component
def detect_drift(
    use_case: dsl.Input[dsl.Artifact],
    release: dsl.Input[dsl.Artifact],
    labelled: dsl.Input[dsl.Artifact],
    reference: dsl.Input[dsl.Artifact],
    rebuilt: dsl.Input[dsl.Artifact],
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


@dsl.container_component
def raise_alerts(
    use_case: dsl.Input[dsl.Artifact],
    release: dsl.Input[dsl.Artifact],
    verdict: dsl.Input[dsl.Artifact],
    data_verdict: dsl.Input[dsl.Artifact],
    known: dsl.Input[dsl.Artifact],
    as_of: str,
    alerts: dsl.Output[dsl.Artifact],
    report: dsl.Output[dsl.HTML],
    metrics: dsl.Output[dsl.Metrics],
) -> dsl.ContainerSpec:
    """Says which alerts fire and which are over; the caller delivers them."""
    return dsl.ContainerSpec(
        image="windsock/drift",
        command=["python", "-m", "windsock.drift", "raise_alerts"],
        args=[dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER],
    )


@dsl.container_component
def request_retraining(
    use_case: dsl.Input[dsl.Artifact],
    release: dsl.Input[dsl.Artifact],
    alerts: dsl.Input[dsl.Artifact],
    known: dsl.Input[dsl.Artifact],
    as_of: str,
    request: dsl.Output[dsl.Artifact],
    report: dsl.Output[dsl.HTML],
) -> dsl.ContainerSpec:
    """Says whether a retraining is asked for; the caller starts it."""
    return dsl.ContainerSpec(
        image="windsock/drift",
        command=["python", "-m", "windsock.drift", "request_retraining"],
        args=[dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER],
    )
