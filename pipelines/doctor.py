"""Looks whether a cluster has what Windsock needs: `python -m pipelines.doctor`; a line a finding, exit 0 or 2.

It only reads. What was seen is judged in `doctor_policy`; here the questions are asked, and no answer is an answer too.
"""

import argparse
import base64
import binascii
import json
import logging
import os
import re
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from windsock.contracts.errors import EXIT_BAD_INPUT, InputError

from pipelines.doctor_policy import (
    CREDENTIALS,
    NAMESPACE,
    OF_ALERTS,
    ClusterFacts,
    Facts,
    Finding,
    Level,
    Model,
    Node,
    Secret,
    StoreSeen,
    Unreadable,
    Volume,
    Wanted,
    examine,
    healthy,
)
from pipelines.runners.objects import AbsentError, ClusterObjects, ForbiddenError, Objects, UnansweredError
from pipelines.store import open_store
from pipelines.workspace import REPOSITORY

OVERLAYS = REPOSITORY / "manifests" / "overlays"
SHOWN = {Level.OK: 32, Level.NOTE: 33, Level.UNSEEN: 33, Level.WRONG: 31}
T = TypeVar("T")


def read_overlay(name: str, overlays: Path = OVERLAYS) -> Wanted:
    """What an overlay asks of a cluster, by the options that it names.

    Raises:
        InputError: there is no such overlay, or it names no mode of KServe.
    """
    file = overlays / name / "kustomization.yaml"
    if not file.is_file():
        known = sorted(path.parent.name for path in overlays.glob("*/kustomization.yaml"))
        raise InputError("overlay", name, f"one of {', '.join(known)}")
    options = {Path(option).name for option in yaml.safe_load(file.read_text(encoding="utf-8")).get("components", [])}
    modes = [mode for mode in ("Knative", "Standard") if f"kserve-{mode.lower()}" in options]
    if len(modes) != 1:
        raise InputError(f"overlay {name}", sorted(options), "one of the options kserve-knative and kserve-standard")
    return Wanted(modes[0], "alerts" in options)


def _tried(question: Callable[[], T]) -> T | Unreadable | None:
    """An answer, None where there is nothing, or why there is none."""
    try:
        return question()
    except AbsentError:
        return None
    except ForbiddenError as error:
        return Unreadable(str(error), forbidden=True)
    except UnansweredError as error:
        return Unreadable(plain(error))
    except (KeyError, TypeError, ValueError) as error:
        return Unreadable(f"an answer of another shape than Kubernetes gives ({type(error).__name__}: {error})")


def plain(error: BaseException) -> str:
    """An error in one line; of a chain of them, as HTTP clients make it, the cause."""
    text = " ".join(str(error).split())
    where = re.search(r"host='([^']*)', port=(\d+)", text)
    cause = re.search(r"Caused by \w+\((.*)\)\)$", text)
    if where is None or cause is None:
        return text
    return f"{where[1]}:{where[2]}: {cause[1].rpartition('): ')[2].strip(chr(34))}"


def _listed(answer: T | Unreadable | None) -> T | Unreadable:
    return Unreadable("the API server does not know the question") if answer is None else answer


def look(objects: Objects, wanted: Wanted, environment: Mapping[str, str]) -> ClusterFacts | Unreadable:
    """Asks the Kubernetes API all that is to be known."""
    version = _tried(lambda: str(objects.get("/version")["gitVersion"]))
    if not isinstance(version, str):
        return version or Unreadable("what answers there is no Kubernetes")
    return ClusterFacts(
        version=version,
        kinds=_listed(_tried(lambda: _kinds(objects, {kind.group for kind in (*wanted.kinds, *OF_ALERTS)}))),
        default_mode=_tried(lambda: _default_mode(objects)),
        kserve_images=_tried(lambda: _images(objects)),
        labels=_tried(lambda: _labels(objects)),
        secret=_tried(lambda: _secret(objects, environment)),
        nodes=_listed(_tried(lambda: _nodes(objects))),
        volumes=_listed(_tried(lambda: _volumes(objects))),
        models=_tried(lambda: _models(objects)),
    )


def _kinds(objects: Objects, groups: set[str]) -> dict[tuple[str, str], set[str]]:
    """The kinds of some groups, by group and version: what every account may ask, unlike the CRDs themselves."""
    found = {}
    for group in objects.get("/apis")["groups"]:
        if group["name"] not in groups:
            continue
        for version in group["versions"]:
            resources = objects.get(f"/apis/{version['groupVersion']}")["resources"]
            found[group["name"], version["version"]] = {str(resource["kind"]) for resource in resources}
    return found


def _default_mode(objects: Objects) -> str:
    data = objects.get("/api/v1/namespaces/kserve/configmaps/inferenceservice-config").get("data") or {}
    try:
        return str(json.loads(data.get("deploy", "{}")).get("defaultDeploymentMode", "Knative"))
    except (ValueError, AttributeError):
        return "not JSON"


def _images(objects: Objects) -> list[str]:
    found = objects.get("/apis/apps/v1/namespaces/kserve/deployments/kserve-controller-manager")
    return [str(container["image"]) for container in found["spec"]["template"]["spec"]["containers"]]


def _labels(objects: Objects) -> dict[str, str]:
    return dict(objects.get(f"/api/v1/namespaces/{NAMESPACE}")["metadata"].get("labels") or {})


def _secret(objects: Objects, environment: Mapping[str, str]) -> Secret:
    """The secret, and what the store says to it. What it holds goes nowhere else."""
    found = objects.get(f"/api/v1/namespaces/{NAMESPACE}/secrets/store")
    data, notes = found.get("data") or {}, found["metadata"].get("annotations") or {}
    if any(name not in data for name in CREDENTIALS):
        return Secret(set(data), notes)
    try:
        held = {name: base64.b64decode(data[name]).decode().strip() for name in CREDENTIALS}
    except (binascii.Error, UnicodeDecodeError):
        return Secret(set(data), notes, "credentials that are no text")
    return Secret(set(data), notes, look_at_store({**environment, **held}).trouble)


def _nodes(objects: Objects) -> tuple[Node, ...]:
    nodes = []
    for node in objects.get("/api/v1/nodes")["items"]:
        true = {one["type"] for one in node["status"].get("conditions", []) if one["status"] == "True"}
        nodes.append(Node(node["metadata"]["name"], true, not node["spec"].get("unschedulable", False)))
    return tuple(nodes)


def _volumes(objects: Objects) -> tuple[Volume, ...]:
    """The namespace's volumes and the nodes' disks, as the kubelets measure them."""
    found = []
    for node in objects.get("/api/v1/nodes")["items"]:
        name = node["metadata"]["name"]
        summary = objects.get(f"/api/v1/nodes/{name}/proxy/stats/summary")
        found.append(_volume(f"disk of node {name}", summary.get("node", {}).get("fs") or {}))
        for pod in summary.get("pods", []):
            for volume in pod.get("volume", []):
                claim = volume.get("pvcRef") or {}
                if claim.get("namespace") == NAMESPACE:
                    found.append(_volume(f"volume {claim['name']}", volume))
    return tuple(found)


def _volume(name: str, measured: Mapping[str, Any]) -> Volume:
    capacity = int(measured.get("capacityBytes", 0))
    # Blocks that are kept for the administrator are no room for us: what is not available is used.
    return Volume(name, capacity - int(measured.get("availableBytes", capacity)), capacity)


def _models(objects: Objects) -> tuple[Model, ...]:
    found = []
    for service in objects.get(f"/apis/serving.kserve.io/v1beta1/namespaces/{NAMESPACE}/inferenceservices")["items"]:
        conditions = (service.get("status") or {}).get("conditions") or []
        unmet = [one for one in conditions if one["status"] != "True"]
        ready = any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
        said = (one.get("message") or one.get("reason") or "" for one in unmet)
        found.append(Model(service["metadata"]["name"], ready, next((words for words in said if words), "")))
    return tuple(found)


def look_at_store(environment: Mapping[str, str]) -> StoreSeen:
    """Asks the object store for what publishing puts there."""
    from pipelines.cluster import CURRENT_USE_CASE, DAY_ZERO

    try:
        store = open_store(environment)
        published = store.read(CURRENT_USE_CASE) and store.read(f"{DAY_ZERO}/manifest.json")
    except (InputError, OSError) as error:
        return StoreSeen(environment.get("WINDSOCK_STORE", ""), plain(error))
    return StoreSeen(store.address, published=bool(published))


def look_at_pipelines(endpoint: str) -> str | Unreadable:
    """Asks Kubeflow Pipelines for its version."""
    from pipelines.runners.cluster import connect, server_version

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return server_version(connect(endpoint))
    except OSError as error:
        return Unreadable(plain(error))


def see(wanted: Wanted, environment: Mapping[str, str]) -> Facts:
    """All facts, from the three that can tell them."""
    try:
        cluster: ClusterFacts | Unreadable = look(ClusterObjects(), wanted, environment)
    except UnansweredError as error:
        cluster = Unreadable(plain(error))
    return Facts(cluster, look_at_pipelines(environment.get("KFP_ENDPOINT", "")), look_at_store(environment))


def tell(findings: Sequence[Finding], colours: bool) -> None:
    """Prints a line a finding."""
    for finding in findings:
        line = finding.line()
        print(f"\033[{SHOWN[finding.level]}m{line}\033[0m" if colours else line)
    wrong = sum(finding.level is Level.WRONG for finding in findings)
    print(f"doctor: {len(findings)} findings, {wrong} wrong" if wrong else "doctor: nothing is wrong")


def main(arguments: Sequence[str] | None = None) -> int:
    """Looks, tells, and returns 0 where nothing is wrong, else 2."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.doctor", description=__doc__)
    parser.add_argument("--overlay", default="laptop", help="the overlay that is to be applied; default laptop")
    options = parser.parse_args(arguments)
    try:
        wanted = read_overlay(options.overlay)
    except InputError as error:
        print(f"doctor: {error}", file=sys.stderr)
        return EXIT_BAD_INPUT
    # The libraries log what the findings say in one line.
    logging.disable(logging.CRITICAL)
    findings = examine(see(wanted, os.environ), wanted)
    tell(findings, sys.stdout.isatty() and "NO_COLOR" not in os.environ)
    return 0 if healthy(findings) else EXIT_BAD_INPUT


if __name__ == "__main__":
    sys.exit(main())
