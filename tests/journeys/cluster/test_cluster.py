"""The journey on a real cluster: bring up, apply, train, serve, canary, hurt, roll back. Its steps build on each other.

It wants root and `WINDSOCK_CLUSTER`, the folder of a cluster's `platform/up` and `down`; see `make test-cluster`.
"""

import json
import os
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from windsock.contracts.clock import parse_time
from windsock.contracts.use_case import load_use_case

from serving.local.sample import sample_request
from tests.journeys.cluster.faults import (
    GATEWAY,
    KOURIER,
    KUBEFLOW,
    MONITORING,
    TRAINING,
    answered_by_models,
    ended_by_cron,
    figure,
    findings,
    fire_once,
    history,
    led_by_its_schedule,
    recorded,
    recorded_as,
    runs_of,
    scaled_away,
    shown,
    steps_begun,
    until,
)
from tests.journeys.cluster.place import DRY, HERE, PREDICTOR, ROOT, Cluster

BOX = os.environ.get("WINDSOCK_CLUSTER", "")
pytestmark = pytest.mark.skipif(
    not BOX or os.geteuid() != 0, reason="the journey on a cluster wants root and WINDSOCK_CLUSTER: `make test-cluster`"
)
AS_OF = "2013-07-01"
# A rollout that a test can wait for: fewer steps, shorter ones, no wait for labels that will not come here.
# Two cores that also run a cluster answer late now and then, whoever answers.
HURRY = """
[rollout]
steps = [50, 100]
step_s = 10.0
baseline_requests = 200
probation_days = 0.0

[[rollout.slow]]
quantile = 0.95
floor = 0.1
budget = 0.15
margin_ms = 250
"""


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
    assert len(re.findall(r"(?m)^  ghcr.io/windsock/\w+:[0-9a-f]{16}", said)) == 10


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
    # How full the disk of the machine is that runs this test is not the test's to judge.
    wrong = [line for line in healthy.said.splitlines() if line.startswith("wrong") and "disk of node" not in line]
    assert wrong == [], healthy.said
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


def test_a_schedule_and_a_person_start_one_training_and_an_outage_of_the_api_does_not_end_it(cluster, known):
    options = ("--request", "schedule", "--register-only")
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(cluster.pipeline, "training", "latest", *options)
        until(lambda: len(runs_of(cluster, "training")) == 1 or asked.done(), "a run of training")
        fired = fire_once(cluster, TRAINING)
        (run,) = runs_of(cluster, "training")
        # The second step is the gate, which works long enough; Kubeflow itself asks its API between steps.
        until(lambda: steps_begun(cluster, run) >= 2 or asked.done(), "the gate")
        with scaled_away(cluster, "ml-pipeline", KUBEFLOW):
            pass
        ended = asked.result()
    print(ended.said)
    assert ended.code == 0, ended.said
    assert "validate_data: passed" in ended.said
    assert ended_by_cron(cluster, TRAINING, fired) == "Succeeded"
    assert runs_of(cluster, "training") == {run: "Succeeded"}
    known["model"] = re.search(r"release (sha256:[0-9a-f]{64})", ended.said)[1]
    known["run"] = re.search(r"run ([0-9a-f-]{36})", ended.said)[1]


def test_the_same_run_on_this_machine_gives_the_same_bytes(cluster, known):
    ended = cluster.pipeline("training", AS_OF, on="venv")
    assert ended.code == 0, ended.said
    (run,) = (path.name for path in (cluster.home / "runs").glob("training-*"))
    said = cluster.must([sys.executable, "-m", "pipelines.parity", run, known["run"]])
    print(said)
    assert "artifacts are the same here and on the cluster" in said


def test_features_go_online_on_a_recurring_run_that_follows_git(cluster, tmp_path):
    schedules = [sys.executable, "-m", "pipelines.schedules", "--file"]
    (tmp_path / "now.toml").write_text('[materialization]\ncron = "0 * * * * *"\n')
    (tmp_path / "never.toml").write_text("")
    assert "create  windsock-materialization" in cluster.must([*schedules, str(tmp_path / "now.toml")])
    until(lambda: bool(runs_of(cluster, "materialization")), "a run of materialization", 240)
    # It is at work: its schedule may be switched off, and not taken away.
    said = cluster.must([*schedules, str(tmp_path / "never.toml")])
    assert "disable windsock-materialization" in said
    assert "delete" not in said
    until(lambda: set(runs_of(cluster, "materialization").values()) <= {"Succeeded", "Failed"}, "its end")
    assert list(runs_of(cluster, "materialization").values()) == ["Succeeded"]
    until(
        lambda: "delete  windsock-materialization" in cluster.must([*schedules, str(tmp_path / "never.toml")]),
        "the schedule's end",
        120,
    )


def test_the_first_model_gets_all_by_hand_and_the_records_say_so(cluster, known):
    before = recorded(cluster)
    said = cluster.console("rollback", "--to", known["model"], "--reason", "the first model")
    print(said)
    answers = cluster.load(20, 5)
    assert answered_by_models(answers) == {known["model"]}
    recorded_as(cluster, before, answers)
    cluster.wait("inferenceservice", "predictor", "Ready")


def test_what_waits_is_led_by_its_schedule_on_evidence(cluster, known):
    known["better"] = cluster.propose("better", HURRY, known["model"])
    with led_by_its_schedule(cluster) as turns, cluster.loaded(25) as answers:
        until(lambda: history(cluster)[-1]["kind"] == "settled", "the better release to serve", 480)
    print(answers, *map(shown, history(cluster)), sep="\n")
    assert turns() == {"Complete"}
    assert answered_by_models(answers) == {known["model"], known["better"]}
    # The real split is measured: six standard deviations of a binomial around the wanted share.
    split = next(one for entry in history(cluster) for one in findings(entry) if one["check"] == "split")
    assert abs(split["effect"] - split["threshold"]) < 6 * (0.25 / split["sample_size"]) ** 0.5
    assert answered_by_models(cluster.load(20, 5)) == {known["better"]}
    cluster.wait("inferenceservice", "predictor", "Ready")


def test_a_release_that_errs_is_rolled_back_by_its_schedule_and_costs_no_answer(cluster, known):
    known["erring"] = cluster.propose("erring", HURRY, known["model"], erring=True)
    with led_by_its_schedule(cluster) as turns, cluster.loaded(25) as answers:
        until(lambda: history(cluster)[-1]["kind"] == "rolled_back", "the erring release to be gone", 480)
        # KServe goes back in three calls, by this turn and, where its time is up, by the next.
        cluster.wait("inferenceservice", "predictor", "Ready")
    print(answers, *map(shown, history(cluster)[-4:]), sep="\n")
    assert "Failed" in turns(), "a refused release is to be seen"
    last = history(cluster)[-1]
    assert (last["serving"], last["candidate"]) == (known["better"], known["erring"])
    assert last["reason"].startswith("failed: ")
    assert {answer.status for answer in answers} == {200}, answers
    assert answered_by_models(cluster.load(20, 5)) == {known["better"]}


def test_standard_clients_are_answered(cluster):
    request = json.dumps(cluster.question)
    said = json.loads(cluster.must([str(PREDICTOR), str(HERE / "clients.py"), cluster.edge, "flights", request]))
    assert said["v1"] == said["v2"]
    assert said["ready"] is True
    body = json.dumps({"instances": [cluster.question]})
    curl = ["curl", "-sS", "-H", "content-type: application/json", "-d", body]
    answer = json.loads(cluster.must([*curl, f"http://{cluster.edge}/v1/models/flights:predict"]))
    assert answer["predictions"][0]["probability"] == said["v1"]


def test_without_the_gateway_the_rules_answer(cluster, known):
    with ThreadPoolExecutor() as pool:
        loaded = pool.submit(cluster.load, 20, 30)
        with scaled_away(cluster, GATEWAY, KOURIER):
            answers = loaded.result()
    print(answers)
    assert {answer.status for answer in answers} == {200}, answers
    assert sum(number for answer, number in answers.items() if answer.answered_by == "rules") > 100
    until(lambda: cluster.ask(cluster.edge).release == known["better"], "the predictor to answer again", 60)


def test_without_the_feature_store_the_rules_answer(cluster):
    with ThreadPoolExecutor() as pool:
        loaded = pool.submit(cluster.load, 20, 20)
        with scaled_away(cluster, "redis"):
            until(lambda: figure(cluster, "predictor", "windsock_breaker_open") == 1, "what FeaturesAway looks at", 30)
            answers = loaded.result()
    print(answers)
    assert {answer.status for answer in answers} == {200}, answers
    assert any(answer.answered_by == "rules" for answer in answers)
    ended = cluster.pipeline("materialization", AS_OF)
    assert ended.code == 0, ended.said


def test_without_the_object_store_answers_go_on_and_their_records_come_later(cluster):
    before = recorded(cluster)
    with scaled_away(cluster, "minio", KUBEFLOW):
        answers = cluster.load(20, 45)
        # What RecordBehind looks at, which waits for half an hour of it.
        assert figure(cluster, "predictor", "windsock_record_behind_seconds") > 30
    print(answers)
    answered_by_models(answers)
    recorded_as(cluster, before, answers)


def test_a_predictor_that_is_deleted_costs_no_answer_and_no_record(cluster):
    # Not by force: a pod that is let end ships what it has; what a lost node has on its disk is lost with it.
    before = recorded(cluster)
    pods = ["delete", "pod", "-l", "serving.kserve.io/inferenceservice=predictor", "--wait=false"]
    answers = cluster.load(20, 30, lambda: (time.sleep(3), cluster.must(["kubectl", "-n", "windsock", *pods])))
    print(answers)
    assert {answer.status for answer in answers} == {200}, answers
    recorded_as(cluster, before, answers)


def test_with_no_node_for_the_predictor_the_rules_answer(cluster):
    node = cluster.must(["kubectl", "get", "nodes", "-o", "name"]).strip().removeprefix("node/")
    cluster.wait("inferenceservice", "predictor", "Ready")
    before = recorded(cluster)
    cluster.must(["kubectl", "cordon", node])
    try:
        pods = ["delete", "pod", "-l", "serving.kserve.io/inferenceservice=predictor", "--wait=false"]
        answers = cluster.load(20, 30, lambda: (time.sleep(3), cluster.must(["kubectl", "-n", "windsock", *pods])))
        doctor = cluster.run([sys.executable, "-m", "pipelines.doctor"])
    finally:
        cluster.must(["kubectl", "uncordon", node])
    print(answers, doctor.said)
    assert {answer.status for answer in answers} == {200}, answers
    assert any(answer.answered_by == "rules" for answer in answers)
    # KServe still calls the predictor Ready, since its revision was; the doctor names the cause.
    assert re.search("wrong +nodes: 1, none that takes pods", doctor.said)
    recorded_as(cluster, before, answers)
    cluster.wait("inferenceservice", "predictor", "Ready")


def test_monitoring_runs_on_its_schedule_and_its_watchdog_says_so(cluster):
    look = ["kubectl", "-n", KUBEFLOW, "create", "job", "--from=cronjob/windsock-watchdog"]
    cluster.must([*look, "before"])
    fired = fire_once(cluster, MONITORING)
    assert ended_by_cron(cluster, MONITORING, fired) == "Succeeded"
    assert list(runs_of(cluster, "monitoring").values()) == ["Succeeded"]
    cluster.must([*look, "after"])
    wait = ["kubectl", "-n", KUBEFLOW, "wait", "--timeout=120s"]
    cluster.must([*wait, "--for=condition=Failed", "job/before"], 150)
    cluster.must([*wait, "--for=condition=Complete", "job/after"], 150)
    history = sorted(cluster.fetch("monitoring").rglob("history/*.json"))
    assert "watched" in [json.loads(path.read_text())["kind"] for path in history]


def test_a_rollback_is_one_step(cluster, known):
    said = cluster.console("rollback", "--reason", "a drill")
    print(said)
    answers = cluster.load(20, 5)
    assert answered_by_models(answers) == {known["model"]}
    assert history(cluster)[-1]["serving"] == known["model"]


def test_a_release_that_cannot_start_gets_no_traffic(cluster, known):
    model = known["model"]
    missing = f"sha256:{'0' * 64}"
    ended = cluster.try_to_lead(1_004, {model: 90, missing: 10}, within_s=45)
    assert ended.code != 0
    assert "not ready after 45 s" in ended.said
    doctor = cluster.run([sys.executable, "-m", "pipelines.doctor"])
    print(doctor.said)
    assert re.search("wrong +InferenceService predictor", doctor.said)
    answers = cluster.load(20, 5)
    assert answered_by_models(answers) == {model}
    assert cluster.lead(1_005, {model: 100}) == {model: 100}
    cluster.wait("inferenceservice", "predictor", "Ready")
