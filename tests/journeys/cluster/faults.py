"""What is done to a cluster in the journey, and what is waited for: schedules, outages, records, rollouts."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pipelines.store import StoreError, open_store
from tests.journeys.cluster.place import HERE, NAMESPACE, RELEASE, Answered, Cluster

KUBEFLOW = "kubeflow"
# Where Knative's gateway is: all that a predictor is asked passes it.
KOURIER, GATEWAY = "kourier-system", "3scale-kourier-gateway"
TRAINING, MONITORING, ROLLOUT = "windsock-training", "windsock-monitoring", "windsock-rollout"
EVERY_MINUTE, NEVER = "* * * * *", "0 0 31 2 *"
WITHIN_S = 900
# What a request that was late is told: by the predictor itself, or by the edge, which waits for it no longer.
LATE = {"features_slow", "features_busy", "model_slow", "model_busy", "deadline"}
LATE |= {"predictor_failed", "predictor_unavailable"}
LATE_SHARE = 0.05
# The edge's: eight deadlines of 500 ms, and 350 ms a try.
TRIES = 12


def until(true: Callable[[], bool], what: str, within_s: float = WITHIN_S) -> None:
    """Waits for something, and says what did not come."""
    give_up_at = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < give_up_at, f"not within {within_s} s: {what}"
        time.sleep(2)


@contextmanager
def scaled_away(cluster: Cluster, deployment: str, namespace: str = NAMESPACE) -> Iterator[None]:
    """A deployment has no pod meanwhile, and one again afterwards."""
    scale = ["kubectl", "-n", namespace, "scale", f"deployment/{deployment}"]
    count = ["kubectl", "-n", namespace, "get", "deployment", deployment, "-o", "jsonpath={.status.replicas}"]
    cluster.must([*scale, "--replicas=0"])
    until(lambda: cluster.must(count).strip() in ("", "0"), f"{deployment} to be gone", 120)
    try:
        yield
    finally:
        cluster.must([*scale, "--replicas=1"])
        ready = ["rollout", "status", f"deployment/{deployment}", "--timeout=180s"]
        cluster.must(["kubectl", "-n", namespace, *ready])


def started_by_cron(cluster: Cluster, cron: str) -> dict[str, str]:
    """The workflows that a CronWorkflow has started, and how each stands."""
    label = f"workflows.argoproj.io/cron-workflow={cron}"
    found = json.loads(cluster.must(["kubectl", "-n", KUBEFLOW, "get", "workflows", "-l", label, "-o", "json"]))
    return {one["metadata"]["name"]: one.get("status", {}).get("phase", "") for one in found["items"]}


def set_cron(cluster: Cluster, cron: str, schedule: str) -> None:
    """When a CronWorkflow fires."""
    patch = json.dumps({"spec": {"schedules": [schedule]}})
    cluster.must(["kubectl", "-n", KUBEFLOW, "patch", "cronworkflow", cron, "--type=merge", "--patch", patch])


def fire_once(cluster: Cluster, cron: str) -> str:
    """Lets a CronWorkflow fire once, and returns the name of the workflow."""
    before = set(started_by_cron(cluster, cron))
    set_cron(cluster, cron, EVERY_MINUTE)
    until(lambda: bool(set(started_by_cron(cluster, cron)) - before), f"a workflow of {cron}", 180)
    set_cron(cluster, cron, NEVER)
    return next(iter(set(started_by_cron(cluster, cron)) - before))


def ended_by_cron(cluster: Cluster, cron: str, workflow: str) -> str:
    """How a workflow has ended, once it has."""
    ends = ("Succeeded", "Failed", "Error")
    until(lambda: started_by_cron(cluster, cron)[workflow] in ends, f"the end of {workflow}")
    ended = started_by_cron(cluster, cron)[workflow]
    if ended != "Succeeded":
        pods = ["-l", f"workflows.argoproj.io/workflow={workflow}", "-c", "main", "--tail=40", "--prefix"]
        print(cluster.run(["kubectl", "-n", KUBEFLOW, "logs", *pods]).said)
    return ended


def figure(cluster: Cluster, service: str, name: str) -> float:
    """The largest value of a figure that the pods of an InferenceService export now."""
    label = f"serving.kserve.io/inferenceservice={service}"
    found = cluster.must(["kubectl", "-n", NAMESPACE, "get", "pods", "-l", label, "-o", "json"])
    values = []
    for pod in json.loads(found)["items"]:
        address = pod.get("status", {}).get("podIP")
        said = cluster.run(["curl", "-sS", "--max-time", "5", f"http://{address}:8080/metrics"]).said
        values += [float(line.split()[-1]) for line in said.splitlines() if line.startswith(name)]
    return max(values, default=float("nan"))


def runs_of(cluster: Cluster, pipeline: str) -> dict[str, str]:
    """Kubeflow's runs of a pipeline, and how each stands."""
    found = json.loads(cluster.must(["kubectl", "-n", KUBEFLOW, "get", "workflows", "-o", "json"]))
    return {
        one["metadata"]["name"]: one.get("status", {}).get("phase", "")
        for one in found["items"]
        if one["metadata"]["name"].rpartition("-")[0] == pipeline
    }


def steps_begun(cluster: Cluster, workflow: str) -> int:
    """How many steps of a run have begun their own work."""
    label = f"workflows.argoproj.io/workflow={workflow}"
    names = cluster.must(["kubectl", "-n", KUBEFLOW, "get", "pods", "-l", label, "-o", "name"]).split()
    return sum("-system-container-impl-" in name for name in names)


def recorded(cluster: Cluster) -> Counter[Answered]:
    """What the records in the object store say: how many answers by release, who answered, and the reason."""
    directory = cluster.fetch("records")
    said = cluster.must([str(RELEASE), str(HERE / "count.py"), str(directory)])
    return Counter({Answered(200, by, release, reason): n for release, by, reason, n in json.loads(said)})


def recorded_as(cluster: Cluster, before: Counter[Answered], answers: Counter[Answered]) -> None:
    """Waits until the store holds a record of every answer since `before`.

    There may be more, for each answer of the rules in place of a predictor that failed: at every try before, it or the
    rules may have recorded an answer that came too late for anybody.
    """
    given = Counter({answer: number for answer, number in answers.items() if answer.status == 200})
    late = sum(number for answer, number in given.items() if answer.reason == "predictor_failed")
    found: Counter[Answered] = Counter()

    def all_there() -> bool:
        found.clear()
        try:
            found.update(recorded(cluster) - before)
        except StoreError as error:
            print(f"the store is not back yet: {str(error)[:80]}")
        return found >= given

    try:
        until(all_there, "every answer in the records", 120)
    except AssertionError as error:
        raise AssertionError(f"answers {given} but records {found}") from error
    assert (found - given).total() <= (TRIES - 1) * late, f"answers {given} but records {found}"


def answered_by_models(answers: Counter[Answered]) -> set[str]:
    """The releases whose models answered. Every request must have been answered, and by a model.

    Two cores that run a whole cluster make a model late now and then: its answer is the rules' then, as promised, and
    few may be.
    """
    assert {answer.status for answer in answers} == {200}, answers
    by_rules = Counter({answer: number for answer, number in answers.items() if answer.answered_by != "model"})
    assert {answer.reason for answer in by_rules} <= LATE, answers
    assert by_rules.total() <= LATE_SHARE * answers.total(), answers
    return {answer.release for answer in answers if answer.answered_by == "model"}


@contextmanager
def led_by_its_schedule(cluster: Cluster) -> Iterator[Callable[[], set[str]]]:
    """The schedule of rollouts fires meanwhile; gives how its turns of this time have ended."""
    before = set(_turns(cluster))
    _suspend(cluster, False)
    try:
        yield lambda: {end for name, end in _turns(cluster).items() if name not in before} - {""}
    finally:
        _suspend(cluster, True)
    until(lambda: "" not in _turns(cluster).values(), "the end of the turns", 120)


def _suspend(cluster: Cluster, suspend: bool) -> None:
    patch = json.dumps({"spec": {"suspend": suspend}})
    cluster.must(["kubectl", "-n", KUBEFLOW, "patch", "cronjob", ROLLOUT, "--type=merge", "--patch", patch])


def _turns(cluster: Cluster) -> dict[str, str]:
    """The schedule's jobs, and how each has ended: Complete, Failed, or not yet."""
    found = json.loads(cluster.must(["kubectl", "-n", KUBEFLOW, "get", "jobs", "-o", "json"]))
    jobs = [one for one in found["items"] if one["metadata"]["name"].startswith(f"{ROLLOUT}-")]
    return {job["metadata"]["name"]: _end_of(job) for job in jobs}


def _end_of(job: Mapping[str, Any]) -> str:
    met = [one["type"] for one in job["status"].get("conditions", ()) if one["status"] == "True"]
    return next((end for end in ("Complete", "Failed") if end in met), "")


def history(cluster: Cluster) -> list[dict[str, Any]]:
    """The entries of the rollouts, as the store has them."""
    store = open_store(cluster.environment)
    return [json.loads(store.read(name) or b"") for name in sorted(store.names("rollout/"))]


def findings(entry: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What an entry was decided on."""
    return [one for verdict in entry["details"].values() for one in verdict.get("findings", ())]


def shown(entry: Mapping[str, Any]) -> str:
    """An entry in a line."""
    return f"{entry['number']:3} {entry['at']} {entry['kind']:12} {entry['weight']:3} %  {entry['reason']}"
