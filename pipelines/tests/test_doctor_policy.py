"""What the doctor says of a cluster, fault by fault: facts in, one line out."""

from dataclasses import replace

import pytest

from pipelines.doctor_policy import (
    ENDPOINT_NOTE,
    POD_SECURITY,
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
    parse_version,
)

GIB = 2**30
KINDS = {
    ("argoproj.io", "v1alpha1"): {"Workflow", "CronWorkflow"},
    ("serving.kserve.io", "v1beta1"): {"InferenceService"},
    ("serving.kserve.io", "v1alpha1"): {"ServingRuntime", "ClusterStorageContainer"},
    ("serving.knative.dev", "v1"): {"Service", "Route"},
}
SECRET = Secret({"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}, {ENDPOINT_NOTE: "minio:9000"})
CLUSTER = ClusterFacts(
    version="v1.34.4",
    kinds=KINDS,
    default_mode="Knative",
    kserve_images=["docker.io/kserve/kserve-controller:v0.20.0"],
    labels={POD_SECURITY: "restricted"},
    secret=SECRET,
    nodes=(Node("one", {"Ready"}),),
    volumes=(Volume("volume mlflow", GIB, 2 * GIB),),
    models=(Model("rules", True),),
)
STORE = StoreSeen("minio://mlpipeline/windsock", published=True)
FACTS = Facts(CLUSTER, "2.0.5", STORE)
FORBIDDEN = Unreadable("this account may not read /api/v1/nodes", forbidden=True)


def without(group, version, kind):
    return {**KINDS, (group, version): KINDS[group, version] - {kind}}


def test_a_cluster_with_everything_is_healthy():
    findings = examine(FACTS, Wanted())
    assert {finding.level for finding in findings} == {Level.OK}
    assert healthy(findings)


@pytest.mark.parametrize(
    ("changed", "subject", "said"),
    [
        ({"version": "v1.28.3"}, "Kubernetes", "v1.28.3, expected 1.30 or later"),
        ({"kinds": without("serving.kserve.io", "v1beta1", "InferenceService")}, "InferenceService", "install KServe"),
        ({"kinds": without("serving.kserve.io", "v1alpha1", "ClusterStorageContainer")}, "ClusterStorage", "not there"),
        ({"kinds": without("argoproj.io", "v1alpha1", "CronWorkflow")}, "CronWorkflow", "its CRD: install Argo"),
        ({"kinds": without("serving.knative.dev", "v1", "Service")}, "Service (serving.knative", "install Knative"),
        ({"kinds": {}}, "Workflow", "not there"),
        (
            {
                "kinds": {
                    **KINDS,
                    ("serving.kserve.io", "v1beta1"): {"Other"},
                    ("serving.kserve.io", "v2"): {"InferenceService"},
                }
            },
            "InferenceService",
            "served as v2, expected v1beta1",
        ),
        ({"kinds": Unreadable("/apis: 500 no")}, "kinds of objects", "/apis: 500 no"),
        ({"default_mode": None}, "KServe's default mode", "install KServe"),
        ({"default_mode": "ModelMesh"}, "KServe's default mode", "ModelMesh, expected Knative"),
        ({"kserve_images": None}, "KServe", "no controller"),
        ({"kserve_images": ["kserve/kserve-controller:v0.15.2"]}, "KServe", "v0.15.2, expected 0.20 or later"),
        ({"kserve_images": ["kserve/kserve-controller:latest"]}, "KServe", "an image with a version as its tag"),
        ({"kserve_images": ["registry:5000/kserve-controller"]}, "KServe", "an image with a version as its tag"),
        ({"labels": None}, "namespace windsock", "not there"),
        ({"labels": {}}, "namespace windsock", "no level, expected restricted"),
        ({"labels": {POD_SECURITY: "privileged"}}, "namespace windsock", "privileged, expected restricted"),
        ({"secret": None}, "secret store", "not there"),
        ({"secret": Secret({"AWS_ACCESS_KEY_ID"})}, "secret store", "without AWS_SECRET_ACCESS_KEY"),
        ({"secret": Secret(SECRET.keys)}, "secret store", "not annotated"),
        ({"secret": replace(SECRET, trouble="SignatureDoesNotMatch")}, "secret store", "SignatureDoesNotMatch"),
        ({"nodes": ()}, "nodes", "none that takes pods"),
        ({"nodes": (Node("one", {"Ready"}, schedulable=False),)}, "nodes", "1, none that takes pods"),
        ({"nodes": (Node("one", {"Ready", "DiskPressure"}),)}, "node one", "DiskPressure, expected Ready"),
        ({"nodes": (Node("one", {"Ready", "MemoryPressure"}),)}, "node one", "MemoryPressure"),
        ({"nodes": (Node("one", {"Ready"}), Node("two", set()))}, "node two", "not Ready"),
        (
            {"models": (Model("predictor", False, "no bucket"),)},
            "InferenceService predictor",
            "no bucket, expected Ready",
        ),
        ({"models": (Model("predictor", False),)}, "InferenceService predictor", "says nothing"),
        ({"models": Unreadable("500 no")}, "InferenceServices", "500 no"),
        ({"volumes": (Volume("volume mlflow", 2 * GIB, 2 * GIB),)}, "volume mlflow", "100% of 2.0 GiB used"),
    ],
)
def test_one_fault_of_the_cluster_is_one_wrong_line(changed, subject, said):
    findings = examine(replace(FACTS, cluster=replace(CLUSTER, **changed)), Wanted())
    wrong = [finding for finding in findings if finding.level is Level.WRONG]
    assert wrong
    assert not healthy(findings)
    (line,) = {finding.line() for finding in wrong if finding.line().startswith(f"wrong   {subject}")} or {""}
    assert said in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("facts", "subject", "said"),
    [
        (replace(FACTS, cluster=Unreadable("127.0.0.1:1: refused")), "Kubernetes", "set KUBECONFIG"),
        (replace(FACTS, kfp_version=Unreadable("127.0.0.1:1: refused")), "Kubeflow Pipelines", "set KFP_ENDPOINT"),
        (replace(FACTS, kfp_version="1.8.5"), "Kubeflow Pipelines", "1.8.5, expected 2.0 or later"),
        (replace(FACTS, store=StoreSeen("", "bucket: got 'x'")), "object store", "bucket: got 'x'"),
        (replace(FACTS, store=StoreSeen("minio://x/y")), "use case", "run `make publish`"),
    ],
)
def test_one_fault_beside_the_cluster_is_one_wrong_line(facts, subject, said):
    (wrong,) = (finding for finding in examine(facts, Wanted()) if finding.level is Level.WRONG)
    assert wrong.line().startswith(f"wrong   {subject}: ")
    assert said in wrong.line()


@pytest.mark.parametrize(
    ("changed", "level", "said"),
    [
        ({"default_mode": "Serverless"}, Level.OK, "Knative"),
        ({"default_mode": "RawDeployment"}, Level.NOTE, "Standard, expected Knative as in the overlay"),
        ({"nodes": (Node("a", {"Ready"}), Node("b", {"Ready"}, False))}, Level.NOTE, "cordoned"),
        ({"nodes": FORBIDDEN}, Level.UNSEEN, "this account may not read"),
        ({"secret": FORBIDDEN}, Level.UNSEEN, "this account may not read"),
        ({"volumes": Unreadable("/proxy: 503")}, Level.UNSEEN, "/proxy: 503"),
        ({"volumes": (Volume("volume mlflow", 9 * GIB, 10 * GIB),)}, Level.NOTE, "90% of 10.0 GiB used"),
        ({"volumes": (Volume("volume mlflow", 0, 0),)}, Level.NOTE, "says no capacity"),
        ({"models": None}, Level.OK, "Ready, under no pressure"),
        ({"version": "weird"}, Level.NOTE, "cannot be read"),
    ],
)
def test_what_is_told_but_is_no_fault(changed, level, said):
    findings = examine(replace(FACTS, cluster=replace(CLUSTER, **changed)), Wanted())
    assert healthy(findings)
    assert [finding for finding in findings if finding.level is level and said in finding.line()]


def test_standard_mode_wants_a_kserve_that_gives_its_canary_traffic_and_the_gateways():
    wrong = [one.line() for one in examine(FACTS, Wanted("Standard")) if one.level is Level.WRONG]
    assert [line.split(":")[0].split("(")[0].strip() for line in wrong] == ["wrong   HTTPRoute", "wrong   KServe"]
    assert "v0.20.0, expected 0.21 or later" in wrong[1]


def test_alerts_want_the_operator():
    (wrong,) = (one.line() for one in examine(FACTS, Wanted(alerts=True)) if one.level is Level.WRONG)
    assert "PrometheusRule" in wrong
    assert "install the Prometheus operator" in wrong


def test_a_finding_is_one_line_whatever_it_holds():
    assert Finding(Level.WRONG, "a", "b\nc", "d", "e").line() == "wrong   a: b c, expected d: e"


@pytest.mark.parametrize(
    ("text", "version"), [("v1.34.4", (1, 34)), ("1.30+", (1, 30)), ("2.0.5", (2, 0)), ("latest", None), ("", None)]
)
def test_versions_are_read_as_they_come(text, version):
    assert parse_version(text) == version
