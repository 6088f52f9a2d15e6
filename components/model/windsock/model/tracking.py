"""Enters releases in MLflow, as an index beside the bundles: lineage never rests on it. The only door to MLflow."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from windsock.contracts.errors import InputError

# MLflow asks for these as it is imported. Nothing is sent anywhere, and no git looked for: the commit is a parameter.
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "GIT_PYTHON_REFRESH": "quiet"}
os.environ.update(QUIET)

from mlflow import MlflowClient  # noqa: E402
from mlflow.exceptions import MlflowException  # noqa: E402

RELEASE_TAG = "windsock.release"


@dataclass(frozen=True)
class Entry:
    """What MLflow is told of a release: its digest and place, and what it was made with."""

    name: str
    release: str
    location: str
    parameters: Mapping[str, object]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]


def enter(tracking_uri: str, entry: Entry) -> str:
    """Makes the run and the model version of a release, or finds those that are there; returns the version.

    Raises:
        InputError: MLflow does not know what to do with the address.
    """
    try:
        client = MlflowClient(tracking_uri=tracking_uri, registry_uri=tracking_uri)
        experiments = client.search_experiments(filter_string=f"name = '{entry.name}'")
    except MlflowException as error:
        raise InputError("tracking_uri", tracking_uri, f"an MLflow server or database ({error})") from error
    experiment = experiments[0].experiment_id if experiments else client.create_experiment(entry.name)
    version = _version(client, entry)
    return version if version else _new_version(client, entry, _run(client, experiment, entry))


def _version(client: MlflowClient, entry: Entry) -> str:
    """The version that this release has already, or an empty text."""
    if not client.search_registered_models(filter_string=f"name = '{entry.name}'"):
        client.create_registered_model(entry.name)
    for version in client.search_model_versions(f"name = '{entry.name}'"):
        if version.tags.get(RELEASE_TAG) == entry.release:
            return str(version.version)
    return ""


def _run(client: MlflowClient, experiment: str, entry: Entry) -> str:
    """The finished run of this release: one that a broken-off attempt left is completed, not doubled."""
    found = client.search_runs([experiment], f"tags.`{RELEASE_TAG}` = '{entry.release}'", max_results=1)
    tags = {**entry.tags, RELEASE_TAG: entry.release}
    run = found[0] if found else client.create_run(experiment, tags=tags, run_name=entry.tags["windsock.release_name"])
    for name, value in entry.parameters.items():
        client.log_param(run.info.run_id, name, value)
    for name, figure in entry.metrics.items():
        client.log_metric(run.info.run_id, name, figure)
    client.set_terminated(run.info.run_id)
    return str(run.info.run_id)


def _new_version(client: MlflowClient, entry: Entry, run: str) -> str:
    tags = {**entry.tags, RELEASE_TAG: entry.release}
    return str(client.create_model_version(entry.name, entry.location, run, tags=tags).version)
