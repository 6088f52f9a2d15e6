"""HTTP/1.1 on the event loop: a thin server around a C parser, with a bound on all that a client can make large."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import cast

import httptools
import orjson
from windsock.contracts.log import log

HEAD_LIMIT_BYTES = 16 * 1024
CONNECTIONS_AT_MOST = 4096
PIPELINE_AT_MOST = 16
# Envoy keeps idle connections to us for less than this, so that it is not we who close one it is about to use.
IDLE_S = 75.0
# A request that began must be whole by then.
REQUEST_S = 10.0
LOOK_EVERY_S = 1.0
JSON = "application/json"


@dataclass(slots=True)
class HttpRequest:
    """One request: header names are in lower case; `arrived` is when its first byte came (monotonic clock, seconds)."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    arrived: float


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """What to send back."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = JSON


Handler = Callable[[HttpRequest], Awaitable[HttpResponse]]
STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}


def encode(response: HttpResponse, close: bool) -> bytes:
    """The response's bytes."""
    head = [
        STATUS_LINES[response.status],
        f"content-type: {response.content_type}\r\ncontent-length: {len(response.body)}\r\n",
        *(f"{name}: {value}\r\n" for name, value in response.headers.items()),
        "connection: close\r\n\r\n" if close else "\r\n",
    ]
    return "".join(head).encode("latin-1") + response.body


def error_response(status: int, line: str, headers: dict[str, str] | None = None) -> HttpResponse:
    """An error in one line, as the protocols want it: `{"error": …}`."""
    text = line.encode("utf-8", "backslashreplace").decode()
    return HttpResponse(status, orjson.dumps({"error": text}), headers or {})


class HttpServer:
    """A listening socket and its connections."""

    def __init__(self, handler: Handler, body_limit_bytes: Callable[[], int]) -> None:
        self.handler = handler
        self.body_limit_bytes = body_limit_bytes
        self.connections: set[Connection] = set()
        self.closing = False
        self._server: asyncio.Server | None = None
        self._look: asyncio.TimerHandle | None = None

    async def start(self, host: str, port: int) -> int:
        """Listens, and returns the port that it is."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self), host, port, backlog=1024)
        self._look = loop.call_later(LOOK_EVERY_S, self._close_late)
        return int(self._server.sockets[0].getsockname()[1])

    def _close_late(self) -> None:
        now = time.monotonic()
        for connection in tuple(self.connections):
            connection.close_if_late(now)
        self._look = asyncio.get_running_loop().call_later(LOOK_EVERY_S, self._close_late)

    async def stop(self, within_s: float) -> None:
        """Takes no more connections, lets the requests in work end, and closes all."""
        self.closing = True
        if self._server is not None:
            self._server.close()
        give_up_at = time.monotonic() + within_s
        for connection in tuple(self.connections):
            connection.close_when_idle()
        while self.connections and time.monotonic() < give_up_at:
            await asyncio.sleep(0.005)
        for connection in tuple(self.connections):
            connection.abort()
        if self._look is not None:
            self._look.cancel()


class Connection(asyncio.Protocol):
    """One client's connection: requests are answered one after the other, in the order in which they came."""

    def __init__(self, server: HttpServer) -> None:
        self._server = server
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[HttpRequest | HttpResponse] = deque()
        self._task: asyncio.Task[None] | None = None
        self._last = time.monotonic()
        self._begun = False
        self._size = 0
        self._reset()

    def _reset(self) -> None:
        self._path = b""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._in_head = True
        self._refused: HttpResponse | None = None

    # What the transport tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Counts the connection in, or turns it away when there are too many."""
        self._transport = cast(asyncio.Transport, transport)
        if len(self._server.connections) >= CONNECTIONS_AT_MOST:
            self._transport.abort()
            return
        self._server.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the event loop's signature
        """Counts the connection out. A request in work goes on to its record: it may have been answered already."""
        self._server.connections.discard(self)
        self._waiting.clear()
        self._transport = None

    def data_received(self, data: bytes) -> None:
        """Feeds the parser, which calls the `on_` methods."""
        self._last = time.monotonic()
        if self._refused is not None:
            return
        self._size += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._refuse(400, "this server speaks HTTP/1.1 only")
        except httptools.HttpParserError as error:
            if self._refused is None:
                self._refuse(400, f"no valid HTTP/1.1 request: {error}")
        if self._begun and self._in_head and self._size > HEAD_LIMIT_BYTES:
            self._refuse(431, f"headers: expected at most {HEAD_LIMIT_BYTES} bytes")
        elif self._begun and self._size > HEAD_LIMIT_BYTES + self._server.body_limit_bytes():
            self._refuse(413, f"body: expected at most {self._server.body_limit_bytes()} bytes")

    # What the parser tells.

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        self._reset()
        self._begun = True
        self._arrived = time.monotonic()

    def on_url(self, url: bytes) -> None:
        """A part of the target."""
        self._path += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header; a name that comes twice keeps the last value."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """The head is whole: what is too large is refused before its body comes."""
        self._in_head = False
        limit = self._server.body_limit_bytes()
        if sum(len(name) + len(value) for name, value in self._headers.items()) > HEAD_LIMIT_BYTES:
            self._refuse(431, f"headers: expected at most {HEAD_LIMIT_BYTES} bytes")
        elif int(self._headers.get("content-length", 0)) > limit:
            self._refuse(413, f"body: got {self._headers['content-length']} bytes, expected at most {limit}")
        elif self._headers.get("expect", "").lower() == "100-continue" and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """A request is whole."""
        self._begun = False
        self._size = 0
        if self._refused is not None:
            return
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        if len(body) > self._server.body_limit_bytes():
            self._refuse(413, f"body: got {len(body)} bytes, expected at most {self._server.body_limit_bytes()}")
            return
        method, path = self._parser.get_method().decode("latin-1"), self._path.decode("latin-1")
        self._enqueue(HttpRequest(method, path, self._headers, body, self._arrived))

    # Answering.

    def _refuse(self, status: int, line: str) -> None:
        """Answers an error after what is in work, and closes: what follows on the connection cannot be trusted."""
        if self._refused is None:
            self._refused = error_response(status, line)
            self._enqueue(self._refused)

    def _enqueue(self, item: HttpRequest | HttpResponse) -> None:
        self._waiting.append(item)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._answer_all())
        elif len(self._waiting) >= PIPELINE_AT_MOST and self._transport is not None:
            self._transport.pause_reading()

    async def _answer_all(self) -> None:
        while self._waiting and self._transport is not None:
            item = self._waiting.popleft()
            if isinstance(item, HttpRequest):
                self._send(await self._handled(item), close=not self._keeps_alive(item))
            else:
                self._send(item, close=True)
            if self._transport is not None and not self._transport.is_closing():
                self._transport.resume_reading()
        self._task = None
        self._last = time.monotonic()

    async def _handled(self, request: HttpRequest) -> HttpResponse:
        try:
            return await self._server.handler(request)
        except Exception as error:  # The last line of defence; the tests hold that nothing comes to it.
            log("request_crashed", path=request.path, error=f"{type(error).__name__}: {error}")
            return error_response(500, f"internal error: {type(error).__name__}")

    def _keeps_alive(self, request: HttpRequest) -> bool:
        return not self._server.closing and request.headers.get("connection", "").lower() != "close"

    def _send(self, response: HttpResponse, close: bool) -> None:
        if self._transport is None:
            return
        self._transport.write(encode(response, close))
        if close:
            self._waiting.clear()
            self._transport.close()

    # Ending.

    def close_if_late(self, now: float) -> None:
        """Ends a connection that is idle for long, or whose request does not become whole."""
        if self._task is not None or self._transport is None:
            return
        if self._begun and now - self._arrived > REQUEST_S:
            self._refuse(408, f"request: expected to be whole within {REQUEST_S:.0f} s")
        elif not self._begun and now - self._last > IDLE_S:
            self._transport.close()

    def close_when_idle(self) -> None:
        """Ends the connection as soon as it has nothing in work."""
        if self._task is None and self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Ends the connection at once."""
        if self._transport is not None:
            self._transport.abort()
