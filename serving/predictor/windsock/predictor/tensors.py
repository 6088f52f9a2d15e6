"""The tensors of a gRPC request and answer, as messages of the Open Inference Protocol. No trust in a single byte."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from windsock.contracts.errors import InputError

# Where a datatype's values lie in the message, and what its raw bytes are.
CONTENTS = {
    "BOOL": ("bool_contents", "?"),
    "INT8": ("int_contents", "<i1"),
    "INT16": ("int_contents", "<i2"),
    "INT32": ("int_contents", "<i4"),
    "INT64": ("int64_contents", "<i8"),
    "UINT8": ("uint_contents", "<u1"),
    "UINT16": ("uint_contents", "<u2"),
    "UINT32": ("uint_contents", "<u4"),
    "UINT64": ("uint64_contents", "<u8"),
    "FP16": ("", "<f2"),
    "FP32": ("fp32_contents", "<f4"),
    "FP64": ("fp64_contents", "<f8"),
    "BYTES": ("bytes_contents", ""),
}
LENGTH_BYTES = 4


def read_tensors(message: Any) -> list[dict[str, Any]]:
    """The tensors of a `ModelInferRequest` as those of a JSON body.

    Raises:
        InputError: names the tensor whose contents do not fit its datatype.
    """
    raw = message.raw_input_contents
    if raw and len(raw) != len(message.inputs):
        raise InputError("raw_input_contents", len(raw), f"as many as inputs, {len(message.inputs)}")
    tensors = []
    for index, given in enumerate(message.inputs):
        if given.datatype not in CONTENTS:
            raise InputError(f"inputs.{given.name}.datatype", given.datatype, f"one of {', '.join(CONTENTS)}")
        data = _raw(given, raw[index]) if raw else _typed(given)
        if given.datatype == "BYTES":
            data = [_text(value, given.name) for value in data]
        tensor = {"name": given.name, "shape": list(given.shape), "datatype": given.datatype, "data": data}
        tensors.append(tensor)
    return tensors


def _typed(given: Any) -> list[Any]:
    member = CONTENTS[given.datatype][0]
    return list(getattr(given.contents, member)) if member else []


def _raw(given: Any, content: bytes) -> list[Any]:
    if given.HasField("contents"):
        raise InputError(f"inputs.{given.name}.contents", "contents and raw contents", "one of them")
    if given.datatype == "BYTES":
        return _raw_texts(given.name, content)
    kind = np.dtype(CONTENTS[given.datatype][1])
    if len(content) % kind.itemsize:
        expected = f"a multiple of {kind.itemsize} for {given.datatype}"
        raise InputError(f"inputs.{given.name}, raw bytes", len(content), expected)
    values: list[Any] = np.frombuffer(content, kind).tolist()
    return values


def _raw_texts(name: str, content: bytes) -> list[bytes]:
    """Each text has its length before it, four bytes, little-endian."""
    texts, position = [], 0
    while position < len(content):
        start = position + LENGTH_BYTES
        end = start + int.from_bytes(content[position:start], "little")
        if end > len(content) or start > len(content):
            raise InputError(f"inputs.{name}, raw bytes", len(content), f"{end} bytes, as its lengths say")
        texts.append(content[start:end])
        position = end
    return texts


def _text(value: bytes, name: str) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise InputError(f"inputs.{name}", value, "text in UTF-8") from error


def fill_answer(message: Any, body: Mapping[str, Any]) -> Any:
    """Fills a `ModelInferResponse` with a V2 body, and returns it."""
    message.model_name, message.model_version, message.id = body["model_name"], body["model_version"], body["id"]
    for name, value in body["parameters"].items():
        message.parameters[name].int64_param = value
    for tensor in body["outputs"]:
        output = message.outputs.add(name=tensor["name"], datatype=tensor["datatype"], shape=tensor["shape"])
        encode: Callable[[Any], Any] = str.encode if tensor["datatype"] == "BYTES" else float
        getattr(output.contents, CONTENTS[tensor["datatype"]][0]).extend(map(encode, tensor["data"]))
    return message
