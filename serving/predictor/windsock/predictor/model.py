"""The only door to ONNX and ONNX Runtime: refuses what is no self-contained model, and scores rows."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime  # type: ignore[import-untyped]
from windsock.contracts.errors import InputError

MODEL_LIMIT_BYTES = 512 * 1024 * 1024


def _graphs(graph: Any) -> Iterator[Any]:
    """A graph and all graphs inside its nodes."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                if inner.node or inner.initializer:
                    yield from _graphs(inner)


def _tensors(graph: Any) -> Iterator[Any]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
                yield from (sparse.values, sparse.indices)


def check_model(path: Path) -> None:
    """Refuses a file that is no ONNX, is too large, or names data outside itself.

    Raises:
        InputError: says which.
    """
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    size = path.stat().st_size
    if size > MODEL_LIMIT_BYTES:
        raise InputError(path.name, f"{size} bytes", f"at most {MODEL_LIMIT_BYTES} bytes")
    try:
        model = onnx.ModelProto.FromString(path.read_bytes())
    except DecodeError as error:
        raise InputError(path.name, "bytes that are no ONNX", "an ONNX model") from error
    if not model.graph.node:
        raise InputError(path.name, "a graph without nodes", "an ONNX model")
    for graph in (*_graphs(model.graph), *model.functions):
        tensors = _tensors(graph) if hasattr(graph, "initializer") else ()
        for tensor in tensors:
            if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
                raise InputError(f"{path.name}, tensor {tensor.name}", "data outside the file", "data inside the file")
    for function in model.functions:
        raise InputError(f"{path.name}, function {function.name}", function.domain, "a graph without functions")


class Scorer:
    """A model in memory. `score` may be called from several threads at once."""

    def __init__(self, path: Path, columns: int) -> None:
        options = onnxruntime.SessionOptions()
        # One row is a few microseconds of work: a second thread costs more than it gives, and changes sums.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        # What goes wrong is raised, and logged once, by the one who asked.
        options.log_severity_level = 4
        try:
            self._session = onnxruntime.InferenceSession(
                path.read_bytes(), sess_options=options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime raises types of its own that have no common base.
            raise InputError(path.name, type(error).__name__, f"a model that ONNX Runtime loads ({error})") from error
        inputs = self._session.get_inputs()
        if len(inputs) != 1 or inputs[0].type != "tensor(float)" or inputs[0].shape[1:] not in ([columns], [None]):
            given = [(each.name, each.type, each.shape) for each in inputs]
            raise InputError(f"{path.name}, inputs", given, f"one float tensor of {columns} columns")
        self._input = inputs[0].name
        self._output = self._probability_output(path.name)
        self._run = self._session.run

    def _probability_output(self, name: str) -> str:
        """The output that holds probabilities: the last one that is a float tensor."""
        outputs = [output for output in self._session.get_outputs() if output.type == "tensor(float)"]
        if not outputs:
            given = [(output.name, output.type) for output in self._session.get_outputs()]
            raise InputError(f"{name}, outputs", given, "a float tensor of probabilities")
        return str(outputs[-1].name)

    def score(self, rows: Sequence[Sequence[float]]) -> list[float]:
        """The probability of the event for each row of float32 columns; whatever the model raises comes through."""
        output = self._run([self._output], {self._input: np.array(rows, dtype=np.float32)})[0]
        # Either the event's probability alone, or one column a class, the event last.
        return output[:, -1].tolist() if output.ndim == 2 else output.tolist()
