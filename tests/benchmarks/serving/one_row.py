"""Latency of one row over HTTP V2: the whole answer here, a bare score by KServe's own server; one run, interleaved.

    cd serving/predictor
    .venv/bin/python ../../tests/benchmarks/serving/one_row.py --into DIRECTORY [--requests 2000]

Ours reads features, decides and has its record on disk before it answers; KServe's server only scores a row that it is
given. Feast's store and the release are made on the first run.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
STAGE = ROOT / "serving" / "predictor" / "tests" / "stage.py"
ROW = {"line": "RE1", "station": "Ulm", "platform": 7, "load": 0.5, "due_at": "2013-07-01T13:00:00Z"}
KINDS = {"line": "BYTES", "station": "BYTES", "platform": "INT64", "load": "FP64", "due_at": "BYTES"}
WARM_UP = 200
START_S = 180


def free_port() -> int:
    """A port that nobody has just now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Client:
    """One connection and one fixed request."""

    def __init__(self, port: int, inputs: list[dict[str, object]]) -> None:
        body = json.dumps({"inputs": inputs}).encode()
        head = "POST /v2/models/trains/infer HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n"
        self._request = head.encode() + b"content-length: %d\r\n\r\n" % len(body) + body
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self) -> float:
        """Sends the request and waits for the whole answer; returns the seconds that it took."""
        began = time.perf_counter()
        self._socket.sendall(self._request)
        answer = self._socket.recv(65536)
        head, _, body = answer.partition(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        length = next(int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length"))
        while len(body) < length:
            body += self._socket.recv(65536)
        took_s = time.perf_counter() - began
        if not answer.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"one_row: {answer[:300]!r}")
        return took_s


def connect(port: int, inputs: list[dict[str, object]], process: subprocess.Popen[bytes]) -> Client:
    """A client of a server that is starting."""
    give_up_at = time.monotonic() + START_S
    while time.monotonic() < give_up_at and process.poll() is None:
        try:
            client = Client(port, inputs)
            client.ask()
            return client
        except (ConnectionError, StopIteration):
            time.sleep(0.2)
    raise SystemExit(f"one_row: the server on port {port} did not start")


def percentile(values: list[float], share: float) -> float:
    """The value below which this share lies, in milliseconds."""
    return 1000 * sorted(values)[int(share * (len(values) - 1))]


def main() -> None:
    """Starts both servers, asks them in turn, prints a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--into", type=Path, required=True)
    parser.add_argument("--requests", type=int, default=2000)
    options = parser.parse_args()
    into: Path = options.into.resolve()
    environment = {**os.environ, "TZ": "UTC", "OMP_NUM_THREADS": "1"}
    if not (into / "bundle").exists():
        subprocess.run([sys.executable, str(STAGE), "--into", str(into)], check=True, env=environment)
    ours, peer = free_port(), free_port()
    flags = ["--model_dir", into / "bundle", "--online_store", into / "online.db", "--record_dir", into / "record"]
    flags += ["--http_port", ours, "--grpc_port", 0, "--clock", "request"]
    model = into / "bundle" / "model.onnx"
    commands = {
        "ours": [sys.executable, "-m", "windsock.predictor", *map(str, flags)],
        "peer": [sys.executable, str(Path(__file__).with_name("kserve_peer.py")), str(model), str(peer)],
    }
    logs = {name: (into / f"{name}.log").open("wb") for name in commands}
    processes = {
        name: subprocess.Popen(command, env=environment, stdout=logs[name], stderr=logs[name])
        for name, command in commands.items()
    }
    row = [{"name": name, "shape": [1], "datatype": KINDS[name], "data": [value]} for name, value in ROW.items()]
    floats = [{"name": "rows", "shape": [1, 5], "datatype": "FP32", "data": [0.5, 40.0, 2.5, 0.25, 1.0]}]
    try:
        clients = {"ours": connect(ours, row, processes["ours"]), "peer": connect(peer, floats, processes["peer"])}
        times: dict[str, list[float]] = {name: [] for name in clients}
        for number in range(WARM_UP + options.requests):
            for name, client in clients.items():
                took_s = client.ask()
                if number >= WARM_UP:
                    times[name].append(took_s)
    finally:
        for process in processes.values():
            process.terminate()
            process.wait(30)
    print(f"{options.requests} requests each, in turn; load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print(f"{'':34}{'p50 ms':>9}{'p90 ms':>9}{'p99 ms':>9}")
    titles = {"ours": "windsock: the whole answer", "peer": "kserve server: the score alone"}
    for name, values in times.items():
        print(f"{titles[name]:34}" + "".join(f"{percentile(values, share):9.3f}" for share in (0.5, 0.9, 0.99)))
    ratios = [percentile(times["ours"], share) / percentile(times["peer"], share) for share in (0.5, 0.9, 0.99)]
    print(f"{'ratio':34}" + "".join(f"{ratio:9.2f}" for ratio in ratios))


if __name__ == "__main__":
    main()
