"""Judges what was seen of a cluster: facts in, findings out. It asks nobody anything."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

NAMESPACE = "windsock"
KUBERNETES_SINCE = (1, 30)
# The only versions that the journey on a cluster, or a measurement by hand, went through.
KSERVE_SINCE = {"Knative": (0, 20), "Standard": (0, 21)}
KFP_SINCE = (2, 0)
OLDER_MODES = {"Serverless": "Knative", "RawDeployment": "Standard"}
POD_SECURITY = "pod-security.kubernetes.io/enforce"
ENDPOINT_NOTE = "serving.kserve.io/s3-endpoint"
CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
PRESSURES = ("MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable")
# The kubelet evicts pods when a tenth of its disk is left; a volume that is full stops who writes to it.
NEARLY_FULL, FULL = 0.85, 0.95


class Level(StrEnum):
    """How a finding stands. Only what is wrong makes the doctor's exit code 2."""

    OK = "ok"
    NOTE = "note"
    UNSEEN = "unseen"
    WRONG = "wrong"


@dataclass(frozen=True)
class Finding:
    """One line: what was looked at, what it is, and where it is not right, what was expected and what to do."""

    level: Level
    subject: str
    value: str
    expected: str = ""
    remedy: str = ""

    def line(self) -> str:
        """The finding for a person, in one line."""
        parts = [self.value, f"expected {self.expected}" if self.expected else ""]
        told = ", ".join(part for part in parts if part) + (f": {self.remedy}" if self.remedy else "")
        return " ".join(f"{self.level:<7} {self.subject}: {told}".split("\n")).rstrip()


@dataclass(frozen=True)
class Unreadable:
    """A fact that could not be had, and why. `forbidden`: the thing is there, but we may not look."""

    reason: str
    forbidden: bool = False


@dataclass(frozen=True)
class Kind:
    """A kind of object that an overlay needs: its group, version and name, and what brings it."""

    group: str
    version: str
    name: str
    brought_by: str


ALWAYS = (
    Kind("argoproj.io", "v1alpha1", "Workflow", "Argo Workflows, which comes with Kubeflow Pipelines"),
    Kind("argoproj.io", "v1alpha1", "CronWorkflow", "Argo Workflows with all of its CRDs"),
    Kind("serving.kserve.io", "v1beta1", "InferenceService", "KServe"),
    Kind("serving.kserve.io", "v1alpha1", "ServingRuntime", "KServe"),
    Kind("serving.kserve.io", "v1alpha1", "ClusterStorageContainer", "KServe with all of its CRDs"),
)
OF_A_MODE = {
    "Knative": (Kind("serving.knative.dev", "v1", "Service", "Knative Serving with Kourier or Istio"),),
    "Standard": (Kind("gateway.networking.k8s.io", "v1", "HTTPRoute", "the Gateway API and one of its gateways"),),
}
OF_ALERTS = (Kind("monitoring.coreos.com", "v1", "PrometheusRule", "the Prometheus operator"),)


@dataclass(frozen=True)
class Wanted:
    """What the overlay asks of the cluster: KServe's mode, and if alert rules are applied."""

    mode: str = "Knative"
    alerts: bool = False

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """Every kind of object that is applied or written."""
        return ALWAYS + OF_A_MODE[self.mode] + (OF_ALERTS if self.alerts else ())


@dataclass(frozen=True)
class Node:
    """A node's conditions that are True, and whether it takes new pods."""

    name: str
    conditions: Collection[str]
    schedulable: bool = True


@dataclass(frozen=True)
class Volume:
    """A volume of the namespace, or a node's own disk: bytes used and bytes there are."""

    name: str
    used_bytes: int
    capacity_bytes: int


@dataclass(frozen=True)
class Model:
    """An InferenceService of the namespace: whether it is ready, and what it says where it is not."""

    name: str
    ready: bool
    message: str = ""


@dataclass(frozen=True)
class StoreSeen:
    """The object store: what is wrong with it ("" nothing), and if a use case and its rules were published."""

    address: str
    trouble: str = ""
    published: bool = False


@dataclass(frozen=True)
class Secret:
    """A secret's keys and annotations, and what the store said to what it holds ("" nothing wrong)."""

    keys: Collection[str]
    annotations: Mapping[str, str] = field(default_factory=dict)
    trouble: str = ""


@dataclass(frozen=True)
class ClusterFacts:
    """What the Kubernetes API told. `None` is what is not there."""

    version: str
    kinds: Mapping[tuple[str, str], Collection[str]] | Unreadable
    default_mode: str | Unreadable | None
    kserve_images: Collection[str] | Unreadable | None
    labels: Mapping[str, str] | Unreadable | None
    secret: Secret | Unreadable | None
    nodes: tuple[Node, ...] | Unreadable
    volumes: tuple[Volume, ...] | Unreadable
    models: tuple[Model, ...] | Unreadable | None


@dataclass(frozen=True)
class Facts:
    """All that was seen."""

    cluster: ClusterFacts | Unreadable
    kfp_version: str | Unreadable
    store: StoreSeen


def examine(facts: Facts, wanted: Wanted) -> list[Finding]:
    """Every finding, in the order in which a person would put things right."""
    findings = list(_cluster(facts.cluster, wanted))
    findings.append(_kfp(facts.kfp_version))
    findings += _store(facts.store)
    return findings


def healthy(findings: Collection[Finding]) -> bool:
    """Whether nothing is wrong; what could not be seen is no fault, and is said."""
    return all(finding.level is not Level.WRONG for finding in findings)


def _cluster(cluster: ClusterFacts | Unreadable, wanted: Wanted) -> Iterator[Finding]:
    if isinstance(cluster, Unreadable):
        remedy = "set KUBECONFIG; nothing else of the cluster could be looked at"
        yield Finding(Level.WRONG, "Kubernetes", cluster.reason, "a cluster that answers", remedy)
        return
    yield _since("Kubernetes", cluster.version, KUBERNETES_SINCE, "upgrade the cluster")
    yield from _kinds(cluster.kinds, wanted)
    yield _default_mode(cluster.default_mode, wanted.mode)
    yield _kserve_version(cluster.kserve_images, wanted.mode)
    yield _pod_security(cluster.labels)
    yield _secret(cluster.secret)
    yield from _nodes(cluster.nodes)
    yield from _volumes(cluster.volumes)
    yield from _models(cluster.models)


def parse_version(text: str) -> tuple[int, int] | None:
    """Major and minor, out of `v1.34.4`, `1.34+` or an image's tag."""
    found = re.match(r"v?(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else None


def _since(subject: str, value: str, since: tuple[int, int], remedy: str) -> Finding:
    version, expected = parse_version(value), f"{since[0]}.{since[1]} or later"
    if version is None:
        return Finding(Level.NOTE, subject, f"version {value!r} cannot be read", expected)
    if version < since:
        return Finding(Level.WRONG, subject, value, expected, remedy)
    return Finding(Level.OK, subject, value)


def _unseen(subject: str, fact: Unreadable) -> Finding:
    """What we may not look at is unseen; a question that failed otherwise is a fault of the cluster."""
    if fact.forbidden:
        return Finding(Level.UNSEEN, subject, fact.reason, remedy="run the doctor with an account that may read it")
    return Finding(Level.WRONG, subject, fact.reason, "an answer", "look at the API server")


def _kinds(kinds: Mapping[tuple[str, str], Collection[str]] | Unreadable, wanted: Wanted) -> Iterator[Finding]:
    if isinstance(kinds, Unreadable):
        yield _unseen("kinds of objects", kinds)
        return
    for kind in wanted.kinds:
        subject, served = f"{kind.name} ({kind.group}/{kind.version})", kinds.get((kind.group, kind.version), ())
        others = sorted(
            version for group, version in kinds if group == kind.group and kind.name in kinds[group, version]
        )
        if kind.name in served:
            yield Finding(Level.OK, subject, "there")
        elif others:
            value = f"served as {', '.join(others)}"
            yield Finding(Level.WRONG, subject, value, kind.version, f"install another version of {kind.brought_by}")
        else:
            yield Finding(Level.WRONG, subject, "not there", "its CRD", f"install {kind.brought_by}")


def _default_mode(mode: str | Unreadable | None, wanted: str) -> Finding:
    subject = "KServe's default mode"
    if isinstance(mode, Unreadable):
        return _unseen(subject, mode)
    if mode is None:
        expected = "ConfigMap inferenceservice-config in namespace kserve"
        return Finding(Level.WRONG, subject, "not there", expected, "install KServe")
    mode = OLDER_MODES.get(mode, mode)
    if mode not in KSERVE_SINCE:
        return Finding(
            Level.WRONG, subject, mode, wanted, "set deploy.defaultDeploymentMode in inferenceservice-config"
        )
    if mode != wanted:
        remedy = "the manifests' own annotation decides for theirs; other InferenceServices get the default"
        return Finding(Level.NOTE, subject, mode, f"{wanted} as in the overlay", remedy)
    return Finding(Level.OK, subject, mode)


def _kserve_version(images: Collection[str] | Unreadable | None, mode: str) -> Finding:
    if isinstance(images, Unreadable):
        return _unseen("KServe", images)
    if images is None:
        return Finding(
            Level.WRONG, "KServe", "no controller", "kserve-controller-manager in namespace kserve", "install KServe"
        )
    tags = [image.rsplit(":", 1)[-1] for image in images if ":" in image.rsplit("/", 1)[-1]]
    tag = next((tag for tag in tags if parse_version(tag)), "")
    if not tag:
        expected = "an image with a version as its tag"
        return Finding(
            Level.WRONG, "KServe", ", ".join(images), expected, "the rollout cannot tell what KServe honours"
        )
    return _since(
        "KServe", tag, KSERVE_SINCE[mode], f"upgrade KServe; {mode} mode ignores the canary before, in silence"
    )


def _pod_security(labels: Mapping[str, str] | Unreadable | None) -> Finding:
    subject, remedy = f"namespace {NAMESPACE}", "kubectl apply -f manifests/base/namespace.yaml"
    if isinstance(labels, Unreadable):
        return _unseen(subject, labels)
    if labels is None:
        return Finding(Level.WRONG, subject, "not there", "one with Pod Security restricted", remedy)
    level = labels.get(POD_SECURITY, "no level")
    if level != "restricted":
        return Finding(Level.WRONG, subject, f"{POD_SECURITY}: {level}", "restricted", remedy)
    return Finding(Level.OK, subject, "Pod Security restricted is enforced")


def _secret(secret: Secret | Unreadable | None) -> Finding:
    subject, how = f"secret store in {NAMESPACE}", "see manifests/README.md, The way"
    if isinstance(secret, Unreadable):
        return _unseen(subject, secret)
    if secret is None:
        return Finding(Level.WRONG, subject, "not there", "the object store's credentials", how)
    missing = [name for name in CREDENTIALS if name not in secret.keys]
    if missing:
        return Finding(Level.WRONG, subject, f"without {', '.join(missing)}", "both credentials", how)
    if ENDPOINT_NOTE not in secret.annotations:
        return Finding(Level.WRONG, subject, "not annotated", f"{ENDPOINT_NOTE}, which KServe reads", how)
    if secret.trouble:
        return Finding(Level.WRONG, subject, secret.trouble, "credentials that the store takes", how)
    return Finding(Level.OK, subject, "there, and the store takes it")


def _nodes(nodes: tuple[Node, ...] | Unreadable) -> Iterator[Finding]:
    if isinstance(nodes, Unreadable):
        yield _unseen("nodes", nodes)
        return
    if not any("Ready" in node.conditions and node.schedulable for node in nodes):
        yield Finding(
            Level.WRONG, "nodes", f"{len(nodes)}, none that takes pods", "one that is Ready", "look at the nodes"
        )
    for node in nodes:
        pressed = [name for name in PRESSURES if name in node.conditions]
        if "Ready" not in node.conditions:
            pressed = ["not Ready", *pressed]
        if pressed:
            remedy = f"kubectl describe node {node.name}: pods are evicted or not started there"
            yield Finding(Level.WRONG, f"node {node.name}", ", ".join(pressed), "Ready and under no pressure", remedy)
        elif not node.schedulable:
            yield Finding(Level.NOTE, f"node {node.name}", "cordoned", "one that takes pods")
        else:
            yield Finding(Level.OK, f"node {node.name}", "Ready, under no pressure")


def _volumes(volumes: tuple[Volume, ...] | Unreadable) -> Iterator[Finding]:
    if isinstance(volumes, Unreadable):
        # Only kubelets can tell, and many clusters let nobody ask them: that is no fault.
        yield _unseen("volumes", Unreadable(volumes.reason, forbidden=True))
        return
    for volume in volumes:
        if volume.capacity_bytes <= 0:
            yield Finding(Level.NOTE, volume.name, "says no capacity", "more than 0 bytes")
            continue
        share = volume.used_bytes / volume.capacity_bytes
        value = f"{share:.0%} of {volume.capacity_bytes / 2**30:.1f} GiB used"
        level = Level.WRONG if share >= FULL else Level.NOTE if share >= NEARLY_FULL else Level.OK
        told = ("", "") if level is Level.OK else (f"less than {NEARLY_FULL:.0%}", "make room or enlarge it")
        yield Finding(level, volume.name, value, *told)


def _models(models: tuple[Model, ...] | Unreadable | None) -> Iterator[Finding]:
    """What was applied before; on a new cluster there is none, which is no fault."""
    if isinstance(models, Unreadable):
        yield _unseen("InferenceServices", models)
        return
    for model in models or ():
        subject = f"InferenceService {model.name}"
        if model.ready:
            yield Finding(Level.OK, subject, "Ready")
        else:
            remedy = f"kubectl -n {NAMESPACE} describe inferenceservice {model.name}"
            yield Finding(Level.WRONG, subject, model.message or "says nothing", "Ready", remedy)


def _kfp(version: str | Unreadable) -> Finding:
    if isinstance(version, Unreadable):
        remedy = "set KFP_ENDPOINT, and look at deployment ml-pipeline"
        return Finding(Level.WRONG, "Kubeflow Pipelines", version.reason, "its API (v2beta1)", remedy)
    return _since("Kubeflow Pipelines", version, KFP_SINCE, "upgrade it: version 1 cannot read the compiled pipelines")


def _store(store: StoreSeen) -> Iterator[Finding]:
    if store.trouble:
        yield Finding(
            Level.WRONG, "object store", store.trouble, remedy="see WINDSOCK_STORE, WINDSOCK_S3_ENDPOINT and AWS_*"
        )
        return
    yield Finding(Level.OK, "object store", f"{store.address} answers and takes the credentials")
    if store.published:
        yield Finding(Level.OK, "use case", "published, and its rules with it")
    else:
        yield Finding(Level.WRONG, "use case", "not published", "one in the store, and its rules", "run `make publish`")
