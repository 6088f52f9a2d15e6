"""The paths of V1 and V2 over REST: what each one is asked, and what it answers."""

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from windsock.contracts.call import read_call
from windsock.contracts.documents import answer_headers, documents, model_paths
from windsock.contracts.errors import InputError
from windsock.contracts.journal import NotRecorded
from windsock.contracts.protocol import request_id_of_v2
from windsock.predictor.answer import Answered, Answerer, OverloadError
from windsock.predictor.http import HttpRequest, HttpResponse, error_response
from windsock.predictor.metrics import Metrics

BINARY_LENGTH = "inference-header-content-length"
JSON_TYPES = ("application/json", "")
NOT_ANSWERED = "not_recorded/"
Get = Callable[[], HttpResponse]
Post = Callable[[HttpRequest], Awaitable[HttpResponse]]


def _json(value: object, status: int = 200) -> HttpResponse:
    return HttpResponse(status, orjson.dumps(value))


class Paths:
    """All paths. `ready` says whether the server as a whole may be sent requests."""

    def __init__(self, answerer: Answerer, metrics: Metrics, ready: Callable[[], bool]) -> None:
        self._answerer = answerer
        self._metrics = metrics
        self._ready = ready
        self.refresh()

    def refresh(self) -> None:
        """Lays the paths anew; another release may have other fields."""
        release = self._answerer.release
        self._documents = {
            path: orjson.dumps(body) for path, body in documents(release.protocol, release.digest).items()
        }
        self._gets: dict[str, Get] = {
            "/health": self._health,
            "/metrics": lambda: HttpResponse(200, self._metrics.render(), content_type="text/plain; version=0.0.4"),
            "/v2/health/ready": self._server_ready,
        }
        self._posts: dict[str, Post] = {f"/v1/models/{release.protocol.name}:predict": self._v1}
        for path in model_paths(release.protocol, release.digest):
            self._gets[f"{path}/ready"] = self._model_ready
            self._posts[f"{path}/infer"] = self._v2

    async def handle(self, request: HttpRequest) -> HttpResponse:
        """Answers one request."""
        path = request.path.partition("?")[0]
        post = self._posts.get(path)
        if post is not None and request.method == "POST":
            protocol = "v1" if path.startswith("/v1") else "v2"
            response = await self._guarded(post, request)
        else:
            protocol, response = "other", self._other(request.method, path)
        self._metrics.responded(protocol, response.status)
        return response

    def _other(self, method: str, path: str) -> HttpResponse:
        if method == "GET" and path in self._documents:
            return HttpResponse(200, self._documents[path])
        if method == "GET" and path in self._gets:
            return self._gets[path]()
        if path in self._documents or path in self._gets or path in self._posts:
            allowed = "POST" if path in self._posts else "GET"
            return error_response(405, f"method: got {method}, expected {allowed}", {"allow": allowed})
        return error_response(404, f"path: got {path[:200]!r}, expected one of those in /openapi.json")

    async def _guarded(self, post: Post, request: HttpRequest) -> HttpResponse:
        content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if content_type not in JSON_TYPES:
            return error_response(415, f"content-type: got {content_type[:200]!r}, expected application/json")
        if BINARY_LENGTH in request.headers:
            return error_response(400, f"{BINARY_LENGTH}: expected JSON tensors; binary tensors go over gRPC")
        try:
            return await post(request)
        except InputError as error:
            return error_response(400, str(error))
        except OverloadError:
            return error_response(429, "too many requests are in work; try again", {"retry-after": "1"})
        except NotRecorded as error:
            headers = {"x-windsock-reason": NOT_ANSWERED + error.reason, "retry-after": "1"}
            return error_response(503, "the answer could not be recorded, so it was not given", headers)

    async def _answered(self, request: HttpRequest, rows: Any, request_id: str) -> Answered:
        deadline_ms = self._answerer.release.use_case.serving.deadline_ms
        call = read_call(request.headers, deadline_ms, request_id)
        return await self._answerer.answer(rows, call, request.arrived)

    async def _v1(self, request: HttpRequest) -> HttpResponse:
        protocol = self._answerer.release.protocol
        answered = await self._answered(request, protocol.rows_of_v1(_body(request)), "")
        content = protocol.body_of_v1(answered.answers, answered.deadline_left_ms)
        return HttpResponse(200, orjson.dumps(content), answer_headers(answered.answers))

    async def _v2(self, request: HttpRequest) -> HttpResponse:
        protocol = self._answerer.release.protocol
        body = _body(request)
        request_id = request_id_of_v2(body)
        answered = await self._answered(request, protocol.rows_of_v2(body), request_id)
        content = protocol.body_of_v2(answered.answers, answered.deadline_left_ms, request_id)
        return HttpResponse(200, orjson.dumps(content), answer_headers(answered.answers))

    def _server_ready(self) -> HttpResponse:
        ready = self._ready()
        return _json({"ready": ready}, 200 if ready else 503)

    def _model_ready(self) -> HttpResponse:
        """Ready is a release that would answer as it promises: by its model, or by rules if it has none."""
        fault = self._answerer.model_fault
        ready = self._ready() and fault in ("", "rules_release")
        body = {"name": self._answerer.release.protocol.name, "ready": ready, "reason": fault}
        return _json(body, 200 if ready else 503)

    def _health(self) -> HttpResponse:
        fault = self._answerer.model_fault
        by = "rules" if fault else "model"
        body = {"ready": self._ready(), "answers_by": by, "reason": fault, "release": self._answerer.release.digest}
        return _json(body)


def _body(request: HttpRequest) -> Any:
    try:
        return orjson.loads(request.body)
    except orjson.JSONDecodeError as error:
        raise InputError("body", request.body[:80], f"JSON ({error})") from error
