"""The peer: what KServe's request logger keeps of answers that left, when its agent is ended or its sink is away.

    serving/predictor/.venv/bin/python tests/drills/record_crash/kserve_logger.py --agent PATH [--ends 200] [--seed 7]

`PATH` is the agent of a KServe release (`go build ./cmd/agent` in its source, or from its image). It runs as it does in
a pod: in front of a server, told where its log goes. Four callers ask 100 times a second, which the sink keeps up with:
while nothing is ended nothing must be lost, or the drill itself is at fault. An answer counts as acknowledged once a
caller has read all of it; it has its records once the sink has both of its events, request and response.
"""

import argparse
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

LOOPBACK = "127.0.0.1"
CALLERS, PER_S = 4, 100
START_S, QUIET_S = 10.0, 2.0
LONGEST_RUN_S, SINK_AWAY_S = 0.25, 10.0
EVENTS_AN_ANSWER = 2
ANSWER = json.dumps({"predictions": [0.5]}).encode()


class Quick(BaseHTTPRequestHandler):
    """HTTP/1.1 without a log on the terminal; every POST is answered with 200."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    told: Callable[[str, str], None] = staticmethod(lambda *_: None)

    def do_POST(self) -> None:
        """Notes an event, if it is one."""
        self.rfile.read(int(self.headers.get("content-length", 0)))
        if "ce-id" in self.headers:
            self.told(self.headers["ce-id"], self.headers.get("ce-type", ""))
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(ANSWER)))
        self.end_headers()
        self.wfile.write(ANSWER)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


class Server(ThreadingHTTPServer):
    """Threads that end with the drill, and room for many callers at once."""

    daemon_threads = True
    request_queue_size = 1024

    def handle_error(self, *_: object) -> None:
        """Says nothing of a caller that is gone: the drill ends them."""


@dataclass
class Sink:
    """Where the agent sends its events; they count by identifier and type, copies apart."""

    port: int
    seen: Counter[tuple[str, str]] = field(default_factory=Counter)
    newest: float = 0.0
    _server: Server | None = None

    def open(self) -> None:
        """Takes events."""

        def told(_handler: Quick, identifier: str, kind: str) -> None:
            self.seen[identifier, kind] += 1
            self.newest = time.monotonic()

        handler = type("SinkHandler", (Quick,), {"told": told})
        self._server = Server((LOOPBACK, self.port), handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Refuses connections from now on."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def settle(self) -> None:
        """Waits until no event has come for a while."""
        self.newest = time.monotonic()
        while time.monotonic() - self.newest < QUIET_S:
            time.sleep(0.1)

    def lost(self, acknowledged: set[str]) -> int:
        """How many answers lack an event."""
        events = Counter(identifier for identifier, _ in self.seen)
        return sum(events[identifier] < EVENTS_AN_ANSWER for identifier in acknowledged)

    @property
    def copies(self) -> int:
        """How many events came more than once."""
        return sum(count > 1 for count in self.seen.values())


def free_port() -> int:
    """A loopback port that nobody listens on at this moment."""
    with socket.socket() as one:
        one.bind((LOOPBACK, 0))
        return int(one.getsockname()[1])


@contextmanager
def agent(path: Path, port: int, server: int, sink: int) -> Iterator["subprocess.Popen[bytes]"]:
    """The agent, ready, until the block ends: then it is ended with -9 if nobody did before."""
    words = [str(path), "--port", str(port), "--component-port", str(server), "--log-mode", "all"]
    words += ["--log-url", f"http://{LOOPBACK}:{sink}/", "--inference-service", "drill", "--namespace", "drill"]
    words += ["--endpoint", "default", "--component", "predictor"]
    process = subprocess.Popen(
        words, env={**os.environ, "SERVING_READINESS_PROBE": ""}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    until = time.monotonic() + START_S
    try:
        while not listens(port):
            if process.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"{path} does not listen on {port}; run it alone to see why")
            time.sleep(0.005)
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def listens(port: int) -> bool:
    """Whether a port takes connections."""
    try:
        socket.create_connection((LOOPBACK, port), timeout=1).close()
    except OSError:
        return False
    return True


def ask(port: int, name: str, acknowledged: set[str], stop: threading.Event) -> None:
    """Asks one request after the other until it is told to stop or nobody answers."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=5)
    number = 0
    try:
        while not stop.wait(CALLERS / PER_S):
            identifier = f"{name}-{number}"
            connection.request("POST", "/v1/models/any:predict", b"{}", {"ce-id": identifier})
            answer = connection.getresponse()
            if answer.read() == ANSWER and answer.status == http.client.OK:
                acknowledged.add(identifier)
            number += 1
    except (OSError, http.client.HTTPException):
        return  # The agent was ended under this request: it was not acknowledged.
    finally:
        connection.close()


@contextmanager
def callers(port: int, name: str, acknowledged: set[str]) -> Iterator[None]:
    """Callers that ask while the block runs."""
    stop = threading.Event()
    threads = [
        threading.Thread(target=ask, args=(port, f"{name}-{number}", acknowledged, stop)) for number in range(CALLERS)
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def killed(path: Path, server: int, ends: int, seed: int) -> tuple[int, int, int]:
    """Ends the agent after 0 to 250 ms of calls, again and again: acknowledged, lost, events that came twice."""
    generator, sink, acknowledged = random.Random(seed), Sink(free_port()), set[str]()
    sink.open()
    for end in range(ends):
        port = free_port()
        with agent(path, port, server, sink.port) as process, callers(port, f"end-{end}", acknowledged):
            time.sleep(generator.uniform(0, LONGEST_RUN_S))
            process.send_signal(signal.SIGKILL)
            process.wait()
    sink.settle()
    sink.close()
    return len(acknowledged), sink.lost(acknowledged), sink.copies


def alive(path: Path, server: int, away: bool) -> tuple[int, int, int]:
    """The agent lives; the sink takes all, or refuses connections for a while. Then there is as long to catch up."""
    sink, acknowledged, port = Sink(free_port()), set[str](), free_port()
    if not away:
        sink.open()
    with agent(path, port, server, sink.port):
        with callers(port, "alive", acknowledged):
            time.sleep(SINK_AWAY_S)
        if away:
            sink.open()
        time.sleep(SINK_AWAY_S)
        sink.settle()
    sink.close()
    return len(acknowledged), sink.lost(acknowledged), sink.copies


def main() -> None:
    """Prints a line a case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agent", type=Path, required=True, help="the program of KServe's agent")
    parser.add_argument("--ends", type=int, default=200)
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args()
    server = Server((LOOPBACK, 0), Quick)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port = int(server.server_address[1])
    print(f"{'ended':44} {'times':>6} {'acknowledged':>13} {'lost':>7} {'twice':>6}")
    for name, times, figures in (
        ("never", 1, alive(given.agent, port, away=False)),
        ("kill -9 at random moments", given.ends, killed(given.agent, port, given.ends, given.seed)),
        (f"never, its sink is away for {SINK_AWAY_S:.0f} s", 1, alive(given.agent, port, away=True)),
    ):
        print(f"{name:44} {times:>6,} " + "{:>13,} {:>7,} {:>6,}".format(*figures), flush=True)


if __name__ == "__main__":
    main()
