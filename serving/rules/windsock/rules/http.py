"""HTTP/1.1 by the standard library's server: a thread a connection, and a bound on all that a client can make large."""

import json
import time
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import BoundedSemaphore
from typing import Any

from windsock.contracts.call import read_call
from windsock.contracts.documents import answer_headers, documents, model_paths
from windsock.contracts.errors import InputError
from windsock.contracts.journal import NotRecorded
from windsock.contracts.log import log
from windsock.contracts.protocol import request_id_of_v2
from windsock.rules.release import Release
from windsock.rules.service import OverloadError, Service, render_metrics

CONNECTIONS_AT_MOST = 1024
# Envoy keeps idle connections to us for less than this, so that it is not we who close one it is about to use.
IDLE_S = 75.0
BODY_S = 10.0
CHUNK_LINE_LIMIT = 1024
JSON = "application/json"
TEXT = "text/plain; version=0.0.4"
BINARY_LENGTH = "inference-header-content-length"


class BodyError(Exception):
    """The body cannot be read; the connection is of no more use."""

    def __init__(self, status: int, line: str) -> None:
        super().__init__(line)
        self.status = status


class RulesServer(ThreadingHTTPServer):
    """A listening socket, and a bounded number of threads."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 1024

    def __init__(self, address: tuple[str, int], service: Service) -> None:
        self.service = service
        self._places = BoundedSemaphore(CONNECTIONS_AT_MOST)
        super().__init__(address, Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Starts a thread for a connection, or turns the connection away."""
        if self._places.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serves a connection to its end."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the library's signature
        """A connection that broke is its client's affair, and no traceback."""
        log("connection_broken", client=str(client_address))


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    timeout = IDLE_S
    disable_nagle_algorithm = True
    wbufsize = -1
    server: RulesServer

    def parse_request(self) -> bool:
        """Notes when the request came, then reads its head."""
        self.arrived = time.monotonic()
        return super().parse_request()

    def log_message(self, format: str, *args: object) -> None:
        """Every answer has a record; a line a request would be noise."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        """The library's own refusals, in the protocols' form."""
        self.close_connection = True
        # A line that the library cannot read is to it one of HTTP/0.9, which has no status to answer with.
        self.request_version = self.protocol_version
        if code == HTTPStatus.NOT_IMPLEMENTED:
            line = f"method: got {self.command[:80]!r}, expected GET or POST"
            self._send(405, {"error": line}, {"allow": "GET, POST"})
        else:
            self._send(code, {"error": f"no valid HTTP/1.1 request: {message or code}"})

    def do_GET(self) -> None:
        """What the server says about itself."""
        service, path = self.server.service, self.path.partition("?")[0]
        release = service.release
        body = documents(release.protocol, release.digest).get(path)
        if body is not None:
            self._send(200, body)
        elif path == "/metrics":
            self._send_bytes(200, render_metrics(service).encode(), TEXT, {})
        elif path == "/health":
            about = {"ready": service.ready, "answers_by": "rules", "reason": "rules_release"}
            self._send(200, about | {"release": release.digest})
        elif path == "/v2/health/ready":
            self._send(200 if service.ready else 503, {"ready": service.ready})
        elif path in {f"{model}/ready" for model in model_paths(release.protocol, release.digest)}:
            self._send(200 if service.ready else 503, {"name": release.protocol.name, "ready": service.ready})
        else:
            self._no_such(path, release)

    def do_POST(self) -> None:
        """A request to answer."""
        release, path = self.server.service.release, self.path.partition("?")[0]
        try:
            content = self._read_body(release.use_case.serving.body_bytes_at_most)
        except BodyError as error:
            self.close_connection = True
            self._send(error.status, {"error": str(error)})
            return
        if path == f"/v1/models/{release.protocol.name}:predict":
            self._guarded(release, content, v2=False)
        elif path in {f"{model}/infer" for model in model_paths(release.protocol, release.digest)}:
            self._guarded(release, content, v2=True)
        else:
            self._no_such(path, release)

    def _no_such(self, path: str, release: Release) -> None:
        known = openapi_paths(release)
        if path in known:
            self._send(405, {"error": f"method: got {self.command}, expected {known[path]}"}, {"allow": known[path]})
        else:
            self._send(404, {"error": f"path: got {path[:200]!r}, expected one of those in /openapi.json"})

    def _read_body(self, limit_bytes: int) -> bytes:
        self.connection.settimeout(BODY_S)
        try:
            if self.headers.get("transfer-encoding", "").lower() == "chunked":
                return self._read_chunks(limit_bytes)
            length = self.headers.get("content-length", "0")
            if not (length.isascii() and length.isdigit()):
                raise BodyError(400, f"content-length: got {length[:80]!r}, expected a number")
            if int(length) > limit_bytes:
                raise BodyError(413, f"body: got {length[:80]} bytes, expected at most {limit_bytes}")
            content = self.rfile.read(int(length))
            if len(content) < int(length):
                raise BodyError(400, "body: got less than its content-length")
            return content
        except TimeoutError as error:
            raise BodyError(408, f"request: expected to be whole within {BODY_S:.0f} s") from error
        finally:
            self.connection.settimeout(self.timeout)

    def _read_chunks(self, limit_bytes: int) -> bytes:
        """A chunked body (RFC 9112, section 7.1); trailers are read over."""
        content = b""
        while size := self._chunk_size():
            if len(content) + size > limit_bytes:
                raise BodyError(413, f"body: expected at most {limit_bytes} bytes")
            content += self.rfile.read(size)
            if self.rfile.readline(CHUNK_LINE_LIMIT) != b"\r\n":
                raise BodyError(400, "body: a chunk of another size than it says")
        while self.rfile.readline(CHUNK_LINE_LIMIT) not in (b"\r\n", b""):
            pass
        return content

    def _chunk_size(self) -> int:
        line = self.rfile.readline(CHUNK_LINE_LIMIT).partition(b";")[0].strip()
        if not line or len(line) > 8 or line.strip(b"0123456789abcdefABCDEF"):
            raise BodyError(400, f"body: got a chunk of size {line[:80]!r}, expected a hexadecimal number")
        return int(line, 16)

    def _guarded(self, release: Release, content: bytes, v2: bool) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        status, body, more = self._answered(release, headers, content, v2)
        self.server.service.responded("v2" if v2 else "v1", status)
        self._send(status, body, more)

    def _answered(
        self, release: Release, headers: Mapping[str, str], content: bytes, v2: bool
    ) -> tuple[int, dict[str, Any], dict[str, str]]:
        """Status, body and headers of one answer or refusal."""
        content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        if content_type not in (JSON, ""):
            return 415, {"error": f"content-type: got {content_type[:200]!r}, expected {JSON}"}, {}
        try:
            if BINARY_LENGTH in headers:
                raise InputError(BINARY_LENGTH, headers[BINARY_LENGTH], "JSON tensors")
            body = strict_json(content)
            request_id = request_id_of_v2(body) if v2 else ""
            rows = release.protocol.rows_of_v2(body) if v2 else release.protocol.rows_of_v1(body)
            call = read_call(headers, release.use_case.serving.deadline_ms, request_id)
            answers = self.server.service.answer(release, rows, call, self.arrived)
        except InputError as error:
            return 400, {"error": str(error)}, {}
        except OverloadError:
            return 429, {"error": "too many requests are in work; try again"}, {"retry-after": "1"}
        except NotRecorded as error:
            refusal = {"x-windsock-reason": f"not_recorded/{error.reason}", "retry-after": "1"}
            return 503, {"error": "the answer could not be recorded, so it was not given"}, refusal
        left_ms = max(0, call.deadline_ms - int((time.monotonic() - self.arrived) * 1000))
        if v2:
            return 200, release.protocol.body_of_v2(answers, left_ms, request_id), answer_headers(answers)
        return 200, release.protocol.body_of_v1(answers, left_ms), answer_headers(answers)

    def _send(self, status: int, body: object, headers: Mapping[str, str] | None = None) -> None:
        self._send_bytes(status, json.dumps(body).encode(), JSON, headers or {})

    def _send_bytes(self, status: int, content: bytes, content_type: str, headers: Mapping[str, str]) -> None:
        if self.server.service.draining:
            self.close_connection = True
        self.send_response_only(status)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
        self.wfile.flush()


def openapi_paths(release: Release) -> dict[str, str]:
    """Every path and the method that it takes."""
    paths = documents(release.protocol, release.digest)["/openapi.json"]["paths"]
    return {path: "POST" if "post" in operations else "GET" for path, operations in paths.items()}


def strict_json(content: bytes) -> Any:
    """JSON as the standard has it: no NaN, no infinity.

    Raises:
        InputError: the bytes are something else, or are nested too deep.
    """

    def refuse(constant: str) -> object:
        raise ValueError(f"{constant} is no JSON")

    try:
        return json.loads(content, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise InputError("body", content[:80], f"JSON ({error})") from error
