"""The journey on a real cluster: bring up, apply, train, serve, canary, hurt, roll back. Its steps build on each other.

It wants root and `WINDSOCK_CLUSTER`, the folder of a cluster's `platform/up` and `down`; see `make test-cluster`.
"""

import os
import re
import sys
import time
from pathlib import Path

import pytest
from windsock.contracts.clock import parse_time
from windsock.contracts.use_case import load_use_case

from serving.local.sample import sample_request
from tests.journeys.cluster.place import DRY, ROOT, Cluster

BOX = os.environ.get("WINDSOCK_CLUSTER", "")
pytestmark = pytest.mark.skipif(
    not BOX or os.geteuid() != 0, reason="the journey on a cluster wants root and WINDSOCK_CLUSTER: `make test-cluster`"
)
AS_OF = "2013-07-01"
SCALE = ["kubectl", "-n", "windsock", "scale", "deployment/redis"]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    place = Cluster(Path(BOX).resolve(), tmp_path_factory.mktemp("cluster"))
    place.bring_up()
    landing = place.deliver(AS_OF)
    # Asked two hours before it leaves, at the time that the online store is brought to.
    use_case = load_use_case(ROOT / "feature_repo")
    place.question = sample_request(use_case, landing, parse_time(AS_OF, "as of"))
    yield place
    if not os.environ.get("WINDSOCK_CLUSTER_KEEP"):
        place.take_down()


@pytest.fixture(scope="module")
def known():
    """What earlier steps found out: releases and runs."""
    return {}


def test_images_are_built_by_content(cluster, known):
    said = cluster.build()
    print(said)
    assert len(re.findall(r"ghcr.io/windsock/\w+:[0-9a-f]{16}", said)) == 9


def test_one_apply_brings_everything_up(cluster, known):
    cluster.apply()
    for name in ("edge", "mlflow", "redis"):
        cluster.wait("deployment", name, "Available")
    for name in ("rules", "predictor"):
        cluster.wait("inferenceservice", name, "Ready")
    answered = cluster.ask(cluster.edge)
    assert (answered.status, answered.answered_by) == (200, "rules")
    known["rules"] = answered.release


def test_the_doctor_finds_nothing_wrong_and_tells_wrong_credentials(cluster):
    doctor = [sys.executable, "-m", "pipelines.doctor"]
    healthy = cluster.run(doctor)
    print(healthy.said)
    assert healthy.code == 0, healthy.said
    refused = cluster.run(doctor, AWS_SECRET_ACCESS_KEY="nobody's")
    assert refused.code == 2
    assert "wrong   object store: AWS_ACCESS_KEY_ID: got 'SignatureDoesNotMatch'" in refused.said
    missing = cluster.run(doctor, WINDSOCK_STORE="minio://nowhere/windsock")
    assert missing.code == 2
    assert "wrong   object store: bucket: got 'nowhere'" in missing.said


@pytest.mark.parametrize(
    "folder",
    [
        "manifests/overlays/laptop",
        "manifests/overlays/production",
        "manifests/overlays/production/day-zero",
        "manifests/options/kserve-standard/day-zero",
        "tests/journeys/cluster/standard",
    ],
)
def test_the_api_server_would_take_every_overlay_and_option(cluster, folder):
    cluster.run(["kubectl", "create", "namespace", DRY])
    cluster.must(["kubectl", "label", "namespace", DRY, "pod-security.kubernetes.io/warn=restricted", "--overwrite"])
    said, unknown = cluster.dry_run(ROOT / folder)
    print(said, "kinds that this cluster does not have:", unknown or "none")
    assert "would violate PodSecurity" not in said
    assert {one.split()[0] for one in unknown} <= {"PodMonitor", "PrometheusRule"}


def test_training_on_kubeflow_registers_a_release(cluster, known):
    ended = cluster.pipeline("training", AS_OF, "--register-only")
    print(ended.said)
    assert ended.code == 0, ended.said
    assert "validate_data: passed" in ended.said
    known["model"] = re.search(r"release (sha256:[0-9a-f]{64})", ended.said)[1]
    known["run"] = re.search(r"run ([0-9a-f-]{36})", ended.said)[1]


def test_the_same_run_on_this_machine_gives_the_same_bytes(cluster, known):
    ended = cluster.pipeline("training", AS_OF, on="venv")
    assert ended.code == 0, ended.said
    (run,) = (path.name for path in (cluster.home / "runs").glob("training-*"))
    said = cluster.must([sys.executable, "-m", "pipelines.parity", run, known["run"]])
    print(said)
    assert "artifacts are the same here and on the cluster" in said


def test_features_go_online_through_the_gates(cluster):
    ended = cluster.pipeline("materialization", AS_OF)
    assert ended.code == 0, ended.said


def test_a_canary_gets_its_share_and_then_everything(cluster, known):
    rules, model = known["rules"], known["model"]
    assert cluster.lead(1, {rules: 90, model: 10}) == {rules: 90, model: 10}
    split = cluster.load(20, 20)
    print(split)
    by_release = {release: sum(n for a, n in split.items() if a.release == release) for release in (rules, model)}
    assert {answer.status for answer in split} == {200}
    # Six standard deviations of a binomial of 400 at 10 % are 36.
    assert abs(by_release[model] - 40) < 36
    assert cluster.lead(2, {rules: 50, model: 50}) == {rules: 50, model: 50}
    assert cluster.lead(3, {model: 100}) == {model: 100}
    answers = cluster.load(20, 5)
    assert {(answer.status, answer.release, answer.answered_by) for answer in answers} == {(200, model, "model")}


def test_without_the_feature_store_the_rules_answer(cluster):
    answers = cluster.load(20, 20, lambda: cluster.must([*SCALE, "--replicas=0"]))
    print(answers)
    assert {answer.status for answer in answers} == {200}
    assert any(answer.answered_by == "rules" for answer in answers)
    cluster.must([*SCALE, "--replicas=1"])
    cluster.wait("deployment", "redis", "Available")
    ended = cluster.pipeline("materialization", AS_OF)
    assert ended.code == 0, ended.said


def test_a_predictor_that_is_deleted_costs_no_answer(cluster):
    pods = ["delete", "pod", "-l", "serving.kserve.io/inferenceservice=predictor", "--grace-period=0", "--force"]
    answers = cluster.load(20, 30, lambda: (time.sleep(3), cluster.must(["kubectl", "-n", "windsock", *pods])))
    print(answers)
    assert {answer.status for answer in answers} == {200}
    assert any(answer.answered_by == "rules" for answer in answers)


def test_a_rollback_is_one_step(cluster, known):
    cluster.wait("inferenceservice", "predictor", "Ready")
    rules, model = known["rules"], known["model"]
    assert cluster.lead(4, {model: 90, rules: 10}) == {model: 90, rules: 10}
    assert cluster.lead(5, {model: 100}) == {model: 100}
    answers = cluster.load(20, 5)
    assert {(answer.status, answer.release) for answer in answers} == {(200, model)}
