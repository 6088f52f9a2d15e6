"""KServe's own model server with one ONNX model and nothing else: the peer of `one_row.py`.

python kserve_peer.py MODEL.onnx HTTP_PORT
"""

import asyncio
import sys

import numpy as np
import onnxruntime
from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer


class Peer(Model):
    """Scores rows of float32, as KServe's documentation shows a custom predictor."""

    def __init__(self, path: str) -> None:
        super().__init__("trains")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.ready = True

    async def predict(self, payload: InferRequest, headers: dict[str, str] | None = None) -> InferResponse:
        """The probability of each row."""
        rows = payload.inputs[0].as_numpy().astype(np.float32)
        scores = self._session.run(None, {self._session.get_inputs()[0].name: rows})[-1]
        output = InferOutput("probability", list(scores.shape), "FP32", scores.ravel().tolist())
        return InferResponse(payload.id or "", "trains", [output])


if __name__ == "__main__":
    server = ModelServer(http_port=int(sys.argv[2]), grpc_port=0, enable_grpc=False, workers=1, access_log_format=None)
    asyncio.set_event_loop(asyncio.new_event_loop())
    server.start([Peer(sys.argv[1])])
