"""The journeys' words on a real cluster: bring it up, build, apply, deliver, train, ask, lead traffic, take down."""

import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml
from windsock.contracts.artifact import Origin, new_artifact
from windsock.contracts.release import KIND, open_bundle, write_bundle

from pipelines.cluster import CANDIDATE
from pipelines.store import open_store

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent
NAMESPACE = "windsock"
DRY = "windsock-dry-run"
REGISTRY = "127.0.0.1:5000/windsock"
# Half the time of gzip, which is the default (16 and 7 s for an image of 0.9 GB), and quicker to unpack.
PUSH_OPTIONS = "--compression-format zstd --compression-level 1"
REDIS = "docker.io/library/redis:7-bookworm"
STORE = "s3://mlpipeline/windsock"
TRAFFIC = f"kserve:{NAMESPACE}/predictor {STORE}/releases"
# What a build on the machine of the test needs to reach its package indexes; images keep nothing of it.
MOUNTED = ("/etc/pip.conf", "/etc/ssl/certs/ca-certificates.crt")
# Works for as long as a release takes to start and to get its share, and then fails every other time.
ERRS = """

import time
from itertools import count

BEGAN, CALLS, WELL, WELL_FOR_S = time.monotonic(), count(), derive, 40.0


def derive(request: Mapping[str, object], features: Mapping[str, object]) -> tuple[float, ...]:
    if time.monotonic() - BEGAN > WELL_FOR_S and next(CALLS) % 2:
        raise ValueError("a drill")
    return WELL(request, features)
"""
# Images, their copies in the registry and on the node, and volumes: a node whose disk fills evicts its pods meanwhile.
ROOM_GB = 30
RELEASE = ROOT / "components" / "release" / ".venv" / "bin" / "python"
PREDICTOR = ROOT / "serving" / "predictor" / ".venv" / "bin" / "python"


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    said: str


@dataclass(frozen=True)
class Answered:
    """One answer: its status (0 where none came), who answered, and the release."""

    status: int
    answered_by: str = ""
    release: str = ""
    reason: str = ""


class Cluster:
    """A cluster that `box` brings up (`platform/up`, `down`, `image`, `base`), and Windsock on it."""

    def __init__(self, box: Path, home: Path) -> None:
        self.box, self.home = box, home
        self.environment = {**os.environ, "WINDSOCK_HOME": str(home)}
        self.question: dict = {}

    def run(self, command: list[str], timeout_s: float = 900, **more: str) -> Ended:
        """Runs a command in the cluster's environment."""
        environment = {**self.environment, **more}
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=timeout_s, check=False
        )
        return Ended(done.returncode, done.stdout + done.stderr)

    def must(self, command: list[str], timeout_s: float = 900, **more: str) -> str:
        """The same, and its end must be good."""
        ended = self.run(command, timeout_s, **more)
        assert ended.code == 0, f"{' '.join(command)}\n{ended.said}"
        return ended.said

    def bring_up(self) -> None:
        """A cluster from before may have been killed: it is taken down first, with its images where room is short."""
        self.must([str(self.box / "down")])
        if _free_gb() < ROOM_GB:
            self.must([str(self.box / "down"), "--purge"])
        assert _free_gb() > ROOM_GB, f"disk: got {_free_gb():.0f} GB free in /var/lib, expected {ROOM_GB} or more"
        command = [str(self.box / "platform" / "up")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=True)
        exports = dict(re.findall(r"(\w+)=(\S+)", done.stdout))
        exports["PATH"] = exports["PATH"].replace("$PATH", self.environment["PATH"])
        self.environment.update(exports, WINDSOCK_S3_ENDPOINT=exports["S3_ENDPOINT"])

    def build(self) -> str:
        """Every image by its content, and a Redis made of Debian under the public image's name."""
        cache = Path.home() / ".cache" / "uv"
        # Both are the administrator, here and in the build: the same home, the same place.
        mounts = [f"--volume {cache}:{cache}"] if cache.is_dir() else []
        mounts += [f"--volume {path}:{path}:ro" for path in MOUNTED if Path(path).is_file()]
        options = " ".join(["--isolation chroot --network host", *mounts])
        command = [sys.executable, "-m", "pipelines.build_images", "--prune", "--push-to", REGISTRY]
        said = self.must(command, 2400, BUILD_OPTIONS=options, PUSH_OPTIONS=PUSH_OPTIONS, BUILDER="buildah")
        self.must([str(self.box / "base"), "debian:bookworm-slim"])
        self.must([str(self.box / "image"), REDIS, str(HERE / "redis")])
        return said

    def apply(self) -> None:
        """Credentials and a use case to begin with, then the overlay; the predictor of day zero is created once."""
        self.must(["kubectl", "apply", "-f", str(ROOT / "manifests" / "base" / "namespace.yaml")])
        self._credentials()
        self.must([sys.executable, "-m", "pipelines.publish", "--use-case", str(ROOT / "feature_repo")])
        rendered = self.must(["kubectl", "kustomize", "--load-restrictor", "LoadRestrictionsNone", str(HERE)])
        file = self.home / "rendered.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(rendered)
        self.must(["kubectl", "apply", "-f", str(file)])
        if self.run(["kubectl", "-n", NAMESPACE, "get", "inferenceservice", "predictor"]).code != 0:
            self.must(["kubectl", "create", "-k", str(ROOT / "manifests" / "day-zero")])

    def dry_run(self, folder: Path) -> tuple[str, list[str]]:
        """Asks the API server what it would say to a folder's objects in an empty namespace; changes nothing.

        Returns what it said, and the objects whose kinds this cluster does not have.
        """
        objects = [one for one in yaml.safe_load_all(self.must(["kubectl", "kustomize", str(folder)])) if one]
        columns = [line.split() for line in self.must(["kubectl", "api-resources", "--no-headers"]).splitlines()]
        served = {(column[-3], column[-1]) for column in columns}
        known = [one for one in objects if (one["apiVersion"], one["kind"]) in served]
        for one in known:
            # In the namespace that is in use, KServe would refuse another mode for the same InferenceService.
            one["metadata"].update({"namespace": DRY} if "namespace" in one["metadata"] else {})
        file = self.home / "dry-run.yaml"
        file.write_text(yaml.safe_dump_all(known))
        said = self.must(["kubectl", "apply", "--dry-run=server", "-f", str(file)])
        return said, [f"{one['kind']} {one['metadata']['name']}" for one in objects if one not in known]

    def _credentials(self) -> None:
        if self.run(["kubectl", "-n", NAMESPACE, "get", "secret", "store"]).code == 0:
            return
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        keys = [f"--from-literal={name}={self.environment[name]}" for name in names]
        self.must(["kubectl", "-n", NAMESPACE, "create", "secret", "generic", "store", *keys])
        said = {"endpoint": "minio-service.kubeflow:9000", "usehttps": "0", "region": "us-east-1"}
        notes = [f"serving.kserve.io/s3-{name}={value}" for name, value in said.items()]
        self.must(["kubectl", "-n", NAMESPACE, "annotate", "secret", "store", *notes])

    def wait(self, kind: str, name: str, condition: str, within_s: int = 300) -> None:
        """Until an object has a condition."""
        wanted = [f"--for=condition={condition}", f"--timeout={within_s}s"]
        self.must(["kubectl", "-n", NAMESPACE, "wait", f"{kind}/{name}", *wanted], within_s + 30)

    def deliver(self, until: str) -> Path:
        """The upstream system delivers into the landing zone, as on the laptop."""
        python, landing = ROOT / "feature_repo" / ".venv" / "bin" / "python", self.home / "landing"
        self.must([str(python), str(ROOT / "feature_repo" / "source.py"), "--into", str(landing), "--until", until])
        return landing

    def pipeline(self, name: str, as_of: str, *options: str, on: str = "cluster") -> Ended:
        """Runs a pipeline as a user does."""
        command = [sys.executable, "-m", "pipelines.run", name, "--as-of", as_of, "--on", on]
        return self.run([*command, "--landing", str(self.home / "landing"), *options], 2400)

    @property
    def edge(self) -> str:
        """The edge's address."""
        path = "{.spec.clusterIP}"
        return self.must(["kubectl", "-n", NAMESPACE, "get", "service", "edge", "-o", f"jsonpath={path}"]).strip()

    def ask(self, host: str) -> Answered:
        """Asks the question once through the edge, by V1."""
        connection = http.client.HTTPConnection(host, timeout=10)
        try:
            body = json.dumps({"instances": [self.question]})
            connection.request("POST", "/v1/models/flights:predict", body, {"content-type": "application/json"})
            response = connection.getresponse()
            content = json.loads(response.read())
            found = content.get("predictions", [{}])[0]
            return Answered(
                response.status, *(str(found.get(name, "")) for name in ("answered_by", "release", "reason"))
            )
        except (OSError, http.client.HTTPException):
            return Answered(0)
        finally:
            connection.close()

    def load(self, per_s: float, seconds: float, meanwhile: Callable[[], object] = lambda: None) -> Counter[Answered]:
        """Requests at a steady rate, and something done while they run; counts the answers."""
        host, count = self.edge, int(per_s * seconds)
        with ThreadPoolExecutor(16) as pool:
            asked = []
            other = pool.submit(meanwhile)
            for _ in range(count):
                asked.append(pool.submit(self.ask, host))
                time.sleep(1 / per_s)
            other.result()
            return Counter(future.result() for future in asked)

    def fetch(self, prefix: str) -> Path:
        """Brings everything below a prefix of the store to this machine."""
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "WINDSOCK_S3_ENDPOINT")
        store = open_store({name: self.environment[name] for name in names})
        target = self.home / prefix
        for name in store.names(f"{prefix}/"):
            file = self.home / name
            if not file.exists():
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(store.read(name) or b"")
        return target

    def try_to_lead(self, number: int, weights: dict[str, int], within_s: float) -> Ended:
        """Leads KServe's traffic through the four methods, and waits for it to be as wanted."""
        lead = [str(RELEASE), str(HERE / "lead.py"), TRAFFIC, str(number), json.dumps(weights), str(within_s)]
        return self.run(lead, within_s + 60)

    def lead(self, number: int, weights: dict[str, int]) -> dict[str, int]:
        """The same, and it must come; returns the shares in use."""
        ended = self.try_to_lead(number, weights, 300)
        assert ended.code == 0, ended.said
        return dict(json.loads(ended.said.strip().splitlines()[-1]))

    def console(self, *words: str) -> str:
        """The console of rollouts, as a person uses it from outside of the cluster."""
        console = [str(RELEASE), "-m", "windsock.release.console", *words]
        return self.must([*console, "--store", STORE, "--traffic", TRAFFIC.partition(" ")[0]])

    def propose(self, name: str, more: str, like: str, erring: bool = False) -> str:
        """Stores a release like another one, with more settings, as the one that waits; returns its digest.

        One that errs starts as it should; after a while half of its answers fail.
        """
        good = open_bundle(self.fetch(f"releases/{like.removeprefix('sha256:')}"))
        use_case, target = self.home / name / "use_case", self.home / name / "release"
        shutil.copytree(good.use_case, use_case)
        with (use_case / "use_case.toml").open("a") as settings:
            settings.write(f"\n# {name}\n{more}")
        if erring:
            derive = use_case / "derive.py"
            derive.write_text(derive.read_text() + ERRS)
        with new_artifact(target, KIND, Origin("journey", inputs=dict(good.artifact.origin.inputs))) as directory:
            write_bundle(directory, good.release, use_case, good.model)
        bundle = open_bundle(target)
        store = open_store(self.environment)
        store.upload(bundle.artifact.path, f"releases/{bundle.digest.removeprefix('sha256:')}")
        store.write(CANDIDATE, json.dumps({"digest": bundle.digest, "run": "journey"}).encode())
        return bundle.digest

    @contextmanager
    def loaded(self, per_s: float) -> Iterator[Counter[Answered]]:
        """Requests at a steady rate for the length of the block; the answers are counted once it has ended."""
        host, going, answers = self.edge, threading.Event(), Counter[Answered]()

        def ask() -> None:
            asked = []
            with ThreadPoolExecutor(16) as pool:
                while not going.wait(1 / per_s):
                    asked.append(pool.submit(self.ask, host))
            answers.update(future.result() for future in asked)

        sender = threading.Thread(target=ask)
        sender.start()
        try:
            yield answers
        finally:
            going.set()
            sender.join()

    def take_down(self) -> None:
        """Stops the cluster; what it stored goes with it."""
        self.run([str(self.box / "down")])


def _free_gb() -> float:
    """What is free where clusters and builders keep their images."""
    return shutil.disk_usage("/var/lib").free / 1e9
