"""Every overlay and every combination of options renders, and what comes out keeps the house's promises."""

import copy
import os
import re
import shutil
import subprocess
from functools import cache
from itertools import combinations, product
from pathlib import Path

import pytest
import yaml

from pipelines.tests.manifest_rules import name_of, of_kind, violations

ROOT = Path(__file__).parents[2]
MANIFESTS = ROOT / "manifests"
OVERLAYS = sorted(path.parent.name for path in MANIFESTS.glob("overlays/*/kustomization.yaml"))
MODES = {"kserve-knative": "day-zero", "kserve-standard": "options/kserve-standard/day-zero"}
DAY_ZERO = {"laptop": "day-zero", "production": "overlays/production/day-zero"}
OPTIONS = sorted({path.parent.name for path in MANIFESTS.glob("options/*/kustomization.yaml")} - set(MODES))
SUBSETS = [chosen for count in range(len(OPTIONS) + 1) for chosen in combinations(OPTIONS, count)]
# What people bring, as the README says; all else must be there.
GIVEN = {"Secret store", "Secret postgresql", "Secret mlpipeline-minio-artifact"}
KUBECTL = shutil.which("kubectl")
pytestmark = pytest.mark.skipif(not KUBECTL, reason="rendering the manifests wants kubectl on the PATH")


def render(folder: Path) -> list[dict]:
    """What `kubectl apply -k` would send, and no word of warning."""
    done = subprocess.run([str(KUBECTL), "kustomize", str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return [thing for thing in yaml.safe_load_all(done.stdout) if thing]


@cache
def overlay(name: str) -> list[dict]:
    return render(MANIFESTS / "overlays" / name) + render(MANIFESTS / DAY_ZERO[name])


def combine(folder: Path, mode: str, options: tuple[str, ...]) -> list[dict]:
    """The base with a mode and some options, as an own overlay would name them."""
    to = Path(os.path.relpath(MANIFESTS, folder))
    components = [str(to / "options" / name) for name in (mode, *options)] + [str(to / "images")]
    content = {"namespace": "windsock", "resources": [str(to / "base")], "components": components}
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(content))
    return render(folder) + render(MANIFESTS / MODES[mode])


@pytest.mark.parametrize("name", OVERLAYS)
def test_an_overlay_keeps_every_promise(name):
    assert violations(overlay(name), GIVEN, whole=name == "production") == []


@pytest.mark.parametrize(("mode", "options"), list(product(MODES, SUBSETS)), ids=str)
def test_every_combination_of_options_keeps_every_promise(tmp_path, mode, options):
    objects = combine(tmp_path.resolve(), mode, options)
    assert violations(objects, GIVEN | {"ConfigMap store"}, whole=set(options) == set(OPTIONS)) == []
    wanted = {"kserve-knative": "Knative", "kserve-standard": "Standard"}[mode]
    modes = {thing["metadata"]["name"]: thing["metadata"]["annotations"]["serving.kserve.io/deploymentMode"]
             for thing in of_kind(objects, "InferenceService")}  # fmt: skip
    # Never by Knative's gateway: what is asked when that does not answer.
    assert modes == {"predictor": wanted, "rules": "Standard"}


def test_production_survives_the_loss_of_a_node():
    objects = overlay("production")
    scalers = {thing["metadata"]["name"]: thing["spec"]["minReplicas"]
               for thing in of_kind(objects, "HorizontalPodAutoscaler")}  # fmt: skip
    fewest = {
        name_of(thing): thing["spec"]["predictor"]["minReplicas"] for thing in of_kind(objects, "InferenceService")
    }
    assert scalers == {"edge": 2}
    assert fewest == {"InferenceService rules": 2, "InferenceService predictor": 2}
    for kind, name in (("Deployment", "edge"), ("InferenceService", "rules")):
        spec = _find(objects, kind, name)["spec"]
        (spread,) = (spec["template"]["spec"] if "template" in spec else spec["predictor"])["topologySpreadConstraints"]
        labels = spread["labelSelector"]["matchLabels"]
        assert name in labels.values()
        assert spread["topologyKey"] == "kubernetes.io/hostname"
    # Kubeflow's secret for its store is called so whatever the store is; no address is the laptop's.
    assert not [thing for thing in objects if re.search(r"minio-service|minio:", yaml.safe_dump(thing))]


@pytest.mark.parametrize("name", ["laptop", "production"])
def test_what_answers_while_a_release_starts_has_no_fewer_shares_of_the_processor_than_it(name):
    objects = overlay(name)

    def shares(container):
        return int(container["resources"]["requests"]["cpu"].removesuffix("m"))

    starting = shares(_container(objects, "windsock-predictor", "ServingRuntime"))
    rules = _find(objects, "InferenceService", "rules")["spec"]["predictor"]["model"]
    for answering in (_container(objects), _container(objects, "windsock-rules", "ServingRuntime"), rules):
        assert shares(answering) >= starting


def test_production_denies_what_no_policy_names():
    (deny,) = (thing for thing in of_kind(overlay("production"), "NetworkPolicy") if not thing["spec"]["podSelector"]
               and "egress" not in thing["spec"])  # fmt: skip
    assert sorted(deny["spec"]["policyTypes"]) == ["Egress", "Ingress"]
    assert "ingress" not in deny["spec"]


def test_alerts_ask_for_figures_that_the_servers_give():
    (rule,) = of_kind(overlay("production"), "PrometheusRule")
    sources = (ROOT / "serving").glob("*/windsock/*/*.py")
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    alerts = [alert for group in rule["spec"]["groups"] for alert in group["rules"]]
    for alert in alerts:
        assert set(alert["annotations"]) == {"summary", "action"}
        assert alert["labels"]["severity"] in {"page", "ticket"}
        for metric in re.findall(r"\bwindsock_(\w+)", alert["expr"]):
            assert re.search(rf'"(?:windsock_)?{metric.removesuffix("_total")}"', text), metric


def test_every_option_is_described():
    readme = (MANIFESTS / "README.md").read_text(encoding="utf-8")
    assert [name for name in (*OPTIONS, *MODES) if f"`options/{name}/`" not in readme] == []


def _find(objects, kind, name):
    return next(thing for thing in objects if name_of(thing) == f"{kind} {name}")


def _container(objects, name="edge", kind="Deployment"):
    spec = _find(objects, kind, name)["spec"]
    return (spec["template"]["spec"] if "template" in spec else spec)["containers"][0]


ROLE = {"kind": "Role", "metadata": {"name": "r", "namespace": "windsock"},
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["*"]}]}  # fmt: skip
SECRET = {"kind": "Secret", "metadata": {"name": "s", "namespace": "windsock"}, "stringData": {"a": "b"}}
BREAKS = {
    "may run as root": lambda o: _find(o, "Deployment", "edge")["spec"]["template"]["spec"].pop("securityContext"),
    "may write its root": lambda o: _container(o)["securityContext"].pop("readOnlyRootFilesystem"),
    "may gain rights": lambda o: _container(o)["securityContext"].pop("capabilities"),
    "without a seccomp profile": lambda o: _container(o, "windsock-rules", "ServingRuntime")["securityContext"].pop(
        "seccompProfile"
    ),
    "without requests and a limit": lambda o: _container(o)["resources"].pop("limits"),
    "without probes": lambda o: _container(o).pop("livenessProbe"),
    "has no fixed tag": lambda o: _container(o, "redis").update(image="docker.io/library/redis:latest"),
    "image ghcr.io/windsock/edge": lambda o: _container(o).update(image="ghcr.io/windsock/edge:1"),
    "a star": lambda o: o.append(copy.deepcopy(ROLE)),
    "gives its token": lambda o: _find(o, "ServiceAccount", "edge").pop("automountServiceAccountToken"),
    "a secret in git": lambda o: o.append(SECRET),
    "AWS_SECRET_ACCESS_KEY is a secret": lambda o: _find(o, "ConfigMap", "store")["data"].update(
        AWS_SECRET_ACCESS_KEY="x"
    ),
    "PGPASSWORD is a secret": lambda o: _container(o).update(env=[{"name": "PGPASSWORD", "value": "x"}]),
    "InferenceService rules: 2 replicas and no": lambda o: o.remove(_find(o, "PodDisruptionBudget", "rules")),
    "Deployment edge: 2 replicas and no": lambda o: o.remove(_find(o, "PodDisruptionBudget", "edge")),
    "keep a node from being emptied": lambda o: _find(o, "PodDisruptionBudget", "edge")["spec"].update(minAvailable=1),
    "which is not there": lambda o: o.remove(_find(o, "Deployment", "edge")),
    "no ConfigMap store": lambda o: o.remove(_find(o, "ConfigMap", "store")),
    "no Secret other": lambda o: _container(o).update(envFrom=[{"secretRef": {"name": "other"}}]),
    "no PersistentVolumeClaim mlflow": lambda o: o.remove(_find(o, "PersistentVolumeClaim", "mlflow")),
    "no ServingRuntime windsock-rules": lambda o: o.remove(_find(o, "ServingRuntime", "windsock-rules")),
    "not in namespace windsock": lambda o: _find(o, "Service", "edge")["metadata"].pop("namespace"),
    "Role windsock-schedules: not in namespace": lambda o: _find(o, "Role", "windsock-schedules")["metadata"].update(
        namespace="default"
    ),
    "CronWorkflow windsock-training/main: may write its root": lambda o: _find(o, "CronWorkflow", "windsock-training")[
        "spec"
    ]["workflowSpec"]["templates"][0]["container"]["securityContext"].pop("readOnlyRootFilesystem"),
    "no ConfigMap windsock-schedules": lambda o: o.remove(_find(o, "ConfigMap", "windsock-schedules")),
    "restricted is not enforced": lambda o: _find(o, "Namespace", "windsock")["metadata"].pop("labels"),
    "is nobody's": lambda o: o.remove(_find(o, "InferenceService", "rules")),
    "Service edge: its selector hits nothing": lambda o: _find(o, "Service", "edge")["spec"].update(
        selector={"a": "b"}
    ),
    "NetworkPolicy redis: its selector hits nothing": lambda o: o.remove(_find(o, "Deployment", "redis")),
    "its selector hits no predictor": lambda o: o.remove(_find(o, "InferenceService", "predictor")),
}


@pytest.mark.parametrize("said", BREAKS)
def test_each_promise_that_is_broken_is_told(said):
    objects = copy.deepcopy(overlay("production"))
    BREAKS[said](objects)
    assert [line for line in violations(objects, GIVEN, whole=True) if said in line]
