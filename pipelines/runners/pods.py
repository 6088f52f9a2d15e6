"""What a failed step said, from its pod: the only door to pods' logs. Without access it says so."""

import re
import warnings
from dataclasses import dataclass

LINES_READ = 200
# The launcher's and Argo's own lines come after the step's; the launcher tells the step's exit code.
LAUNCHER = re.compile(r"^(?:[IWEF]\d{4} |time=\"?\d{4}-|Error: exit status|warning: )")
EXIT_STATUS = re.compile(r"failed to execute component: exit status (\d+)")


@dataclass(frozen=True)
class Said:
    """A step's exit code (None where the pod does not tell) and its last line."""

    exit_code: int | None
    last_line: str


def parse_log(log: str) -> Said:
    """The exit code and the last line of a step, out of the log of its pod's main container."""
    found = EXIT_STATUS.findall(log)
    own = [line.strip() for line in log.splitlines() if line.strip() and not LAUNCHER.match(line)]
    return Said(int(found[-1]) if found else None, own[-1] if own else "")


def last_words(run_id: str, task: str, namespace: str) -> Said:
    """What the pod of a failed task said; empty where the cluster does not let us look or has forgotten it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from kubernetes import client, config  # type: ignore[import-untyped]
        from kubernetes.client.exceptions import ApiException  # type: ignore[import-untyped]
        from kubernetes.config.config_exception import ConfigException  # type: ignore[import-untyped]
        from urllib3.exceptions import HTTPError
    try:
        config.load_config()
        api = client.CoreV1Api()
        pods = api.list_namespaced_pod(namespace, label_selector=f"pipeline/runid={run_id}").items
        for pod in pods:
            node = (pod.metadata.annotations or {}).get("workflows.argoproj.io/node-name", "")
            if node.endswith(f".{task}.executor"):
                log = api.read_namespaced_pod_log(pod.metadata.name, namespace, container="main", tail_lines=LINES_READ)
                return parse_log(str(log))
    except (ApiException, ConfigException, HTTPError) as error:
        return Said(None, f"its pod cannot be read ({type(error).__name__}); see the run's page")
    return Said(None, "its pod is gone; see the run's page")
