"""Turns a trained model into ONNX, the same bytes for the same model. The only door to ONNX's own libraries."""

from typing import Any

import numpy as np
import onnx
import onnx.utils
from skl2onnx import to_onnx  # type: ignore[import-untyped]

INPUT = "X"
OUTPUT = "probabilities"
OPSETS = {"": 18, "ai.onnx.ml": 3}


def export(model: Any, column_count: int) -> bytes:
    """The model as ONNX: one input `X` float32 [rows, columns], one output `probabilities` float32 [rows, 2].

    The converter also computes the class and keeps what that needs; both go. It writes operator sets in the order of a
    hash, so they are sorted: else two processes would write different bytes.
    """
    sample = np.zeros((1, column_count), dtype=np.float32)
    converted = to_onnx(model, sample, target_opset=OPSETS, options={id(model): {"zipmap": False}})
    slim = onnx.utils.Extractor(converted).extract_model([INPUT], [OUTPUT])
    slim.graph.name = "model"
    del slim.graph.value_info[:]
    tensors = sorted(slim.graph.initializer, key=lambda tensor: tensor.name)
    del slim.graph.initializer[:]
    slim.graph.initializer.extend(tensors)
    operator_sets = sorted((entry.domain, entry.version) for entry in slim.opset_import)
    del slim.opset_import[:]
    slim.opset_import.extend(onnx.helper.make_opsetid(domain, version) for domain, version in operator_sets)
    onnx.checker.check_model(slim)
    return bytes(slim.SerializeToString(deterministic=True))
