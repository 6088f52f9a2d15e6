"""One row over HTTP: latency and throughput of the predictor beside its peers, in turn, in one run.

    serving/edge/.venv/bin/python tests/benchmarks/serving/one_row.py [--model logistic] [--rounds 5] [--seconds 2]

Needs Debian's packages wrk and redis-server. The folder's README.md says what is compared.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from servers import (
    ASKED,
    COLUMNS,
    HERE,
    LOOPBACK,
    PREDICTOR,
    ROOT,
    Contender,
    Server,
    bentoml,
    envoy,
    feast,
    free_port,
    kserve,
    last,
    mlserver,
    one_tensor,
    own,
    predictor,
    running,
    tensors,
    transformer,
)

PEERS = ("kserve", "mlserver", "bentoml")
ENVIRONMENTS = (
    "serving/predictor",
    "serving/edge",
    "components/model",
    *(f"tests/benchmarks/serving/peers/{p}" for p in PEERS),
)
CONNECTIONS = (1, 2, 4, 8, 16, 32)
BOUND_MS = 5.0
EQUAL = 1e-5
WARM_S = 2
OURS = "windsock"
Row = tuple[object, ...]


@dataclass(frozen=True)
class Turn:
    """What one turn of one contender gave: answers a second, and quantiles in milliseconds."""

    rate: float
    p50_ms: float
    p99_ms: float
    failed: int


def turn(contender: Contender, body: Path, connections: int, seconds: int) -> Turn:
    """Asks by `connections` at once, each as soon as it was answered, for some seconds."""
    command = ["wrk", "-t", "1", "-c", str(connections), "-d", f"{seconds}s", "--timeout", "10s"]
    command += ["-s", str(HERE / "ask.lua"), contender.url, "--", str(body)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    found = json.loads(next(line for line in said if line.startswith("{")))
    rate = 1e6 * found["requests"] / found["us"]
    return Turn(rate, found["p50_us"] / 1000, found["p99_us"] / 1000, found["failed"])


def prepare(into: Path, model: str) -> None:
    """Makes what must be there: environments from their locks, the model, releases, features."""
    targets = [f"{folder}/.venv/.ready" for folder in ENVIRONMENTS]
    subprocess.run(["make", "--quiet", *targets], cwd=ROOT, check=True)
    trainer = ROOT / "components" / "model" / ".venv" / "bin" / "python"
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TZ": "UTC"}
    subprocess.run([trainer, HERE / "train.py", "--into", into, "--kind", model], check=True, env=environment)


def fill(into: Path, redis: str) -> None:
    """Releases, and features in the store."""
    command = [PREDICTOR / "python", HERE / "prepare.py", "--into", into, "--redis", redis]
    subprocess.run(command, check=True, env={**os.environ, "TZ": "UTC"}, capture_output=True)


def store(into: Path) -> Server:
    """Redis without persistence."""
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", LOOPBACK, "--save", "", "--dir", str(into)]
    return Server("redis", command, port)


def scores(into: Path, stack: ExitStack, bare: Server) -> list[Contender]:
    """All that score a row which the request holds; ours decides and records it, too."""

    def bento(answer: list[list[float]]) -> float:
        return float(answer[0][-1])

    row = {"line": "RE1", "due_at": ASKED["due_at"], **COLUMNS}
    proba = one_tensor(outputs=[{"name": "predict_proba"}])
    path = "/v2/models/rows/infer"
    ours, one, none, bentos = predictor(into, "row", "unused"), mlserver(into, 1), mlserver(into, 0), bentoml(into)
    stack.enter_context(running((ours, one, none, bentos), into))
    return [
        Contender(OURS, ours.port, "/v2/models/trains/infer", tensors(row), own),
        Contender("kserve sklearn", bare.port, path, one_tensor(), last),
        Contender("mlserver, 1 worker", one.port, path, proba, last),
        Contender("mlserver, 0 workers", none.port, path, proba, last),
        Contender("bentoml", bentos.port, "/predict", {"rows": [list(COLUMNS.values())]}, bento),
    ]


def wholes(into: Path, stack: ExitStack, bare: Server, redis: str) -> list[Contender]:
    """All that answer a request which names things: features, row, score; ours decides and records it, too."""
    ours, features = predictor(into, "whole", f"redis://{redis}"), feast(into)
    chain = transformer(into, features.port, bare.port)
    stack.enter_context(running((ours, features, chain), into))
    return [
        Contender(OURS, ours.port, "/v2/models/trains/infer", tensors(ASKED), own),
        Contender("kserve, feast", chain.port, "/v2/models/rows/infer", tensors(ASKED), last),
    ]


def table(title: str, rows: Sequence[Row]) -> None:
    """Prints figures in columns."""
    widths = [max(len(str(row[column])) for row in rows) for column in range(len(rows[0]))]
    print(f"\n{title}")
    for row in rows:
        name, *cells = (str(cell).rjust(width) for cell, width in zip(row, widths, strict=True))
        print("  " + "  ".join([name.strip().ljust(widths[0]), *cells]), flush=True)


def rounds(contenders: list[Contender], into: Path, connections: int, count: int, seconds: int) -> dict[str, Turn]:
    """Every contender in turn, round by round; the median round of each."""
    found: dict[str, list[Turn]] = {contender.name: [] for contender in contenders}
    for _ in range(count):
        for contender in contenders:
            body = into / "body.json"
            body.write_text(json.dumps(contender.body))
            found[contender.name].append(turn(contender, body, connections, seconds))
    return {
        name: Turn(
            statistics.median(each.rate for each in turns),
            statistics.median(each.p50_ms for each in turns),
            statistics.median(each.p99_ms for each in turns),
            sum(each.failed for each in turns),
        )
        for name, turns in found.items()
    }


def compare(title: str, contenders: list[Contender], into: Path, options: argparse.Namespace) -> None:
    """Latency alone, throughput by connections, and the ratios to the best of the peers."""
    given = {contender.name: contender.ask() for contender in contenders}
    if max(given.values()) - min(given.values()) > EQUAL:
        raise SystemExit(f"one_row: not the same model: {given}")
    rounds(contenders, into, 4, 1, WARM_S)
    alone = rounds(contenders, into, 1, options.rounds, options.seconds)
    crowds = {count: rounds(contenders, into, count, options.crowd_rounds, options.seconds) for count in CONNECTIONS}
    failed = {name: sum(found[name].failed for found in (alone, *crowds.values())) for name in alone}
    heading = ("", "p50 ms", "p99 ms", "answers/s", f"answers/s, p99 ≤ {BOUND_MS:.0f} ms", "connections", "failed")
    rows: list[Row] = [heading]
    rates = {}
    for name, own_turn in alone.items():
        within = {count: found[name] for count, found in crowds.items() if found[name].p99_ms <= BOUND_MS}
        best = max(within, key=lambda count: within[count].rate, default=0)
        rates[name] = within[best].rate if best else 0.0
        figures = f"{own_turn.p50_ms:.3f}", f"{own_turn.p99_ms:.3f}", f"{own_turn.rate:,.0f}"
        rows.append((name, *figures, f"{rates[name]:,.0f}", best or "none", failed[name]))
    others = [name for name in alone if name != OURS]
    p50, p99 = (
        getattr(alone[OURS], key) / min(getattr(alone[name], key) for name in others) for key in ("p50_ms", "p99_ms")
    )
    best_rate = max(rates[name] for name in others)
    rate = f"{rates[OURS] / best_rate:.2f}" if best_rate else "no peer holds it"
    rows.append(("windsock to the best", f"{p50:.3f}", f"{p99:.3f}", "", rate, "", ""))
    table(f"{title}; probability {given[OURS]:.6f} by all", rows)


def bound(into: Path, stack: ExitStack, options: argparse.Namespace) -> None:
    """What the load generator can do when the server costs next to nothing."""
    bare = envoy(into)
    stack.enter_context(running((bare,), into))
    contender = Contender("envoy, direct response", bare.port, "/", one_tensor(), last)
    rows: list[Row] = [("", "connections", "p50 ms", "p99 ms", "answers/s")]
    for count in (1, 16):
        found = rounds([contender], into, count, 1, options.seconds)[contender.name]
        rows.append((contender.name, count, f"{found.p50_ms:.3f}", f"{found.p99_ms:.3f}", f"{found.rate:,.0f}"))
    table("the bound of the load generator", rows)


def main() -> None:
    """Starts all servers, asks them in turn, prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=("boosting", "logistic"), default="boosting")
    parser.add_argument("--rounds", type=int, default=5, help="turns of one connection")
    parser.add_argument("--crowd-rounds", type=int, default=1, help="turns of each number of connections")
    parser.add_argument("--seconds", type=int, default=2, help="the length of a turn")
    options = parser.parse_args()
    for program in ("wrk", "redis-server"):
        if shutil.which(program) is None:
            raise SystemExit(f"one_row: {program} is missing: apt-get install {program}")
    with tempfile.TemporaryDirectory(prefix="one-row-") as scratch, ExitStack() as stack:
        into = Path(scratch)
        prepare(into, options.model)
        redis = store(into)
        stack.enter_context(running((redis,), into))
        fill(into, f"{LOOPBACK}:{redis.port}")
        print(f"load average before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        with ExitStack() as first:
            bound(into, first, options)
        bare = kserve(into)
        stack.enter_context(running((bare,), into))
        with ExitStack() as first:
            compare("one row over HTTP", scores(into, first, bare), into, options)
        with ExitStack() as second:
            contenders = wholes(into, second, bare, f"{LOOPBACK}:{redis.port}")
            compare("the whole answer: features, row, score", contenders, into, options)


if __name__ == "__main__":
    main()
