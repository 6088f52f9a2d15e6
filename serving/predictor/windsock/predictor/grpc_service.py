"""The only door to KServe: the Open Inference Protocol over gRPC, by KServe's own data plane and servicer."""

import time
from collections.abc import Callable
from typing import Any

import grpc  # type: ignore[import-untyped]
from kserve import Model, ModelRepository  # type: ignore[import-untyped]
from kserve.protocol.dataplane import DataPlane  # type: ignore[import-untyped]
from kserve.protocol.grpc import grpc_predict_v2_pb2, grpc_predict_v2_pb2_grpc  # type: ignore[import-untyped]
from kserve.protocol.grpc.servicer import InferenceServicer  # type: ignore[import-untyped]
from kserve.protocol.model_repository_extension import ModelRepositoryExtension  # type: ignore[import-untyped]
from windsock.contracts.call import read_call
from windsock.contracts.errors import InputError
from windsock.contracts.journal import NotRecorded
from windsock.contracts.log import log
from windsock.contracts.protocol import request_id_of_v2
from windsock.predictor.answer import Answerer, OverloadError
from windsock.predictor.metrics import Metrics
from windsock.predictor.tensors import fill_answer, read_tensors

OK, BAD, SHED, UNAVAILABLE, CRASHED = 200, 400, 429, 503, 500
CODES = {
    BAD: grpc.StatusCode.INVALID_ARGUMENT,
    SHED: grpc.StatusCode.RESOURCE_EXHAUSTED,
    UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
    CRASHED: grpc.StatusCode.INTERNAL,
}


class ServedModel(Model):  # type: ignore[misc]  # KServe's classes come without types.
    """The model as KServe's data plane knows it: by its name and its tensors."""

    def __init__(self, answerer: Answerer) -> None:
        super().__init__(answerer.release.protocol.name)
        self._answerer = answerer
        self.ready = True

    def get_input_types(self) -> list[dict[str, Any]]:
        """The tensors that a request must have."""
        return list(self._answerer.release.protocol.metadata(())["inputs"])

    def get_output_types(self) -> list[dict[str, Any]]:
        """The tensors of an answer."""
        return list(self._answerer.release.protocol.metadata(())["outputs"])


class _Plane(DataPlane):  # type: ignore[misc]
    """KServe's data plane, which knows more of readiness than KServe's."""

    def __init__(self, repository: ModelRepository, ready: Callable[[], bool], answerer: Answerer) -> None:
        super().__init__(repository)
        self._ready = ready
        self._answerer = answerer

    async def ready(self) -> bool:
        return self._ready()

    async def model_ready(self, model_name: str, disable_predictor_health_check: bool = False) -> bool:
        known: bool = await super().model_ready(model_name, disable_predictor_health_check)
        return known and self._ready() and self._answerer.model_fault in ("", "rules_release")


class _Servicer(InferenceServicer):  # type: ignore[misc]
    """KServe's servicer for health and metadata; requests are read here, since KServe's reader trusts their bytes."""

    def __init__(self, plane: DataPlane, repository: ModelRepository, answerer: Answerer, metrics: Metrics) -> None:
        super().__init__(plane, ModelRepositoryExtension(repository))
        self._answerer = answerer
        self._metrics = metrics

    async def ModelInfer(self, request: Any, context: Any) -> Any:  # noqa: N802 - KServe's name
        """Answers one request."""
        status, line = OK, ""
        try:
            return await self._infer(request, time.monotonic(), dict(context.invocation_metadata() or ()))
        except InputError as error:
            status, line = BAD, str(error)
        except OverloadError:
            status, line = SHED, "too many requests are in work; try again"
        except NotRecorded as error:
            status, line = UNAVAILABLE, f"the answer could not be recorded ({error.reason}), so it was not given"
        except Exception as error:  # The last line of defence; the tests hold that nothing comes to it.
            log("request_crashed", path="ModelInfer", error=f"{type(error).__name__}: {error}")
            status, line = CRASHED, f"internal error: {type(error).__name__}"
        finally:
            self._metrics.responded("grpc", status)
        return await context.abort(CODES[status], line)

    async def _infer(self, request: Any, arrived: float, headers: dict[str, str]) -> Any:
        release = self._answerer.release
        if request.model_name != release.protocol.name:
            raise InputError("model_name", request.model_name, repr(release.protocol.name))
        if request.model_version not in ("", release.digest):
            raise InputError("model_version", request.model_version, repr(release.digest))
        request_id = request_id_of_v2({"id": request.id})
        call = read_call(headers, release.use_case.serving.deadline_ms, request_id)
        rows = release.protocol.rows_of_v2({"inputs": read_tensors(request)})
        answered = await self._answerer.answer(rows, call, arrived)
        body = release.protocol.body_of_v2(answered.answers, answered.deadline_left_ms, request_id)
        return fill_answer(grpc_predict_v2_pb2.ModelInferResponse(), body)

    async def RepositoryModelLoad(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802 - KServe's name
        """Which release serves is not the callers' to say."""
        return await context.abort(grpc.StatusCode.PERMISSION_DENIED, "releases are changed by who runs the server")

    RepositoryModelUnload = RepositoryModelLoad


class GrpcServer:
    """KServe's servicer on a port of this process's event loop."""

    def __init__(self, answerer: Answerer, metrics: Metrics, ready: Callable[[], bool]) -> None:
        repository = ModelRepository()
        repository.update(ServedModel(answerer))
        plane = _Plane(repository, ready, answerer)
        self._servicer = _Servicer(plane, repository, answerer, metrics)
        self._server = grpc.aio.server(
            options=[("grpc.max_receive_message_length", answerer.release.use_case.serving.body_bytes_at_most)]
        )
        grpc_predict_v2_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(self._servicer, self._server)

    async def start(self, host: str, port: int) -> int:
        """Listens, and returns the port."""
        bound: int = self._server.add_insecure_port(f"{host}:{port}")
        await self._server.start()
        return bound

    async def stop(self, within_s: float) -> None:
        """Lets calls in work end, and closes."""
        await self._server.stop(grace=within_s)
