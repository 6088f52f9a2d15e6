"""The only door to KServe: the Open Inference Protocol over gRPC, by KServe's own data plane and servicer."""

import time
from collections.abc import Callable
from typing import Any

import grpc  # type: ignore[import-untyped]
from kserve import InferOutput, InferRequest, InferResponse, Model, ModelRepository  # type: ignore[import-untyped]
from kserve.errors import InvalidInput  # type: ignore[import-untyped]
from kserve.protocol.dataplane import DataPlane  # type: ignore[import-untyped]
from kserve.protocol.grpc import grpc_predict_v2_pb2_grpc  # type: ignore[import-untyped]
from kserve.protocol.grpc.servicer import InferenceServicer  # type: ignore[import-untyped]
from kserve.protocol.model_repository_extension import ModelRepositoryExtension  # type: ignore[import-untyped]
from windsock.contracts.call import read_call
from windsock.contracts.errors import InputError
from windsock.contracts.journal import NotRecorded
from windsock.contracts.log import log
from windsock.contracts.protocol import request_id_of_v2
from windsock.predictor.answer import Answerer, OverloadError
from windsock.predictor.metrics import Metrics

OK, BAD, SHED, UNAVAILABLE, CRASHED = 200, 400, 429, 503, 500
CODES = {
    BAD: grpc.StatusCode.INVALID_ARGUMENT,
    SHED: grpc.StatusCode.RESOURCE_EXHAUSTED,
    UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
    CRASHED: grpc.StatusCode.INTERNAL,
}


class ServedModel(Model):  # type: ignore[misc]  # KServe's classes come without types.
    """The model as KServe's data plane knows it; answering is the `Answerer`'s, as over HTTP."""

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

    async def predict(self, payload: InferRequest, headers: dict[str, str] | None = None) -> InferResponse:
        """Answers one request."""
        arrived = time.monotonic()
        release = self._answerer.release
        call = read_call(headers or {}, release.use_case.serving.deadline_ms, request_id_of_v2({"id": payload.id}))
        rows = release.protocol.rows_of_v2({"inputs": [_tensor(each) for each in payload.inputs]})
        answered = await self._answerer.answer(rows, call, arrived)
        body = release.protocol.body_of_v2(answered.answers, answered.deadline_left_ms, call.request_id)
        outputs = [_output(each) for each in body["outputs"]]
        return InferResponse(
            response_id=payload.id or "",
            model_name=body["model_name"],
            model_version=body["model_version"],
            infer_outputs=outputs,
            parameters=body["parameters"],
        )


def _tensor(given: Any) -> dict[str, Any]:
    """A tensor of gRPC as one of JSON: raw contents decoded, BYTES as text."""
    data = list(given.data) if given.data is not None else []
    if given.raw_data is not None or hasattr(given.data, "tolist"):
        data = given.as_numpy().ravel().tolist()
    if given.datatype == "BYTES":
        data = [_text(value, given.name) for value in data]
    return {"name": given.name, "shape": list(given.shape), "datatype": given.datatype, "data": data}


def _text(value: object, name: str) -> object:
    if not isinstance(value, bytes):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise InputError(f"inputs.{name}", value, "text in UTF-8") from error


def _output(tensor: dict[str, Any]) -> InferOutput:
    data = [value.encode() for value in tensor["data"]] if tensor["datatype"] == "BYTES" else tensor["data"]
    return InferOutput(tensor["name"], tensor["shape"], tensor["datatype"], data)


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
    """KServe's servicer, with this server's errors as gRPC's codes."""

    def __init__(self, plane: DataPlane, extension: ModelRepositoryExtension, metrics: Metrics) -> None:
        super().__init__(plane, extension)
        self._metrics = metrics

    async def ModelInfer(self, request: Any, context: Any) -> Any:  # noqa: N802 - KServe's name
        status, line = OK, ""
        try:
            return await super().ModelInfer(request, context)
        except (InputError, InvalidInput) as error:
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


class GrpcServer:
    """KServe's servicer on a port of this process's event loop."""

    def __init__(self, answerer: Answerer, metrics: Metrics, ready: Callable[[], bool]) -> None:
        repository = ModelRepository()
        repository.update(ServedModel(answerer))
        plane = _Plane(repository, ready, answerer)
        self._servicer = _Servicer(plane, ModelRepositoryExtension(repository), metrics)
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
