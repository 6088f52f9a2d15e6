"""Sends one real request through the edge, and shows the answer to a person."""

import argparse
import http.client
import json
import time
from pathlib import Path
from typing import Any

from windsock.contracts.clock import parse_time
from windsock.contracts.errors import InputError
from windsock.contracts.release import open_bundle
from windsock.contracts.use_case import UseCase, load_use_case

from pipelines.workspace import Workspace
from serving.local.place import Place, Running
from serving.local.sample import sample_request

HOST = "127.0.0.1"
PATIENCE_S = 10.0


def send(running: Running, instance: dict[str, Any]) -> tuple[dict[str, Any], float]:
    """Asks about one thing by V1; returns the prediction and the seconds it took.

    Raises:
        InputError: the answer is not 200.
    """
    body = json.dumps({"instances": [instance]})
    connection = http.client.HTTPConnection(HOST, running.port, timeout=PATIENCE_S)
    try:
        connection.connect()
        began = time.perf_counter()
        path = f"/v1/models/{running.model}:predict"
        connection.request("POST", path, body, {"content-type": "application/json"})
        response = connection.getresponse()
        answer = response.read()
        took_s = time.perf_counter() - began
    finally:
        connection.close()
    if response.status != http.client.OK:
        raise InputError("prediction", f"{response.status} {answer[:300].decode(errors='replace')}", "an answer (200)")
    return json.loads(answer)["predictions"][0], took_s


def render(
    use_case: UseCase, instance: dict[str, Any], prediction: dict[str, Any], threshold: float, took_s: float
) -> str:
    """Question and answer in a few lines."""
    reason = f" ({prediction['reason']})" if prediction["reason"] else ""
    lines = [
        use_case.question,
        *(f"  {name:{max(map(len, instance))}}  {value}" for name, value in instance.items()),
        f"{prediction['decision']}: probability {prediction['probability']:.3f}, to act from {threshold:.3f}",
        f"  answered by the {prediction['answered_by']}{reason} in {1000 * took_s:.1f} ms",
        f"  release {prediction['release']}",
        f"  prediction {prediction['prediction_id']}",
    ]
    return "\n".join(lines)


def predict(_: argparse.Namespace) -> int:
    """Asks about the first thing that can be asked about where the online features end."""
    workspace = Workspace()
    running = Place(workspace.serving).read()
    bundle = open_bundle(Path(running.bundle))
    use_case = load_use_case(bundle.use_case)
    as_of = parse_time(running.as_of, "as_of") if running.as_of else None
    instance: dict[str, Any] = dict(sample_request(use_case, workspace.landing, as_of))
    prediction, took_s = send(running, instance)
    print(render(use_case, instance, prediction, bundle.release.threshold, took_s))
    return 0
