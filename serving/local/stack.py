"""What runs on this machine: which release, which programs, on which ports, and how the edge routes between them."""

import argparse
import http.client
import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from windsock.contracts.clock import format_time, parse_time
from windsock.contracts.errors import InputError
from windsock.contracts.files import read_json, write_json
from windsock.contracts.recorded import CLOCK as RECORDED
from windsock.contracts.recorded import unhurried
from windsock.contracts.release import Bundle, Registry, rules_release
from windsock.contracts.use_case import UseCase, load_use_case
from windsock.contracts.use_case_code import pack_use_case
from windsock.edge.envoy_binary import command as envoy_command
from windsock.edge.routing import TOTAL_WEIGHT, Address, Routing, Target
from windsock.edge.traffic import EnvoyTraffic

from pipelines.workspace import REPOSITORY, Workspace
from serving.local.place import Place
from serving.local.supervisor import Program

HOST = "127.0.0.1"
PROBE_S = 1.0


@dataclass(frozen=True)
class Server:
    """A program that answers for a release on a loopback port."""

    program: Program
    port: int
    bundle: Bundle

    @property
    def where(self) -> str:
        """Its address and its release, for a person."""
        return f"http://{HOST}:{self.port}  {self.bundle.digest[:19]}"


@dataclass(frozen=True)
class Stack:
    """All of serving: the rules, the predictors (the first one in production), and the edge's two ports."""

    place: Place
    use_case: UseCase
    as_of: str
    rules: Server
    predictors: tuple[Server, ...]
    port: int
    operations: int

    @property
    def production(self) -> Server:
        """Who answers for the release in production: on day zero the rules themselves."""
        answering = (server for server in self.predictors if server.bundle.digest == self.rules.bundle.digest)
        return next(answering, self.rules)

    def routing(self) -> Routing:
        """The edge's state at the start: all traffic to production."""
        servers = [self.production, *(server for server in self.predictors if server is not self.production)]
        targets = (
            Target(server.bundle.digest, (Address(HOST, server.port),), TOTAL_WEIGHT if server is servers[0] else 0)
            for server in servers
        )
        listen, operations, rules = (Address(HOST, port) for port in (self.port, self.operations, self.rules.port))
        return Routing(listen, operations, tuple(targets), (rules,), deadline_ms=self.use_case.serving.deadline_ms)

    def edge(self) -> Program:
        """Envoy, its files written. Without it nobody can be reached."""
        traffic = EnvoyTraffic(self.place.edge)
        traffic.apply(self.routing())
        command = tuple(envoy_command(self.place.edge, threads=1))
        return Program("edge", command, self.place.logs / "edge.log", traffic.admin.live, vital=True)


def plan(options: argparse.Namespace, workspace: Workspace, place: Place) -> Stack:
    """The stack that the options ask for; nothing runs yet.

    Raises:
        InputError: a port is taken, a release or an environment is missing.
    """
    production = _production(workspace, options.use_case)
    ports = _free_ports(options.port)
    rules = _server("rules", "rules", next(ports), production, place, _rules_flags(options, workspace))
    bundles = {"predictor": production} if production.release.answers_with == "model" else {}
    if options.candidate:
        bundles["candidate"] = Registry(workspace.releases).get(options.candidate)
    flags = _predictor_flags(options, workspace)
    predictors = tuple(
        _server(name, "predictor", next(ports), bundle, place, flags) for name, bundle in bundles.items()
    )
    as_of = options.as_of or production.release.as_of
    as_of = format_time(parse_time(as_of, "--as-of")) if as_of else ""
    use_case = load_use_case(production.use_case)
    if options.clock == RECORDED:
        use_case = unhurried(use_case)
    return Stack(place, use_case, as_of, rules, predictors, options.port, next(ports))


def _rules_flags(options: argparse.Namespace, workspace: Workspace) -> list[str]:
    """The last resort keeps its records to itself, save in recorded time: there every answer is accounted for."""
    return [*_clock_of_rules(options), *_sink(workspace)] if options.clock == RECORDED else []


def _clock_of_rules(options: argparse.Namespace) -> list[str]:
    """The rules need no time to answer; what they record says when it was."""
    return ["--clock", RECORDED] if options.clock == RECORDED else []


def _sink(workspace: Workspace) -> list[str]:
    return ["--sink", workspace.records.as_uri()]


def _predictor_flags(options: argparse.Namespace, workspace: Workspace) -> list[str]:
    store = options.online_store or workspace.online_store.removeprefix("sqlite:///")
    return ["--online_store", store, *_sink(workspace), "--clock", options.clock, "--grpc_port", "0"]


def one_more(options: argparse.Namespace, workspace: Workspace, place: Place, release: str) -> Server:
    """A server of a registered release that joins what runs already, with a journal and a log of its own.

    Raises:
        InputError: no such release is registered, or an environment is missing.
    """
    bundle = Registry(workspace.releases).get(release)
    name = f"release-{release.removeprefix('sha256:')[:12]}"
    if bundle.release.answers_with == "model":
        return _server(name, "predictor", free_port(), bundle, place, _predictor_flags(options, workspace))
    return _server(name, "rules", free_port(), bundle, place, [*_sink(workspace), *_clock_of_rules(options)])


def _production(workspace: Workspace, feature_repo: Path) -> Bundle:
    """The release in production; on day zero, before any, the rules of the use case as it is."""
    bundle = Registry(workspace.releases).production()
    if bundle is not None:
        return bundle
    use_case = pack_use_case(feature_repo, workspace.use_cases)
    return rules_release(use_case, load_use_case(use_case.path).costs.threshold, workspace.releases)


def _free_ports(taken: int) -> Iterator[int]:
    """Loopback ports that nobody listens on, each another one."""
    given = {taken}
    while True:
        port = free_port()
        if port not in given:
            given.add(port)
            yield port


def free_port(wanted: int = 0) -> int:
    """A loopback port that nobody listens on.

    Raises:
        InputError: the wanted one is taken.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, wanted))
        except (OSError, OverflowError) as error:
            raise InputError("--port", wanted, "a port that is free, or 0 for any") from error
        return int(probe.getsockname()[1])


def _server(name: str, folder: str, port: int, bundle: Bundle, place: Place, flags: list[str]) -> Server:
    python = REPOSITORY / "serving" / folder / ".venv" / "bin" / "python"
    if not python.exists():
        raise InputError("environment", f"serving/{folder}/.venv", "a prepared one: run `make environments`")
    common = ["--model_dir", str(bundle.artifact.path), "--http_port", str(port), "--host", HOST]
    records = ["--record_dir", str(place.records / name)]
    command = (str(python), "-m", f"windsock.{folder}", *common, *records, *flags)
    return Server(Program(name, command, place.logs / f"{name}.log", _answers(port, "/v2/health/ready")), port, bundle)


def _answers(port: int, path: str) -> Callable[[], bool]:
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


def materialize(stack: Stack) -> str:
    """Brings the online features to `as_of` by the pipeline that does so everywhere, unless they are there.

    Returns what went wrong, in one line, or nothing. It stops nobody: the rules answer where features are too old.
    """
    wanted = {"as_of": stack.as_of, "release": stack.production.bundle.digest}
    marker = stack.place.root / "materialized.json"
    if not stack.predictors or (marker.exists() and read_json(marker, "materialized") == wanted):
        return ""
    python = REPOSITORY / "pipelines" / ".venv" / "bin" / "python"
    command = [str(python), "-m", "pipelines.run", "materialization", "--as-of", stack.as_of]
    use_case = stack.predictors[0].bundle.use_case
    done = subprocess.run([*command, "--use-case", str(use_case)], cwd=REPOSITORY, check=False)
    if done.returncode != 0:
        return f"the online features were not brought to {stack.as_of} (exit code {done.returncode})"
    write_json(marker, wanted)
    return ""
