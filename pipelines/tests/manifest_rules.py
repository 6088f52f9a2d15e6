"""What must hold of everything that is applied to a cluster: rendered objects in, violations out."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

Object = dict[str, Any]
NAMESPACE = "windsock"
# What starts runs lives beside Kubeflow, under our name.
KUBEFLOW = "kubeflow"
CLUSTER_WIDE = {"Namespace", "ClusterStorageContainer", "ClusterRole", "ClusterRoleBinding"}
# KServe makes the pods of these two: they carry this label with the InferenceService's name.
MADE_BY_KSERVE = "serving.kserve.io/inferenceservice"
SECRETIVE = re.compile(r"PASSWORD|SECRET|TOKEN|ACCESS_KEY|CREDENTIAL", re.IGNORECASE)
TAGGED = re.compile(r"[^:]+(:\d+)?/[^:]+:(?!latest$)[\w.-]+")
BY_CONTENT = re.compile(r"ghcr\.io/windsock/[a-z]+:[0-9a-f]{16}")


def name_of(thing: Object) -> str:
    return f"{thing['kind']} {thing['metadata']['name']}"


def of_kind(objects: list[Object], *kinds: str) -> list[Object]:
    return [thing for thing in objects if thing["kind"] in kinds]


def pod_specs(objects: list[Object]) -> Iterator[tuple[str, Object]]:
    """Every pod's specification, by the name of what makes it; KServe takes those of ServingRuntimes as they are."""
    for thing in objects:
        spec = thing.get("spec", {})
        if "template" in spec:
            yield name_of(thing), spec["template"]["spec"]
        elif thing["kind"] == "ServingRuntime":
            yield name_of(thing), spec
        elif thing["kind"] == "ClusterStorageContainer":
            yield name_of(thing), {"initContainers": [spec["container"]]}
        elif thing["kind"] == "CronWorkflow":
            # It runs to its end, as what initializes does: nobody probes it.
            started = [one["container"] for one in spec["workflowSpec"]["templates"] if "container" in one]
            yield name_of(thing), {**spec["workflowSpec"], "initContainers": started}
        elif thing["kind"] == "CronJob":
            pod = spec["jobTemplate"]["spec"]["template"]["spec"]
            yield name_of(thing), {**pod, "containers": [], "initContainers": pod["containers"]}


def pods(objects: list[Object]) -> list[Mapping[str, str]]:
    """The labels of every kind of pod that will run in the namespace."""
    made = [thing["spec"]["template"]["metadata"]["labels"] for thing in objects if "template" in thing.get("spec", {})]
    return [*made, *({MADE_BY_KSERVE: thing["metadata"]["name"]} for thing in of_kind(objects, "InferenceService"))]


def hits(selector: Object, labels: Mapping[str, str]) -> bool:
    """Whether a label selector, as Kubernetes has it, selects a pod."""
    wanted = selector.get("matchLabels", {}).items()
    expressions = selector.get("matchExpressions", [])
    assert all(one["operator"] == "In" for one in expressions), "the tests know no other operator"
    return all(labels.get(key) == value for key, value in wanted) and all(
        labels.get(one["key"]) in one["values"] for one in expressions
    )


def violations(objects: list[Object], given: set[str], whole: bool = False) -> list[str]:
    """Everything that must not be; `given` names what people bring, `whole` says that every option is there."""
    rules = [_pods, _images, _rights, _secrets, _budgets, _references, _places, _routes]
    found = [line for rule in rules for line in rule(objects)]
    found = [line for line in found if not any(line.endswith(f"no {name}") for name in given)]
    return found + _selectors(objects, whole)


def _pods(objects: list[Object]) -> Iterator[str]:
    for name, pod in pod_specs(objects):
        outer = pod.get("securityContext", {})
        for container in [*pod.get("initContainers", []), *pod.get("containers", [])]:
            where, locked = f"{name}/{container['name']}", {**outer, **container.get("securityContext", {})}
            initializes = container in pod.get("initContainers", [])
            # KServe's own downloader writes beside what it mounts; it runs once, before the server.
            writes = container["name"] == "storage-initializer"
            yield from _locked(where, locked, writes)
            resources = container.get("resources", {})
            if not resources.get("limits", {}).get("memory") or not {"cpu", "memory"} <= set(
                resources.get("requests", {})
            ):
                yield f"{where}: without requests and a limit of memory"
            # What opens no port is asked by nobody.
            asked = "ports" in container and not initializes
            if asked and not {"readinessProbe", "livenessProbe"} <= set(container):
                yield f"{where}: without probes"


def _locked(where: str, locked: Object, writes: bool) -> Iterator[str]:
    if locked.get("runAsNonRoot") is not True or locked.get("runAsUser", 0) == 0:
        yield f"{where}: may run as root"
    if locked.get("allowPrivilegeEscalation") is not False or locked.get("capabilities", {}).get("drop") != ["ALL"]:
        yield f"{where}: may gain rights"
    if locked.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield f"{where}: without a seccomp profile"
    if not writes and locked.get("readOnlyRootFilesystem") is not True:
        yield f"{where}: may write its root"


def _images(objects: list[Object]) -> Iterator[str]:
    for name, pod in pod_specs(objects):
        for container in [*pod.get("initContainers", []), *pod.get("containers", [])]:
            image = container["image"]
            own = image.startswith("ghcr.io/windsock/")
            if not (BY_CONTENT if own else TAGGED).fullmatch(image):
                yield f"{name}: image {image} has no fixed tag"


def _rights(objects: list[Object]) -> Iterator[str]:
    for role in of_kind(objects, "Role", "ClusterRole"):
        for rule in role.get("rules") or []:
            if any("*" in value for values in rule.values() for value in values):
                yield f"{name_of(role)}: a star"
    for account in of_kind(objects, "ServiceAccount"):
        if account.get("automountServiceAccountToken") is not False:
            yield f"{name_of(account)}: gives its token to every pod"


def _secrets(objects: list[Object]) -> Iterator[str]:
    for thing in of_kind(objects, "Secret"):
        yield f"{name_of(thing)}: a secret in git"
    for thing in of_kind(objects, "ConfigMap"):
        yield from (f"{name_of(thing)}: {key} is a secret" for key in thing.get("data", {}) if SECRETIVE.search(key))
    for name, pod in pod_specs(objects):
        for container in pod.get("containers", []):
            for variable in container.get("env", []):
                if SECRETIVE.search(variable["name"]) and "value" in variable:
                    yield f"{name}: {variable['name']} is a secret"


def _replicas(objects: list[Object]) -> Iterator[tuple[Object, int, Mapping[str, str]]]:
    """What has replicas, the fewest of them, and its pods' labels."""
    fewest = {
        scaler["spec"]["scaleTargetRef"]["name"]: scaler["spec"]["minReplicas"]
        for scaler in of_kind(objects, "HorizontalPodAutoscaler")
    }
    for thing in of_kind(objects, "Deployment"):
        count = max(thing["spec"].get("replicas", 1), fewest.get(thing["metadata"]["name"], 1))
        yield thing, count, thing["spec"]["template"]["metadata"]["labels"]
    for thing in of_kind(objects, "InferenceService"):
        yield thing, thing["spec"]["predictor"].get("minReplicas", 1), {MADE_BY_KSERVE: thing["metadata"]["name"]}


def _budgets(objects: list[Object]) -> Iterator[str]:
    budgets = of_kind(objects, "PodDisruptionBudget")
    for thing, count, labels in _replicas(objects):
        own = [budget["spec"] for budget in budgets if hits(budget["spec"]["selector"], labels)]
        if count >= 2 and not own:
            yield f"{name_of(thing)}: {count} replicas and no disruption budget"
        if any(spec.get("minAvailable", 0) != 0 or spec.get("maxUnavailable") == 0 for spec in own):
            yield f"{name_of(thing)}: its budget may keep a node from being emptied"
    scaled = {scaler["spec"]["scaleTargetRef"]["name"] for scaler in of_kind(objects, "HorizontalPodAutoscaler")}
    for name in scaled - {thing["metadata"]["name"] for thing in of_kind(objects, "Deployment")}:
        yield f"HorizontalPodAutoscaler: scales {name}, which is not there"


def _needs(name: str, pod: Object) -> Iterator[tuple[str, str]]:
    if "serviceAccountName" in pod:
        yield "ServiceAccount", pod["serviceAccountName"]
    for volume in pod.get("volumes", []):
        if "configMap" in volume:
            yield "ConfigMap", volume["configMap"]["name"]
        if "secret" in volume:
            yield "Secret", volume["secret"]["secretName"]
        if "persistentVolumeClaim" in volume:
            yield "PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]
    for container in [*pod.get("initContainers", []), *pod.get("containers", [])]:
        for source in [*container.get("envFrom", []), *(one.get("valueFrom", {}) for one in container.get("env", []))]:
            for field, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret"),
                                ("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):  # fmt: skip
                if field in source:
                    yield kind, source[field]["name"]


def _references(objects: list[Object]) -> Iterator[str]:
    there = {name_of(thing) for thing in objects}
    wanted = {(name, kind, other) for name, pod in pod_specs(objects) for kind, other in _needs(name, pod)}
    for account in of_kind(objects, "ServiceAccount"):
        wanted |= {(name_of(account), "Secret", secret["name"]) for secret in account.get("secrets", [])}
    for service in of_kind(objects, "InferenceService"):
        predictor, name = service["spec"]["predictor"], name_of(service)
        wanted.add((name, "ServingRuntime", predictor["model"]["runtime"]))
        wanted.add((name, "ClusterStorageContainer", predictor["storageContainerName"]))
        wanted.add((name, "ServiceAccount", predictor["serviceAccountName"]))
    yield from (f"{name}: no {kind} {other}" for name, kind, other in sorted(wanted) if f"{kind} {other}" not in there)


def _places(objects: list[Object]) -> Iterator[str]:
    for thing in objects:
        namespace, name = thing["metadata"].get("namespace"), thing["metadata"]["name"]
        beside = namespace == KUBEFLOW and name.startswith(f"{NAMESPACE}-")
        if thing["kind"] not in CLUSTER_WIDE and namespace != NAMESPACE and not beside:
            yield f"{name_of(thing)}: not in namespace {NAMESPACE}"
    for namespace in of_kind(objects, "Namespace"):
        if namespace["metadata"].get("labels", {}).get("pod-security.kubernetes.io/enforce") != "restricted":
            yield f"{name_of(namespace)}: Pod Security restricted is not enforced"


def _routes(objects: list[Object]) -> Iterator[str]:
    """The edge asks InferenceServices that are there."""
    services = {thing["metadata"]["name"] for thing in of_kind(objects, "InferenceService")}
    for thing in of_kind(objects, "ConfigMap"):
        routing = json.loads(thing.get("data", {}).get("routing.json", "{}"))
        servers = [server for release in routing.get("releases", []) for server in release["servers"]]
        for server in servers + routing.get("rules", []):
            if server["host"].removesuffix(f"-predictor.{NAMESPACE}.svc.cluster.local") not in services:
                yield f"{name_of(thing)}: {server['host']} is nobody's"


def _selectors(objects: list[Object], whole: bool) -> list[str]:
    """Selectors that hit nothing. Policies for what an option brings may do so where the option is not there."""
    labels, missing = pods(objects), []
    kinds = ["PodDisruptionBudget", "PodMonitor", *(["NetworkPolicy"] if whole else [])]
    selectors = [(thing, {"matchLabels": thing["spec"]["selector"]}) for thing in of_kind(objects, "Service")]
    selectors += [
        (thing, thing["spec"].get("selector") or thing["spec"].get("podSelector", {}))
        for thing in of_kind(objects, *kinds)
    ]
    for thing, selector in selectors:
        if not any(hits(selector, one) for one in labels):
            missing.append(f"{name_of(thing)}: its selector hits nothing")
        for expression in selector.get("matchExpressions", []):
            for value in expression["values"]:
                if not any(one.get(expression["key"]) == value for one in labels):
                    missing.append(f"{name_of(thing)}: its selector hits no {value}")
    return missing
