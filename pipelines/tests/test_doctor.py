"""The doctor asks real servers: whatever they answer, it ends with lines and never with a traceback."""

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from windsock.contracts.errors import InputError

from pipelines import doctor
from pipelines.doctor import look_at_pipelines, look_at_store, read_overlay
from pipelines.doctor_policy import Unreadable, Wanted

XML = '<?xml version="1.0"?><Error><Code>{}</Code><Message>said</Message><Resource>/</Resource></Error>'
KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
STORED = {
    "/mlpipeline/windsock/use_cases/current.json": "{}",
    "/mlpipeline/windsock/releases/day-zero/manifest.json": "{}",
}


def group(name, version, *kinds):
    return {"name": name, "versions": [{"groupVersion": f"{name}/{version}", "version": version}]}, {
        "resources": [{"kind": kind} for kind in kinds]
    }


KNATIVE = group("serving.knative.dev", "v1", "Service")
ARGO = group("argoproj.io", "v1alpha1", "Workflow", "CronWorkflow")
KSERVE = group("serving.kserve.io", "v1beta1", "InferenceService")
KSERVE[0]["versions"].append({"groupVersion": "serving.kserve.io/v1alpha1", "version": "v1alpha1"})
NODE = {"metadata": {"name": "one"}, "spec": {}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}
CONTROLLER = {"spec": {"template": {"spec": {"containers": [{"image": "kserve/kserve-controller:v0.20.0"}]}}}}
CLAIM = {"name": "data", "pvcRef": {"name": "mlflow", "namespace": "windsock"}}
MEASURED = {"capacityBytes": 100, "availableBytes": 50}
SECRET = {name: base64.b64encode(value.encode()).decode() for name, value in KEYS.items()}
MODELS = "/apis/serving.kserve.io/v1beta1/namespaces/windsock/inferenceservices"
STUCK = {"items": [{"metadata": {"name": "rules"}, "status": {"conditions": [
    {"type": "PredictorReady", "status": "False", "message": "no such bucket"}, {"type": "Ready", "status": "False"}]}},
    {"metadata": {"name": "predictor"}}]}  # fmt: skip
HEALTHY = {
    "/version": {"gitVersion": "v1.34.4"},
    "/apis": {"groups": [KNATIVE[0], ARGO[0], KSERVE[0], {"name": "apps", "versions": []}]},
    "/apis/serving.knative.dev/v1": KNATIVE[1],
    "/apis/argoproj.io/v1alpha1": ARGO[1],
    "/apis/serving.kserve.io/v1beta1": KSERVE[1],
    "/apis/serving.kserve.io/v1alpha1": {
        "resources": [{"kind": "ServingRuntime"}, {"kind": "ClusterStorageContainer"}]
    },
    "/api/v1/namespaces/kserve/configmaps/inferenceservice-config": {
        "data": {"deploy": '{"defaultDeploymentMode": "Knative"}'}
    },
    "/apis/apps/v1/namespaces/kserve/deployments/kserve-controller-manager": CONTROLLER,
    "/api/v1/namespaces/windsock": {
        "metadata": {"name": "windsock", "labels": {"pod-security.kubernetes.io/enforce": "restricted"}}
    },
    "/api/v1/namespaces/windsock/secrets/store": {
        "data": SECRET, "metadata": {"annotations": {"serving.kserve.io/s3-endpoint": "minio:9000"}}
    },
    "/api/v1/nodes": {"items": [NODE]},
    "/api/v1/nodes/one/proxy/stats/summary": {
        "node": {"fs": MEASURED}, "pods": [{"volume": [{**CLAIM, **MEASURED}, {"name": "token", **MEASURED}]}]
    },
    MODELS: {"items": [{"metadata": {"name": "rules"}, "status": {"conditions": NODE["status"]["conditions"]}}]},
    "/apis/v2beta1/experiments": {"experiments": []},
    "/apis/v2beta1/healthz": {"multi_user": False},
    "/apis/v1beta1/healthz": {"tag_name": "2.0.5"},
}  # fmt: skip


class Answers:
    """One HTTP server in the place of the three that the doctor asks: a status and a text for each path."""

    def __init__(self):
        self.pages = {path: (200, json.dumps(page)) for path, page in HEALTHY.items()}
        self.pages.update({path: (200, page) for path, page in STORED.items()})
        answers = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                path = self.path.split("?")[0]
                stored = path.startswith("/mlpipeline")
                status, page = answers.pages.get(path, (404, XML.format("NoSuchKey") if stored else "{}"))
                content = page.encode()
                self.send_response(status)
                self.send_header("content-type", "application/xml" if stored and status != 200 else "application/json")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def answers(tmp_path, monkeypatch):
    answers = Answers()
    kubeconfig = tmp_path / "kubeconfig"
    cluster = {"name": "c", "cluster": {"server": answers.address}}
    context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
    content = {"apiVersion": "v1", "kind": "Config", "clusters": [cluster], "contexts": [context],
               "users": [{"name": "u", "user": {}}], "current-context": "c"}  # fmt: skip
    kubeconfig.write_text(json.dumps(content))
    place(monkeypatch, kubeconfig, answers.address)
    yield answers
    answers.server.shutdown()
    answers.server.server_close()


def place(monkeypatch, kubeconfig, address):
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    settings = {
        "KFP_ENDPOINT": address,
        "WINDSOCK_S3_ENDPOINT": address,
        "WINDSOCK_STORE": "minio://mlpipeline/windsock",
    }
    for name, value in {**settings, **KEYS}.items():
        monkeypatch.setenv(name, value)


def examined(capsys):
    code = doctor.main([])
    said = capsys.readouterr()
    assert "Traceback" not in said.out + said.err
    return code, said.out


def test_a_healthy_cluster_passes(answers, capsys):
    code, said = examined(capsys)
    assert "doctor: nothing is wrong" in said, said
    assert code == 0
    assert "ok      volume mlflow: 50% of 0.0 GiB used" in said


NOBODY = XML.format("InvalidAccessKeyId")


@pytest.mark.parametrize(
    ("path", "page", "line"),
    [
        ("/version", (200, "{}"), "wrong   Kubernetes: an answer of another shape"),
        ("/version", (401, "{}"), "wrong   Kubernetes: /version: 401 Unauthorized"),
        ("/version", (200, "no JSON"), "wrong   Kubernetes: "),
        ("/apis", (500, "{}"), "wrong   kinds of objects: /apis: 500"),
        (
            "/apis/serving.knative.dev/v1",
            (200, '{"resources": []}'),
            "wrong   Service (serving.knative.dev/v1): not there",
        ),
        ("/api/v1/namespaces/windsock", (404, "{}"), "wrong   namespace windsock: not there"),
        ("/api/v1/namespaces/windsock/secrets/store", (403, "{}"), "unseen  secret store in windsock: this account"),
        ("/api/v1/nodes/one/proxy/stats/summary", (403, "{}"), "unseen  volumes: this account may not read"),
        (MODELS, (200, json.dumps(STUCK)), "wrong   InferenceService rules: no such bucket, expected Ready"),
        (MODELS, (200, json.dumps(STUCK)), "wrong   InferenceService predictor: says nothing, expected Ready"),
        (MODELS, (200, "{}"), "wrong   InferenceServices: an answer of another shape"),
        ("/apis/v2beta1/experiments", (404, "not here"), "wrong   Kubeflow Pipelines: "),
        ("/apis/v1beta1/healthz", (200, "[]"), "note    Kubeflow Pipelines: version 'unknown'"),
        ("/mlpipeline/windsock/use_cases/current.json", (403, NOBODY), "wrong   object store: AWS_ACCESS_KEY_ID: got"),
        (
            "/mlpipeline/windsock/use_cases/current.json",
            (404, XML.format("NoSuchBucket")),
            "wrong   object store: bucket: got 'mlpipeline', expected one that exists",
        ),
        (
            "/mlpipeline/windsock/use_cases/current.json",
            (404, XML.format("NoSuchKey")),
            "wrong   use case: not published",
        ),
        (
            "/mlpipeline/windsock/releases/day-zero/manifest.json",
            (404, XML.format("NoSuchKey")),
            "wrong   use case: not",
        ),
        ("/mlpipeline/windsock/use_cases/current.json", (400, "no XML"), "wrong   object store: "),
    ],
)
def test_whatever_a_server_answers_is_a_line(answers, capsys, path, page, line):
    answers.pages[path] = page
    code, said = examined(capsys)
    assert any(told.startswith(line) for told in said.splitlines()), said
    assert code == (2 if line.startswith("wrong") else 0)


def test_a_secret_that_the_store_refuses_is_told_and_not_shown(answers, capsys):
    held = {**SECRET, "AWS_SECRET_ACCESS_KEY": base64.b64encode(b"\xff").decode()}
    page = {"data": held, "metadata": {"annotations": {"serving.kserve.io/s3-endpoint": "x"}}}
    answers.pages["/api/v1/namespaces/windsock/secrets/store"] = (200, json.dumps(page))
    code, said = examined(capsys)
    assert code == 2
    assert "wrong   secret store in windsock: credentials that are no text" in said


def test_without_any_server_there_are_three_lines(tmp_path, monkeypatch, capsys):
    place(monkeypatch, tmp_path / "nothing", "http://127.0.0.1:9")
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    code, said = examined(capsys)
    assert code == 2
    assert [line.split(":")[0] for line in said.splitlines()[:-1]] == [
        "wrong   Kubernetes", "wrong   Kubeflow Pipelines", "wrong   object store"
    ]  # fmt: skip
    assert said.splitlines()[-1] == "doctor: 3 findings, 3 wrong"


@pytest.mark.parametrize("content", ["", "[]", "clusters: {", "apiVersion: v1\nkind: Config\n"])
def test_a_broken_kubeconfig_is_a_line(answers, tmp_path, monkeypatch, capsys, content):
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(content)
    code, said = examined(capsys)
    assert code == 2
    assert "wrong   Kubernetes: no way to a cluster" in said


def test_the_store_and_pipelines_without_settings_say_so():
    assert "AWS_ACCESS_KEY_ID" in look_at_store({}).trouble
    assert isinstance(look_at_pipelines("http://127.0.0.1:9"), Unreadable)


def test_the_overlay_names_the_mode():
    assert read_overlay("laptop") == Wanted("Knative")
    with pytest.raises(InputError, match="overlay: got 'none', expected one of laptop"):
        read_overlay("none")
