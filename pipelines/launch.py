"""The pipeline that a schedule starts: one step, which starts another pipeline as of the time at which it fires."""

from kfp import dsl

# Kubeflow's own secret for its object store; its keys and the names that the store is opened by.
CREDENTIALS = "mlpipeline-minio-artifact"
KEYS = [
    {"secretKey": "accesskey", "envVar": "AWS_ACCESS_KEY_ID"},
    {"secretKey": "secretkey", "envVar": "AWS_SECRET_ACCESS_KEY"},
]
# One run a pipeline and `as_of`; what training makes waits for its canary.
ONCE = ("--request", "schedule", "--register-only")


@dsl.container_component
def start_pipeline(pipeline: str, as_of: str, store: str, store_endpoint: str, api: str) -> dsl.ContainerSpec:
    """Starts a pipeline unless one of that name and `as_of` was started, and follows it to its end."""
    return dsl.ContainerSpec(
        image="windsock/pipelines",
        command=["env", f"WINDSOCK_STORE={store}", f"WINDSOCK_S3_ENDPOINT={store_endpoint}", f"KFP_ENDPOINT={api}"],
        args=[*("python", "-m", "pipelines.run"), pipeline, *("--on", "cluster", "--as-of"), as_of, *ONCE],
    )


@dsl.pipeline(name="launch", description="Starts a pipeline as of the newest data; a schedule runs this one.")
def launch(pipeline: str, store: str, store_endpoint: str, api: str, as_of: str = "latest") -> None:
    """Starts a pipeline of ours and follows it.

    Args:
        pipeline: its name: training, materialization.
        store: address of the object store, such as `minio://mlpipeline/windsock`.
        store_endpoint: its server as seen from a pod.
        api: Kubeflow Pipelines as seen from a pod.
        as_of: the time that no step may see beyond; `latest` is worked out when the step runs.
    """
    started = start_pipeline(pipeline=pipeline, as_of=as_of, store=store, store_endpoint=store_endpoint, api=api)
    started.set_caching_options(False)
    # As the first backends understood it; the extension package of today adds fields that these refuse.
    started.platform_config["kubernetes"] = {"secretAsEnv": [{"secretName": CREDENTIALS, "keyToEnv": KEYS}]}
