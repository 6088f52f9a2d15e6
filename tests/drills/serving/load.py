"""A load generator: requests leave at a fixed rate, whether earlier ones were answered or not.

Latency counts from the moment a request was due, so that a stall shows in every request that had to wait for it.
"""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

GIVE_UP_S = 10.0
# As the edge does, and every client should: servers close connections that were idle for long (ours after 75 s), and a
# request that is on its way at that moment is lost.
IDLE_S = 30.0
LOST = 0


@dataclass(frozen=True)
class Request:
    """One HTTP request; bodies are JSON."""

    path: str
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "POST"

    def encode(self) -> bytes:
        """The request as it goes over the wire."""
        given = {
            "host": "edge",
            "content-type": "application/json",
            "content-length": str(len(self.body)),
            **self.headers,
        }
        lines = (f"{self.method} {self.path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items()), "", "")
        return "\r\n".join(lines).encode() + self.body


@dataclass(frozen=True)
class Answer:
    """What came back; status 0 is a request that was lost."""

    request: Request
    status: int
    seconds: float
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class Connection:
    """One keep-alive connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.idle_since = 0.0

    @classmethod
    async def open(cls, port: int) -> Self:
        """Connects to a loopback port."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def ask(self, request: Request) -> tuple[int, dict[str, str], bytes]:
        """Sends one request and reads its answer."""
        self._writer.write(request.encode())
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        if headers.get("transfer-encoding") == "chunked":
            return int(head[0].split()[1]), headers, await self._chunks()
        body = await self._reader.readexactly(int(headers.get("content-length", 0)))
        return int(head[0].split()[1]), headers, body

    async def _chunks(self) -> bytes:
        body = b""
        while size := int(await self._reader.readuntil(b"\r\n"), 16):
            body += (await self._reader.readexactly(size + 2))[:-2]
        await self._reader.readexactly(2)
        return body

    def close(self) -> None:
        """Closes at once."""
        self._writer.transport.abort()


class Client:
    """Keeps connections and uses each for one request at a time."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[Connection] = []

    async def ask(self, request: Request, due: float | None = None) -> Answer:
        """One answer, or one that says the request was lost."""
        due = time.perf_counter() if due is None else due
        connection = None
        try:
            async with asyncio.timeout(GIVE_UP_S):
                connection = self._rested() or await Connection.open(self._port)
                status, headers, body = await connection.ask(request)
        except (OSError, EOFError, ValueError, IndexError) as error:
            if connection is not None:
                connection.close()
            return Answer(request, LOST, time.perf_counter() - due, {}, repr(error).encode())
        if headers.get("connection") == "close":
            connection.close()
        else:
            connection.idle_since = time.perf_counter()
            self._idle.append(connection)
        return Answer(request, status, time.perf_counter() - due, headers, body)

    def _rested(self) -> Connection | None:
        """The connection that was used last, unless even that is idle for too long: then all are closed."""
        if self._idle and time.perf_counter() - self._idle[-1].idle_since < IDLE_S:
            return self._idle.pop()
        self.close()
        return None

    def close(self) -> None:
        """Closes every connection that is idle."""
        while self._idle:
            self._idle.pop().close()


async def load(
    port: int, per_s: float, seconds: float, make: Callable[[int], Request], at_once: int = 200
) -> list[Answer]:
    """Sends `per_s` requests a second for `seconds`; at most `at_once` wait for their answers together."""
    client, places = Client(port), asyncio.Semaphore(at_once)
    began = time.perf_counter()

    async def one(number: int) -> Answer:
        async with places:
            return await client.ask(make(number), began + number / per_s)

    tasks = []
    for number in range(round(per_s * seconds)):
        await asyncio.sleep(max(0.0, began + number / per_s - time.perf_counter()))
        tasks.append(asyncio.create_task(one(number)))
    answers = await asyncio.gather(*tasks)
    client.close()
    return list(answers)


def quantile_ms(answers: Iterable[Answer], share: float) -> float:
    """The latency that `share` of the answers did not exceed, in milliseconds."""
    ordered = sorted(answer.seconds for answer in answers)
    return 1000 * ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan


def count_by(answers: Iterable[Answer], header: str) -> Counter[str]:
    """How many answers carry each value of a header."""
    return Counter(answer.headers.get(header, "") for answer in answers)


def failed(answers: Iterable[Answer]) -> list[Answer]:
    """Every answer that is none: lost, or any status but 200."""
    return [answer for answer in answers if answer.status != 200]
