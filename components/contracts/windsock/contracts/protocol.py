"""The inference protocols V1 and V2 (Open Inference Protocol) as pure functions: a body becomes rows, answers a body.

The predictor and the rules service speak through this one file. It knows no server and no JSON library: it takes what a
body decodes to, and gives what a body is to be encoded from.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from windsock.contracts.errors import InputError
from windsock.contracts.use_case import Request

TEXT_LIMIT = 256
INT64 = range(-(2**63), 2**63)
DATATYPES = {"string": "BYTES", "timestamp": "BYTES", "integer": "INT64", "number": "FP64"}
# What a caller's library may send for a type of ours; anything else is refused by name.
ACCEPTED = {
    "BYTES": ("BYTES",),
    "INT64": ("INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64"),
    "FP64": ("FP16", "FP32", "FP64", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32"),
}
OUTPUTS = {
    "prediction_id": "BYTES",
    "probability": "FP64",
    "decision": "BYTES",
    "release": "BYTES",
    "answered_by": "BYTES",
    "reason": "BYTES",
}

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What one row is told.

    `probability` is that of the event, `decision` is `act` or `skip`, `release` a digest, `answered_by` is `model` or
    `rules`, and `reason` says why the model did not answer (one of `call.REASONS`), or is empty.
    """

    prediction_id: str
    probability: float
    decision: str
    release: str
    answered_by: str
    reason: str


def _string(value: object, where: str) -> str:
    if type(value) is not str or not 0 < len(value) <= TEXT_LIMIT or not value.isprintable():
        raise InputError(where, value, f"text of 1 to {TEXT_LIMIT} printable characters")
    return value


def _integer(value: object, where: str) -> int:
    if type(value) is not int or value not in INT64:
        raise InputError(where, value, "a whole number of 64 bits")
    return value


def _number(value: object, where: str) -> float:
    if type(value) is int and value in INT64:
        return float(value)
    if type(value) is not float or not math.isfinite(value):
        raise InputError(where, value, "a finite number")
    return value


def _timestamp(value: object, where: str) -> datetime:
    expected = "a time with its zone, such as 2013-07-01T06:00:00Z"
    if type(value) is not str or len(value) > TEXT_LIMIT:
        raise InputError(where, value, expected)
    try:
        time = datetime.fromisoformat(value)
        if time.tzinfo is None:
            raise InputError(where, value, expected)
        return time if time.tzinfo is UTC else time.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InputError(where, value, expected) from error


CHECKS: dict[str, Callable[[object, str], Any]] = {
    "string": _string,
    "integer": _integer,
    "number": _number,
    "timestamp": _timestamp,
}


class Protocol:
    """The bodies of one model's requests and answers, by the use case's request fields."""

    def __init__(self, name: str, request: Request, rows_at_most: int) -> None:
        self.name = name
        self.fields = request.fields
        self.rows_at_most = rows_at_most
        self._checks = [(field, CHECKS[kind]) for field, kind in request.fields.items()]

    def _row(self, given: object, where: str) -> Row:
        if not isinstance(given, Mapping):
            raise InputError(where, given, f"an object with {', '.join(self.fields)}")
        if given.keys() != self.fields.keys():
            for name in given:
                if name not in self.fields:
                    raise InputError(
                        f"{where}.{name}", given[name], f"no such field; known are {', '.join(self.fields)}"
                    )
            missing = next(name for name in self.fields if name not in given)
            raise InputError(f"{where}.{missing}", None, f"a value of type {self.fields[missing]}")
        return {name: check(given[name], f"{where}.{name}") for name, check in self._checks}

    def _counted(self, count: int, where: str) -> int:
        if not 1 <= count <= self.rows_at_most:
            raise InputError(where, count, f"1 to {self.rows_at_most} rows")
        return count

    def rows_of_v1(self, body: object) -> list[Row]:
        """The checked rows of a V1 body, `{"instances": [{field: value}, …]}`; timestamps become aware UTC datetimes.

        Raises:
            InputError: names the field, its value and what was expected.
        """
        if not isinstance(body, Mapping) or not isinstance(body.get("instances"), list):
            raise InputError("body", body, 'an object with a list, such as {"instances": [{…}]}')
        for name in body:
            if name not in ("instances", "parameters", "signature_name"):
                raise InputError(f"body.{name}", body[name], "no such member; known is instances")
        instances = body["instances"]
        self._counted(len(instances), "instances")
        return [self._row(instance, f"instances[{index}]") for index, instance in enumerate(instances)]

    def rows_of_v2(self, body: object) -> list[Row]:
        """The checked rows of a V2 body: one tensor a field, all of shape [n] or [n, 1].

        Raises:
            InputError: names the tensor, its value and what was expected.
        """
        if not isinstance(body, Mapping) or not isinstance(body.get("inputs"), list):
            raise InputError("body", body, 'an object with a list of tensors, such as {"inputs": [{…}]}')
        columns: dict[str, list[Any]] = {}
        for index, tensor in enumerate(body["inputs"]):
            name, data = self._tensor(tensor, f"inputs[{index}]")
            if name in columns:
                raise InputError(f"inputs[{index}].name", name, "each tensor once")
            columns[name] = data
        missing = [name for name in self.fields if name not in columns]
        if missing:
            raise InputError(f"inputs.{missing[0]}", None, f"a tensor of type {DATATYPES[self.fields[missing[0]]]}")
        counts = {len(data) for data in columns.values()}
        if len(counts) != 1:
            raise InputError(
                "inputs", {name: len(data) for name, data in columns.items()}, "as many rows in each tensor"
            )
        count = self._counted(counts.pop(), "inputs")
        checked = {
            name: [check(value, f"inputs.{name}[{row}]") for row, value in enumerate(columns[name])]
            for name, check in self._checks
        }
        return [{name: data[row] for name, data in checked.items()} for row in range(count)]

    def _tensor(self, tensor: object, where: str) -> tuple[str, list[Any]]:
        """One tensor's name and its flat data."""
        if not isinstance(tensor, Mapping):
            raise InputError(where, tensor, "a tensor: name, shape, datatype, data")
        name = tensor.get("name")
        if type(name) is not str or name not in self.fields:
            raise InputError(f"{where}.name", name, f"one of {', '.join(self.fields)}")
        accepted = ACCEPTED[DATATYPES[self.fields[name]]]
        if tensor.get("datatype") not in accepted:
            raise InputError(f"inputs.{name}.datatype", tensor.get("datatype"), f"one of {', '.join(accepted)}")
        shape, data = tensor.get("shape"), tensor.get("data")
        if not isinstance(data, list):
            raise InputError(f"inputs.{name}.data", data, "a list of values; binary tensors go over gRPC")
        self._counted(len(data), f"inputs.{name}.data")
        if type(shape) is not list or any(type(size) is not int for size in shape) or shape[1:] not in ([], [1]):
            raise InputError(f"inputs.{name}.shape", shape, "[rows] or [rows, 1]")
        if shape[:1] != [len(data)]:
            raise InputError(f"inputs.{name}.shape", shape, f"the {len(data)} rows of its data")
        if len(shape) == 2 and all(type(value) is list and len(value) == 1 for value in data):
            data = [value[0] for value in data]
        return name, data

    def body_of_v1(self, answers: Sequence[Answer], deadline_left_ms: int) -> dict[str, Any]:
        """The V1 body of an answer."""
        predictions = [{name: getattr(answer, name) for name in OUTPUTS} for answer in answers]
        return {"predictions": predictions, "deadline_left_ms": deadline_left_ms}

    def body_of_v2(self, answers: Sequence[Answer], deadline_left_ms: int, request_id: str) -> dict[str, Any]:
        """The V2 body of an answer; `request_id` is the caller's own, given back as it came."""
        count = len(answers)
        return {
            "model_name": self.name,
            "model_version": answers[0].release,
            "id": request_id,
            "parameters": {"deadline_left_ms": deadline_left_ms},
            "outputs": [
                {"name": name, "shape": [count], "datatype": kind, "data": [getattr(a, name) for a in answers]}
                for name, kind in OUTPUTS.items()
            ],
        }

    def metadata(self, versions: Sequence[str]) -> dict[str, Any]:
        """The V2 metadata of the model: its tensors."""
        return {
            "name": self.name,
            "versions": list(versions),
            "platform": "windsock",
            "inputs": [
                {"name": name, "datatype": DATATYPES[kind], "shape": [-1]} for name, kind in self.fields.items()
            ],
            "outputs": [{"name": name, "datatype": kind, "shape": [-1]} for name, kind in OUTPUTS.items()],
        }


def request_id_of_v2(body: object) -> str:
    """The caller's own `id` of a V2 body, or an empty one.

    Raises:
        InputError: the id is no short text.
    """
    given = body.get("id", "") if isinstance(body, Mapping) else ""
    if given in ("", None):
        return ""
    return _string(given, "id")
