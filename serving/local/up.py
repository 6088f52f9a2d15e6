"""Brings serving up on this machine, and down again."""

import argparse
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable

from windsock.contracts.clock import format_time, parse_time
from windsock.contracts.errors import InputError
from windsock.contracts.files import read_json, write_json
from windsock.contracts.release import Bundle, Registry, rules_release
from windsock.contracts.use_case import UseCase, load_use_case
from windsock.contracts.use_case_code import pack_use_case
from windsock.edge.envoy_binary import command as envoy_command
from windsock.edge.routing import TOTAL_WEIGHT, Address, Routing, Target
from windsock.edge.traffic import EnvoyTraffic

from pipelines.workspace import REPOSITORY, Workspace
from serving.local.place import NotRunningError, Place, Running
from serving.local.supervisor import Program, Supervisor

HOST = "127.0.0.1"
PROBE_S = 1.0
STOP_S = 30.0


def say(line: str) -> None:
    """One line for the person at the terminal."""
    print(line, flush=True)


def free_port(wanted: int = 0) -> int:
    """A loopback port that nobody listens on.

    Raises:
        InputError: the wanted one is taken.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, wanted))
        except OSError as error:
            raise InputError("--port", wanted, "a port that is free, or 0 for any") from error
        return int(probe.getsockname()[1])


def answers(port: int, path: str) -> Callable[[], bool]:
    """A question that is true while a local server says 200 at `path`."""

    def ask() -> bool:
        connection = http.client.HTTPConnection(HOST, port, timeout=PROBE_S)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    return ask


def production(workspace: Workspace) -> Bundle:
    """The release in production; on day zero, before any, the rules of the use case as it is."""
    bundle = Registry(workspace.releases).production()
    if bundle is not None:
        return bundle
    use_case = pack_use_case(REPOSITORY / "feature_repo", workspace.use_cases)
    threshold = load_use_case(use_case.path).costs.threshold
    return rules_release(use_case, threshold, workspace.releases)


def materialize(bundle: Bundle, as_of: str, place: Place) -> None:
    """Brings the online features to `as_of` by the pipeline that does so everywhere, unless they are there.

    Features that could not be brought there stop nobody: the rules answer where they are too old.
    """
    wanted = {"as_of": as_of, "use_case": bundle.artifact.digest}
    marker = place.root / "materialized.json"
    if marker.exists() and read_json(marker, "materialized") == wanted:
        return
    python = REPOSITORY / "pipelines" / ".venv" / "bin" / "python"
    command = [str(python), "-m", "pipelines.run", "materialization", "--as-of", as_of]
    done = subprocess.run([*command, "--use-case", str(bundle.use_case)], cwd=REPOSITORY, check=False)
    if done.returncode == 0:
        write_json(marker, wanted)
    else:
        say(f"the online features were not brought to {as_of} (exit code {done.returncode}): the rules will answer")


def _server(name: str, folder: str, module: str, port: int, place: Place, options: list[str]) -> Program:
    python = REPOSITORY / "serving" / folder / ".venv" / "bin" / "python"
    if not python.exists():
        raise InputError("environment", f"serving/{folder}/.venv", "a prepared one: run `make environments`")
    common = ["--http_port", str(port), "--host", HOST, "--record_dir", str(place.records / name)]
    command = (str(python), "-m", module, *common, *options)
    return Program(name, command, place.logs / f"{name}.log", answers(port, "/v2/health/ready"))


def _predictor(name: str, bundle: Bundle, port: int, workspace: Workspace, place: Place, clock: str) -> Program:
    store = workspace.online_store.removeprefix("sqlite:///")
    options = ["--model_dir", str(bundle.artifact.path), "--online_store", store, "--grpc_port", "0", "--clock", clock]
    sink = (workspace.root / "predictions").as_uri()
    return _server(name, "predictor", "windsock.predictor", port, place, [*options, "--sink", sink])


class Stack:
    """The programs of one `up`, and where they listen."""

    def __init__(self, options: argparse.Namespace, workspace: Workspace, place: Place) -> None:
        self.place = place
        self.release = production(workspace)
        self.use_case: UseCase = load_use_case(self.release.use_case)
        self.as_of = options.as_of or self.release.release.as_of
        self.port, self.operations, rules = free_port(options.port), free_port(), free_port()
        model_dir = ["--model_dir", str(self.release.artifact.path)]
        self.servers = [(_server("rules", "rules", "windsock.rules", rules, place, model_dir), rules, self.release)]
        self.targets: list[Target] = []
        models = {"predictor": self.release} if self.release.release.answers_with == "model" else {}
        if options.candidate:
            models["candidate"] = Registry(workspace.releases).get(options.candidate)
        if models:
            self.as_of = format_time(parse_time(self.as_of, "--as-of"))
            materialize(self.release, self.as_of, place)
        for name, bundle in models.items():
            port = free_port()
            self.servers.append((_predictor(name, bundle, port, workspace, place, options.clock), port, bundle))
        # On day zero the rules are the release.
        for _, port, bundle in self.servers[1:] if "predictor" in models else self.servers:
            weight = TOTAL_WEIGHT if bundle is self.release else 0
            self.targets.append(Target(bundle.digest, (Address(HOST, port),), weight))

    def routing(self) -> Routing:
        """The edge's state at the start: all traffic to production."""
        rules = (Address(HOST, self.servers[0][1]),)
        listen, operations = Address(HOST, self.port), Address(HOST, self.operations)
        deadline_ms = self.use_case.serving.deadline_ms
        return Routing(listen, operations, tuple(self.targets), rules, deadline_ms=deadline_ms)

    def edge(self) -> tuple[Program, EnvoyTraffic]:
        """Envoy, its files written."""
        traffic = EnvoyTraffic(self.place.edge)
        traffic.apply(self.routing())
        command = tuple(envoy_command(self.place.edge, threads=1))
        return Program("edge", command, self.place.logs / "edge.log", traffic.admin.live, vital=True), traffic


def up(options: argparse.Namespace) -> int:
    """Starts everything, says where it is, and keeps it running until a signal."""
    workspace = Workspace()
    place = Place(workspace.root / "serve")
    with place.held():
        stack = Stack(options, workspace, place)
        supervisor = Supervisor(say)
        with supervisor.running():
            code = _run(stack, supervisor)
        (place.edge / "admin.sock").unlink(missing_ok=True)
    say("stopped")
    return code


def _run(stack: Stack, supervisor: Supervisor) -> int:
    for program, port, bundle in stack.servers:
        _start(supervisor, program, f"http://{HOST}:{port}  {bundle.digest[:19]}")
    edge, _ = stack.edge()
    if not _start(supervisor, edge, f"http://{HOST}:{stack.port}  metrics http://{HOST}:{stack.operations}/metrics"):
        return 0 if supervisor.stopping else 1
    release = stack.release
    name = stack.use_case.name
    stack.place.write(Running(os.getpid(), stack.port, name, str(release.artifact.path), stack.as_of))
    say(f"POST http://{HOST}:{stack.port}/v1/models/{name}:predict")
    say("`make predict` sends a real request; Ctrl-C or `make stop` ends it")
    return supervisor.watch()


def _start(supervisor: Supervisor, program: Program, where: str) -> bool:
    took_s = supervisor.start(program)
    if supervisor.stopping:
        return False
    state = f"ready in {took_s:4.1f} s" if took_s is not None else "NOT READY, see its log"
    reason = "" if took_s is not None else f"  {program.last_line}"
    say(f"{program.name:10} {state:16} {where}  log {os.path.relpath(program.log)}{reason}")
    return took_s is not None


def stop(_: argparse.Namespace) -> int:
    """Stops what `up` started, and waits until it is gone."""
    place = Place(Workspace().root / "serve")
    pid = place.holder()
    if pid is None:
        raise NotRunningError("nothing serves here")
    os.kill(pid, signal.SIGTERM)
    until = time.monotonic() + STOP_S
    while place.holder() is not None:
        if time.monotonic() > until:
            print(f"stop: process {pid} did not end within {STOP_S:.0f} s", file=sys.stderr)
            return 1
        time.sleep(0.05)
    return 0
