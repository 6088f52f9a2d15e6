"""The servers that are measured, each in its usual production setting, and what each one is asked."""

import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
PREDICTOR = ROOT / "serving" / "predictor" / ".venv" / "bin"
LOOPBACK = "127.0.0.1"
START_S = 300.0
COLUMNS = {"load": 0.5, "waiting": 40.0, "delay": 2.5, "line_late_share": 0.25, "closed": 1.0}
ASKED = {"line": "RE1", "station": "Ulm", "platform": 7, "load": 0.5, "due_at": "2013-07-01T13:00:00Z"}
KINDS = {str: "BYTES", int: "INT64", float: "FP64"}


def free_port() -> int:
    """A port that nobody has just now."""
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        return int(listener.getsockname()[1])


def peer(name: str) -> Path:
    """The programs of a peer's environment."""
    return HERE / "peers" / name / ".venv" / "bin"


@dataclass(frozen=True, eq=False)
class Server:
    """One process to start; `path` answers 200 once it serves."""

    name: str
    command: list[str]
    port: int
    path: str = ""
    directory: Path | None = None
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Contender:
    """One that answers: where, what it is asked, and how the probability is found in its answer."""

    name: str
    port: int
    path: str
    body: dict[str, Any]
    read: Callable[[dict[str, Any]], float]

    @property
    def url(self) -> str:
        """Its whole address."""
        return f"http://{LOOPBACK}:{self.port}{self.path}"

    def ask(self) -> float:
        """Asks once."""
        request = urllib.request.Request(self.url, json.dumps(self.body).encode())  # noqa: S310 - a loopback URL
        request.add_header("content-type", "application/json")
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
            return self.read(json.load(response))


def tensors(row: dict[str, Any]) -> dict[str, Any]:
    """A V2 body with one tensor a field."""
    inputs = [{"name": n, "shape": [1], "datatype": KINDS[type(v)], "data": [v]} for n, v in row.items()]
    return {"inputs": inputs}


def one_tensor(**more: Any) -> dict[str, Any]:
    """A V2 body with the model's row as one tensor."""
    tensor = {"name": "rows", "shape": [1, len(COLUMNS)], "datatype": "FP32", "data": list(COLUMNS.values())}
    return {"inputs": [tensor], **more}


def last(answer: dict[str, Any]) -> float:
    """The probability of the last class in a V2 answer."""
    return float(answer["outputs"][0]["data"][-1])


def own(answer: dict[str, Any]) -> float:
    """The probability in the predictor's V2 answer."""
    if next(output for output in answer["outputs"] if output["name"] == "answered_by")["data"] != ["model"]:
        raise SystemExit(f"one_row: not answered by the model: {answer}")
    return float(next(output for output in answer["outputs"] if output["name"] == "probability")["data"][0])


def predictor(into: Path, release: str, store: str) -> Server:
    """Windsock's predictor on one release; it records each answer on disk, and ships records, as ever."""
    port = free_port()
    flags = ["--model_dir", into / release, "--online_store", store, "--record_dir", into / f"{release}-record"]
    flags += ["--http_port", port, "--grpc_port", 0, "--clock", "request"]
    command = [str(PREDICTOR / "python"), "-m", "windsock.predictor", *map(str, flags)]
    return Server(f"predictor-{release}", command, port, "/v2/health/ready", environment={"TZ": "UTC"})


def kserve(into: Path) -> Server:
    """KServe's model server: one process, no log of requests."""
    port = free_port()
    command = [str(peer("kserve") / "python"), str(HERE / "peers" / "kserve" / "server.py")]
    command += ["--model_dir", str(into), "--model_name", "rows", "--http_port", str(port)]
    command += ["--enable_grpc", "false", "--enable_latency_logging", "false"]
    return Server("kserve", command, port, "/v2/health/ready")


def mlserver(into: Path, workers: int) -> Server:
    """MLServer; one worker process beside the server is its default, none what it advises for cheap models."""
    port = free_port()
    home = into / f"mlserver-{workers}"
    home.mkdir()
    settings = {"host": LOOPBACK, "http_port": port, "grpc_port": free_port(), "metrics_port": free_port()}
    (home / "settings.json").write_text(json.dumps({**settings, "debug": False, "parallel_workers": workers}))
    model = {"uri": str(into / "model.joblib")}
    implementation = {"name": "rows", "implementation": "mlserver_sklearn.SKLearnModel", "parameters": model}
    (home / "model-settings.json").write_text(json.dumps(implementation))
    return Server(
        f"mlserver-{workers}", [str(peer("mlserver") / "mlserver"), "start", "."], port, "/v2/health/ready", home
    )


def bentoml(into: Path) -> Server:
    """BentoML: `serve` without `--development`, one worker, no log of requests."""
    port = free_port()
    home = HERE / "peers" / "bentoml"
    command = [str(peer("bentoml") / "bentoml"), "serve", "service:Rows", "--host", LOOPBACK, "--port", str(port)]
    told = {"MODEL": str(into), "BENTOML_HOME": str(into / "bentoml"), "BENTOML_DO_NOT_TRACK": "true"}
    told["PATH"] = f"{peer('bentoml')}:{os.environ['PATH']}"
    return Server("bentoml", command, port, "/readyz", home, told)


def feast(into: Path) -> Server:
    """Feast's feature server: one worker, no log of requests."""
    port = free_port()
    command = [str(PREDICTOR / "feast"), "-c", str(into / "feast"), "serve", "-h", LOOPBACK, "-p", str(port)]
    return Server("feast", [*command, "--no-access-log"], port, "/health", environment={"FEAST_USAGE": "False"})


def transformer(into: Path, features: int, scores: int) -> Server:
    """A KServe transformer between Feast's server and KServe's predictor."""
    port = free_port()
    command = [str(peer("kserve") / "python"), str(HERE / "peers" / "kserve" / "transformer.py")]
    command += ["--feast_port", str(features), "--use_case", str(into / "whole-code"), "--model_name", "rows"]
    command += ["--predictor_host", f"{LOOPBACK}:{scores}", "--predictor_protocol", "v2", "--http_port", str(port)]
    command += ["--enable_grpc", "false", "--enable_latency_logging", "false"]
    return Server("transformer", command, port, "/v2/health/ready")


ENVOY = """
static_resources:
  listeners:
  - address: {{socket_address: {{address: {host}, port_value: {port}}}}}
    filter_chains:
    - filters:
      - name: http
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: bare
          http_filters:
          - name: router
            typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
          route_config:
            virtual_hosts:
            - name: bare
              domains: ["*"]
              routes:
              - match: {{prefix: "/"}}
                direct_response: {{status: 200, body: {{inline_string: '{{"outputs": [{{"data": [0.5]}}]}}'}}}}
"""


def envoy(into: Path) -> Server:
    """Envoy that answers by itself: what the load generator and the loopback take."""
    from windsock.edge.envoy_binary import command

    port = free_port()
    binary = command(into, 1)[0]
    path = into / "envoy.yaml"
    path.write_text(ENVOY.format(host=LOOPBACK, port=port))
    words = [binary, "--config-path", str(path), "--concurrency", "1", "--disable-hot-restart", "--log-level", "error"]
    return Server("envoy", words, port, "/")


@contextmanager
def running(servers: Sequence[Server], into: Path) -> Iterator[None]:
    """Starts servers, waits until all of them serve, and ends them."""
    processes = {server: start(server, into) for server in servers}
    try:
        for server, process in processes.items():
            give_up_at = time.monotonic() + START_S
            while not answers(server):
                if process.poll() is not None or time.monotonic() > give_up_at:
                    said = log_of(server, into).read_text()[-2000:]
                    raise SystemExit(f"one_row: {server.name} does not start: {said}")
                time.sleep(0.2)
        yield
    finally:
        for process in processes.values():
            process.terminate()
        for process in processes.values():
            end(process)


def log_of(server: Server, into: Path) -> Path:
    """Where a server's own words are kept."""
    return into / f"{server.name}.log"


def start(server: Server, into: Path) -> "subprocess.Popen[bytes]":
    """Starts a server; what it scores with has one thread."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore", **dict(server.environment)}
    with log_of(server, into).open("wb") as said:
        return subprocess.Popen(server.command, cwd=server.directory, env=environment, stdout=said, stderr=said)


def end(process: "subprocess.Popen[bytes]") -> None:
    """Waits for a server that was told to end."""
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()


def answers(server: Server) -> bool:
    """Whether a server says that it serves; one without a path serves once it takes a connection."""
    try:
        if not server.path:
            socket.create_connection((LOOPBACK, server.port), 1).close()
            return True
        with urllib.request.urlopen(f"http://{LOOPBACK}:{server.port}{server.path}", timeout=5):
            return True
    except (OSError, urllib.error.URLError):
        return False
