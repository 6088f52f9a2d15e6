"""What is done to a cluster in the journey, and what is waited for: schedules, outages, records."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pipelines.store import StoreError
from tests.journeys.cluster.place import HERE, NAMESPACE, RELEASE, Answered, Cluster

KUBEFLOW = "kubeflow"
CRON = "windsock-training"
EVERY_MINUTE, NEVER = "* * * * *", "0 0 31 2 *"
WITHIN_S = 900


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


def started_by_cron(cluster: Cluster) -> dict[str, str]:
    """The workflows that the CronWorkflow has started, and how each stands."""
    label = f"workflows.argoproj.io/cron-workflow={CRON}"
    found = json.loads(cluster.must(["kubectl", "-n", KUBEFLOW, "get", "workflows", "-l", label, "-o", "json"]))
    return {one["metadata"]["name"]: one.get("status", {}).get("phase", "") for one in found["items"]}


def set_cron(cluster: Cluster, schedule: str) -> None:
    """When the CronWorkflow fires."""
    patch = json.dumps({"spec": {"schedules": [schedule]}})
    cluster.must(["kubectl", "-n", KUBEFLOW, "patch", "cronworkflow", CRON, "--type=merge", "--patch", patch])


def fire_once(cluster: Cluster) -> str:
    """Lets the CronWorkflow fire once, and returns the name of the workflow."""
    before = set(started_by_cron(cluster))
    set_cron(cluster, EVERY_MINUTE)
    until(lambda: bool(set(started_by_cron(cluster)) - before), "a workflow of the schedule", 180)
    set_cron(cluster, NEVER)
    return next(iter(set(started_by_cron(cluster)) - before))


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

    There may be one more for each answer of the rules in place of a predictor that failed: it may have recorded an
    answer that came too late for anybody.
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
    assert (found - given).total() <= late, f"answers {given} but records {found}"
