"""The real thing for the fault drills: `serving.local up` on a release of the pumps, and a Redis that can be hurt."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from windsock.contracts.release import Registry, open_bundle

from tests.drills.serving.load import Answer, Request, failed, load, quantile_ms
from tests.drills.serving.real_edge import LOOPBACK, free_ports, table

ROOT = Path(__file__).parents[3]
PREDICTOR = ROOT / "serving" / "predictor" / ".venv" / "bin" / "python"
STARTS_AT = "2024-06-01T13:00:00Z"
PER_S = 100
UP_S, RECOVERED_S = 120.0, 60.0
Reason = tuple[str, str]


def command_line(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/cmdline").read_text().split("\0")


class Redis:
    """A Redis of its own on loopback, which keeps its data over a restart."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        (self.port,) = free_ports(1)
        self.start()

    def start(self) -> None:
        command = ["redis-server", "--port", str(self.port), "--bind", LOOPBACK, "--dir", str(self.directory)]
        log = (self.directory / "redis.log").open("ab")
        self.process = subprocess.Popen([*command, "--save", "", "--appendonly", "no"], stdout=log, stderr=log)
        log.close()
        self._wait()

    def _wait(self) -> None:
        until = time.monotonic() + 10
        while self.command("PING") != "PONG":
            assert time.monotonic() < until, "Redis does not start"
            time.sleep(0.05)

    def command(self, *words: str) -> str:
        done = subprocess.run(["redis-cli", "-p", str(self.port), *words], capture_output=True, text=True, check=False)
        return done.stdout.strip()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGCONT)
        self.kill()


class SlowWire:
    """A TCP proxy before a port, in a thread: every chunk from the server waits `delay_s`; `cut`, nothing passes."""

    def __init__(self, port: int) -> None:
        self.delay_s = 0.0
        self.cut = False
        self._target = port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(5)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._join, LOOPBACK, 0)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.cut:
            writer.transport.abort()
            return
        try:
            upstream = await asyncio.open_connection(LOOPBACK, self._target)
        except OSError:
            writer.transport.abort()
            return
        await asyncio.gather(self._copy(reader, upstream[1], False), self._copy(upstream[0], writer, True))

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, slow: bool) -> None:
        try:
            while chunk := await reader.read(65_536):
                if self.cut:
                    break
                if slow and self.delay_s:
                    await asyncio.sleep(self.delay_s)
                writer.write(chunk)
        except OSError:
            pass  # One side is gone; so is the other, below.
        finally:
            writer.transport.abort()

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        ends = asyncio.all_tasks() - {asyncio.current_task()}
        for task in ends:
            task.cancel()
        await asyncio.gather(*ends, return_exceptions=True)


def shift(number: int, drill: str = "drill", pump: int = 101, site: str = "north", load: float = 50.0) -> Request:
    """A valid request about one pump's shift; its id is found again in the records."""
    row = {"pump": pump, "site": site, "load": load, "starts_at": STARTS_AT}
    headers = {"x-request-id": f"{drill.replace(' ', '-')}-{number}"}
    return Request("/v1/models/pumps:predict", json.dumps({"instances": [row]}).encode(), headers)


def reason(answer: Answer) -> Reason:
    """Who answered, and why."""
    (prediction,) = json.loads(answer.body)["predictions"]
    return prediction["answered_by"], prediction["reason"]


def number_of(answer: Answer) -> int:
    """The number of a request within its drill."""
    return int(answer.request.headers["x-request-id"].rpartition("-")[2])


def assigned(answer: Answer) -> str:
    """The release that the edge's split chose."""
    return answer.headers["x-windsock-assigned-release"]


def identity(answer: Answer) -> str:
    """The prediction's own id."""
    (prediction,) = json.loads(answer.body)["predictions"]
    return str(prediction["prediction_id"])


@dataclass
class Served:
    """A running stack and all answers that it gave."""

    home: Path
    redis: Redis
    wire: SlowWire
    candidate: str
    process: "subprocess.Popen[bytes]"
    answers: list[Answer] = field(default_factory=list)
    copied: list[str] = field(default_factory=list)

    @property
    def port(self) -> int:
        return int(json.loads((self.home / "serve" / "serving.json").read_text())["port"])

    @property
    def records(self) -> Path:
        return self.home / "serve" / "records"

    @property
    def small_disk(self) -> bool:
        """Whether the journals lie on a small file system of their own."""
        return os.path.ismount(self.records)

    @property
    def digest(self) -> str:
        return str(json.loads((self.home / "releases" / "production.json").read_text())["digest"])

    def bundle(self) -> Path:
        return self.home / "releases" / self.digest.removeprefix("sha256:")

    def pid(self, module: str) -> int:
        """The process of one of the servers, by its module."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        found = [int(pid) for pid in children if {module, str(self.bundle())} <= set(command_line(int(pid)))]
        assert len(found) == 1, found
        return found[0]

    @property
    def predictor_port(self) -> int:
        words = command_line(self.pid("windsock.predictor"))
        return int(words[words.index("--http_port") + 1])

    def counted(self) -> Counter[Reason]:
        """What the predictor's metrics say of who answered, and why."""
        request = Request("/metrics", b"", method="GET")
        (answer,) = asyncio.run(load(self.predictor_port, PER_S, 1 / PER_S, lambda _: request))
        pattern = r'windsock_answers_total\{answered_by="(\w+)",reason="(\w*)".*\} (\S+)'
        found = re.findall(pattern, answer.body.decode())
        return Counter({(who, why): int(float(count)) for who, why, count in found})

    def stop(self) -> str:
        """Ends the stack as `make stop` does; returns all that it said."""
        self.process.terminate()
        assert self.process.wait(60) == 0, self.said.read_text()
        return self.said.read_text()

    @property
    def said(self) -> Path:
        return self.home / "up.log"

    def drill(self, name: str, seconds: float, make: Callable[[int], Request] | None = None) -> list[Answer]:
        """Sends requests for a while, prints who answered them and why, and fails on the first that failed."""
        answers = asyncio.run(load(self.port, PER_S, seconds, make or (lambda number: shift(number, name))))
        lost = failed(answers)
        by = Counter(reason(answer) for answer in answers if answer.status == 200)
        late = f"{quantile_ms(answers, 0.5):.1f}", f"{quantile_ms(answers, 0.999):.1f}"
        reasons = ", ".join(f"{who} {why or 'well'}: {count}" for (who, why), count in by.most_common())
        heading = ("requests", "failed", "p50 ms", "p99.9 ms", "answered by")
        table(name, [heading, (len(answers), len(lost), *late, reasons)])
        assert not lost, Counter((answer.status, answer.body[:200]) for answer in lost)
        self.answers += answers
        return answers

    def ask(self, name: str = "probe") -> Reason:
        (answer,) = asyncio.run(load(self.port, PER_S, 1 / PER_S, lambda number: shift(number, name)))
        self.answers.append(answer)
        return reason(answer)

    def until_model_answers(self) -> float:
        """Waits for the end of a fault's consequences; returns how long they lasted, in seconds."""
        began = time.monotonic()
        while (given := self.ask()) != ("model", ""):
            assert time.monotonic() < began + RECOVERED_S, f"still answered by {given}"
            time.sleep(0.1)
        return time.monotonic() - began


def build(home: Path, redis: Redis) -> str:
    """Releases and features, made in the predictor's environment; one goes into production, the other is returned."""
    stage = home / "stage"
    command = [str(PREDICTOR), "-m", "tests.drills.serving.build_stage", "--into", str(stage)]
    subprocess.run([*command, "--redis", f"{LOOPBACK}:{redis.port}"], cwd=ROOT, check=True, capture_output=True)
    redis.command("SAVE")
    registry = Registry(home / "releases")
    production, candidate = (registry.add(open_bundle(stage / name)).digest for name in ("production", "candidate"))
    registry.promote(production, {"run": "drill"})
    return candidate


@contextmanager
def small_disk(directory: Path) -> Iterator[None]:
    """Mounts a file system of 64 MiB where that may be done, and nothing elsewhere."""
    directory.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(directory)]
    mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        yield
    finally:
        if mounted:
            subprocess.run(["umount", str(directory)], check=True)


@contextmanager
def serving(home: Path, redis: Redis, wire: SlowWire, candidate: str) -> Iterator[Served]:
    """`up` for the length of the block, unless the block stops it."""
    store = f"redis://{LOOPBACK}:{wire.port}"
    command = [
        sys.executable,
        "-m",
        "serving.local",
        "up",
        "--port",
        "0",
        "--online-store",
        store,
        "--candidate",
        candidate,
    ]
    environment = {**os.environ, "WINDSOCK_HOME": str(home)}
    log = home / "up.log"
    with log.open("w") as said:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=said, stderr=said)
    try:
        until = time.monotonic() + UP_S
        while "POST http" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.1)
        print("\n" + log.read_text())
        yield Served(home, redis, wire, candidate, process)
    finally:
        process.terminate()
        process.wait(60)


def records(home: Path) -> list[dict]:
    """Every record that was shipped, by the predictor and by the rules, read in the predictor's environment."""
    command = [str(PREDICTOR), "-m", "tests.drills.serving.read_records", str(home)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]
