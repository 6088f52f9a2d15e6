"""The protocols as KServe's own clients speak them, over REST and gRPC."""

import asyncio
import json

import grpc
import numpy as np
import pytest
import stage
from conftest import Process
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
from windsock.contracts.protocol import OUTPUTS

ROW = {"line": "RE1", "station": "Ulm", "platform": 7, "load": 0.5, "due_at": "2013-07-01T13:00:00Z"}


@pytest.fixture(scope="module")
def server(bundle, sqlite_store, tmp_path_factory):
    root = tmp_path_factory.mktemp("protocols")
    process = Process(bundle, sqlite_store, root, "--grpc_port", stage.free_port()).started()
    yield process
    assert process.stop() == 0
    assert process.events("request_crashed") == []


def tensors(rows=1, **change):
    """The stage's row as KServe's inputs, any number of times."""
    row = ROW | change
    kinds = {"line": "BYTES", "station": "BYTES", "platform": "INT64", "load": "FP64", "due_at": "BYTES"}
    return [InferInput(name, [rows], kinds[name], [value] * rows) for name, value in row.items()]


def rest(call, protocol="v2"):
    """Runs one call of KServe's REST client."""

    async def run():
        client = InferenceRESTClient(config=RESTConfig(protocol=protocol, timeout=20))
        try:
            return await call(client)
        finally:
            await client.close()

    return asyncio.run(run())


def over_grpc(server, call):
    """Runs one call of KServe's gRPC client."""

    async def run():
        client = InferenceGRPCClient(url=f"127.0.0.1:{server.grpc_port}", timeout=20)
        try:
            return await call(client)
        finally:
            await client.close()

    return asyncio.run(run())


def outputs(response):
    return {output.name: output.as_numpy().tolist() for output in response.outputs}


def test_v1_by_kserves_client(server):
    base = f"http://127.0.0.1:{server.port}"
    body = {"instances": [ROW, ROW | {"station": "Bonn"}]}
    response = rest(lambda client: client.infer(base, body, model_name="trains"), "v1")
    assert [prediction["answered_by"] for prediction in response["predictions"]] == ["model", "rules"]


def test_v2_over_rest_by_kserves_client(server):
    base = f"http://127.0.0.1:{server.port}"
    request = InferRequest("trains", tensors(rows=2), request_id="mine")
    response = rest(lambda client: client.infer(base, request, model_name="trains"))
    assert (response.id, response.model_name) == ("mine", "trains")
    found = outputs(response)
    assert found.keys() == OUTPUTS.keys()
    assert found["answered_by"] == ["model", "model"]
    assert rest(lambda client: client.is_server_live(base))
    assert rest(lambda client: client.is_server_ready(base))
    assert rest(lambda client: client.is_model_ready(base, "trains"))


def test_v2_over_grpc_by_kserves_client(server, bundle):
    response = over_grpc(
        server, lambda client: client.infer(InferRequest("trains", tensors(rows=2), request_id="mine"))
    )
    assert (response.id, response.model_version) == ("mine", bundle.digest)
    found = outputs(response)
    assert found.keys() == OUTPUTS.keys()
    assert found["answered_by"] == [b"model", b"model"]
    assert over_grpc(server, lambda client: client.is_server_live())
    assert over_grpc(server, lambda client: client.is_server_ready())
    assert over_grpc(server, lambda client: client.is_model_ready("trains"))


def test_rest_and_grpc_give_the_same_probability(server):
    base = f"http://127.0.0.1:{server.port}"
    first = rest(lambda client: client.infer(base, InferRequest("trains", tensors()), model_name="trains"))
    second = over_grpc(server, lambda client: client.infer(InferRequest("trains", tensors())))
    assert outputs(first)["probability"] == outputs(second)["probability"]


def test_raw_tensors_over_grpc(server):
    inputs = []
    for given in tensors(rows=3):
        fresh = InferInput(given.name, [3], given.datatype)
        kind = {"BYTES": np.object_, "INT64": np.int64, "FP64": np.float64}[given.datatype]
        values = [v.encode() if isinstance(v, str) else v for v in given.data]
        fresh.set_data_from_numpy(np.array(values, dtype=kind), binary_data=True)
        inputs.append(fresh)
    response = over_grpc(server, lambda client: client.infer(InferRequest("trains", inputs)))
    assert outputs(response)["answered_by"] == [b"model"] * 3


@pytest.mark.parametrize(
    "change, said",
    [
        ({"station": ""}, r"inputs.station\[0\]: got ''"),
        ({"due_at": "soon"}, r"inputs.due_at\[0\]: got 'soon'"),
        ({"load": float("nan")}, r"inputs.load\[0\]: got nan"),
    ],
)
def test_a_bad_value_over_grpc_is_an_invalid_argument(server, change, said):
    with pytest.raises(grpc.aio.AioRpcError, match=said) as refused:
        over_grpc(server, lambda client: client.infer(InferRequest("trains", tensors(**change))))
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def raw_call(server, request):
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        call = channel.unary_unary(
            "/inference.GRPCInferenceService/ModelInfer",
            request_serializer=pb.ModelInferRequest.SerializeToString,
            response_deserializer=pb.ModelInferResponse.FromString,
        )
        return call(request, timeout=20)


def tensor(name, datatype, shape, **contents):
    return pb.ModelInferRequest.InferInputTensor(
        name=name, datatype=datatype, shape=shape, contents=pb.InferTensorContents(**contents)
    )


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(pb.ModelInferRequest(model_name="trains"), id="nothing"),
        pytest.param(pb.ModelInferRequest(model_name="other"), id="another model"),
        pytest.param(pb.ModelInferRequest(model_name="trains", inputs=[tensor("line", "BYTES", [1])]), id="no data"),
        pytest.param(
            pb.ModelInferRequest(model_name="trains", inputs=[tensor("line", "FP64", [1], fp64_contents=[1.0])]),
            id="another type",
        ),
        pytest.param(
            pb.ModelInferRequest(model_name="trains", inputs=[tensor("line", "SEVEN", [1], fp64_contents=[1.0])]),
            id="no type",
        ),
        pytest.param(
            pb.ModelInferRequest(
                model_name="trains",
                inputs=[pb.ModelInferRequest.InferInputTensor(name="load", datatype="FP64", shape=[1])],
                raw_input_contents=[b"abc"],
            ),
            id="three raw bytes for a number",
        ),
        pytest.param(
            pb.ModelInferRequest(
                model_name="trains",
                inputs=[pb.ModelInferRequest.InferInputTensor(name="line", datatype="BYTES", shape=[1])],
                raw_input_contents=[b"\xff\xff\xff\xff"],
            ),
            id="raw text without end",
        ),
        pytest.param(
            pb.ModelInferRequest(
                model_name="trains",
                inputs=[tensor("line", "BYTES", [2**40], bytes_contents=[b"x"])],
            ),
            id="a shape without measure",
        ),
        pytest.param(
            pb.ModelInferRequest(
                model_name="trains", inputs=[tensor("line", "BYTES", [1], bytes_contents=[b"\xff\xfe"])]
            ),
            id="no UTF-8",
        ),
    ],
)
def test_whatever_comes_over_grpc_is_refused_as_the_callers_fault(server, request_):
    with pytest.raises(grpc.RpcError) as refused:
        raw_call(server, request_)
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT, refused.value


def test_the_document_names_every_path(server):
    paths = json.loads(server.get("/openapi.json")[2])["paths"]
    for path, operations in paths.items():
        if "get" in operations:
            assert server.get(path)[0] == 200, path
        else:
            assert server.post(path, {})[0] == 400, path
