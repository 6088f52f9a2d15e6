"""The face of this folder in a pipeline: what its steps take and give."""

from kfp import dsl


@dsl.container_component
def train_model(
    use_case: dsl.Input[dsl.Artifact],
    training_set: dsl.Input[dsl.Artifact],
    as_of: str,
    model: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
) -> dsl.ContainerSpec:
    """Fits and calibrates a model on the earlier time, the same bytes each time, and exports it to ONNX."""
    return dsl.ContainerSpec(
        image="windsock/model",
        command=["python", "-m", "windsock.model", "train_model"],
        args=[dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER],
    )


@dsl.container_component
def evaluate_model(
    use_case: dsl.Input[dsl.Artifact],
    training_set: dsl.Input[dsl.Artifact],
    model: dsl.Input[dsl.Artifact],
    production: dsl.Input[dsl.Artifact],
    as_of: str,
    verdict: dsl.Output[dsl.Artifact],
    report: dsl.Output[dsl.HTML],
    metrics: dsl.Output[dsl.Metrics],
) -> dsl.ContainerSpec:
    """Judges a candidate on later time than it learned from, against production and the baselines, on the same rows."""
    return dsl.ContainerSpec(
        image="windsock/model",
        command=["python", "-m", "windsock.model", "evaluate_model"],
        args=[dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER],
    )


@dsl.container_component
def register_model(
    use_case: dsl.Input[dsl.Artifact],
    training_set: dsl.Input[dsl.Artifact],
    model: dsl.Input[dsl.Artifact],
    verdict: dsl.Input[dsl.Artifact],
    passed: dsl.Input[dsl.Artifact],
    as_of: str,
    tracking_uri: str,
    commit: str,
    release: dsl.Output[dsl.Artifact],
) -> dsl.ContainerSpec:
    """Writes the release bundle of a model that passed, and enters it in MLflow."""
    return dsl.ContainerSpec(
        image="windsock/model",
        command=["python", "-m", "windsock.model", "register_model"],
        args=[dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER],
    )
