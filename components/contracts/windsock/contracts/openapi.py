"""The description of a server's own paths, for clients and for those who test it: OpenAPI 3.1, from the use case."""

from typing import Any

from windsock.contracts.call import DEADLINE
from windsock.contracts.protocol import ACCEPTED, DATATYPES, INT64, OUTPUTS, TEXT_LIMIT, Protocol

FIELD_SCHEMAS: dict[str, dict[str, Any]] = {
    "string": {"type": "string", "minLength": 1, "maxLength": TEXT_LIMIT, "pattern": r"^[!-~]+( [!-~]+)*$"},
    "integer": {"type": "integer", "minimum": INT64.start, "maximum": INT64.stop - 1},
    "number": {"type": "number", "minimum": -1e300, "maximum": 1e300},
    "timestamp": {"type": "string", "format": "date-time"},
}
OUTPUT_SCHEMAS = {"BYTES": {"type": "string"}, "FP64": {"type": "number", "minimum": 0, "maximum": 1}}
ERRORS = {
    "400": "The request is wrong; the line names the field, its value and what was expected.",
    "408": "The request did not become whole in time.",
    "413": "The body is too large.",
    "415": "The body is no JSON.",
    "429": "Too many requests are in work.",
    "431": "The headers are too large.",
    "503": "The answer could not be recorded, so it was not given.",
}


def _closed(properties: dict[str, Any], required: tuple[str, ...] | None = None) -> dict[str, Any]:
    names = list(properties) if required is None else list(required)
    return {"type": "object", "properties": properties, "required": names, "additionalProperties": False}


def _content(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _operation(identifier: str, body: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    error = _content(_closed({"error": {"type": "string"}}))
    deadline = {"name": DEADLINE, "in": "header", "required": False}
    deadline["schema"] = {"type": "integer", "minimum": 1, "maximum": 999_999_999}
    return {
        "post": {
            "operationId": identifier,
            "parameters": [deadline],
            "requestBody": {"required": True, "content": _content(body)},
            "responses": {
                "200": {"description": "The answers.", "content": _content(answer)},
                **{status: {"description": text, "content": error} for status, text in ERRORS.items()},
            },
        }
    }


def _tensor(name: str, kind: str) -> dict[str, Any]:
    """One row's tensor, as the fuzz may send it; a server takes more rows, as many in each."""
    accepted = [datatype for datatype in ACCEPTED[DATATYPES[kind]] if not datatype.startswith("FP16")]
    return _closed(
        {
            "name": {"const": name},
            "shape": {"const": [1]},
            "datatype": {"enum": accepted},
            "data": {"type": "array", "items": FIELD_SCHEMAS[kind], "minItems": 1, "maxItems": 1},
        }
    )


def _v1(protocol: Protocol) -> dict[str, Any]:
    instance = _closed({name: FIELD_SCHEMAS[kind] for name, kind in protocol.fields.items()})
    prediction = _closed({name: OUTPUT_SCHEMAS[kind] for name, kind in OUTPUTS.items()})
    rows = {"type": "array", "items": instance, "minItems": 1, "maxItems": protocol.rows_at_most}
    answer = {"predictions": {"type": "array", "items": prediction}, "deadline_left_ms": {"type": "integer"}}
    return _operation("predict", _closed({"instances": rows}), _closed(answer))


def _v2(protocol: Protocol) -> dict[str, Any]:
    tensors = [_tensor(name, kind) for name, kind in protocol.fields.items()]
    inputs = {"type": "array", "prefixItems": tensors, "items": False, "minItems": len(tensors)}
    identifier = {"type": "string", "maxLength": TEXT_LIMIT, "pattern": "^[!-~]*$"}
    output = _closed(
        {
            "name": {"enum": list(OUTPUTS)},
            "shape": {"type": "array", "items": {"type": "integer"}},
            "datatype": {"enum": sorted(set(OUTPUTS.values()))},
            "data": {"type": "array"},
        }
    )
    answer = {
        "model_name": {"const": protocol.name},
        "model_version": {"type": "string"},
        "id": {"type": "string"},
        "parameters": _closed({"deadline_left_ms": {"type": "integer"}}),
        "outputs": {"type": "array", "items": output},
    }
    return _operation("infer", _closed({"inputs": inputs, "id": identifier}, ("inputs",)), _closed(answer))


def _read(identifier: str, *statuses: int) -> dict[str, Any]:
    responses = {str(status): {"description": "What is asked."} for status in statuses}
    return {"get": {"operationId": identifier, "responses": responses}}


def openapi(protocol: Protocol) -> dict[str, Any]:
    """The document of one model's server."""
    name = protocol.name
    return {
        "openapi": "3.1.0",
        "info": {"title": f"Windsock: {name}", "version": "1"},
        "paths": {
            f"/v1/models/{name}:predict": _v1(protocol),
            f"/v2/models/{name}/infer": _v2(protocol),
            "/health": _read("health", 200),
            "/metrics": _read("metrics", 200),
            "/v1/models": _read("models", 200),
            f"/v1/models/{name}": _read("model", 200),
            "/v2": _read("server", 200),
            "/v2/health/live": _read("live", 200),
            "/v2/health/ready": _read("ready", 200, 503),
            f"/v2/models/{name}": _read("metadata", 200),
            f"/v2/models/{name}/ready": _read("model_ready", 200, 503),
        },
    }
