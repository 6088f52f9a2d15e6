"""The face of this folder in a pipeline: what its steps take and give."""

from kfp import dsl


@dsl.container_component
def deploy_canary(
    use_case: dsl.Input[dsl.Artifact],
    release: dsl.Input[dsl.Artifact],
    serving: str,
    history: str,
    traffic: str,
    records: str,
    labels: str,
    as_of: str,
    turn: dsl.Output[dsl.Artifact],
) -> dsl.ContainerSpec:
    """Begins a rollout of a release, with copies alone or with the first share of the traffic."""
    return dsl.ContainerSpec(
        image="windsock/release",
        command=["python", "-m", "windsock.release", "deploy_canary"],
        args=[dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER],
    )


@dsl.container_component
def judge_canary(
    use_case: dsl.Input[dsl.Artifact],
    history: str,
    traffic: str,
    records: str,
    labels: str,
    as_of: str,
    verdict: dsl.Output[dsl.Artifact],
    report: dsl.Output[dsl.HTML],
) -> dsl.ContainerSpec:
    """Says how a rollout stands, and changes nothing."""
    return dsl.ContainerSpec(
        image="windsock/release",
        command=["python", "-m", "windsock.release", "judge_canary"],
        args=[dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER],
    )


@dsl.container_component
def advance(
    use_case: dsl.Input[dsl.Artifact],
    history: str,
    traffic: str,
    records: str,
    labels: str,
    as_of: str,
    turn: dsl.Output[dsl.Artifact],
) -> dsl.ContainerSpec:
    """Takes one turn of a rollout: moves it on, rolls it back, or waits."""
    return dsl.ContainerSpec(
        image="windsock/release",
        command=["python", "-m", "windsock.release", "advance"],
        args=[dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER],
    )


@dsl.container_component
def roll_back(
    use_case: dsl.Input[dsl.Artifact],
    to: str,
    reason: str,
    history: str,
    traffic: str,
    records: str,
    labels: str,
    as_of: str,
    turn: dsl.Output[dsl.Artifact],
) -> dsl.ContainerSpec:
    """Gives all the traffic to a release, in one step."""
    return dsl.ContainerSpec(
        image="windsock/release",
        command=["python", "-m", "windsock.release", "roll_back"],
        args=[dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER],
    )
