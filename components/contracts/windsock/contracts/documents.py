"""What a server says about itself, by path: the parts of V1 and V2 that need no answering."""

from collections.abc import Sequence
from typing import Any

from windsock.contracts.openapi import openapi
from windsock.contracts.protocol import Answer, Protocol


def documents(protocol: Protocol, release: str) -> dict[str, Any]:
    """The bodies of the paths that stay the same while one release (its digest) serves."""
    name = protocol.name
    metadata = protocol.metadata([release])
    return {
        "/": {"status": "alive"},
        "/openapi.json": openapi(protocol),
        "/v1/models": {"models": [name]},
        f"/v1/models/{name}": {"name": name, "ready": True},
        "/v2": {"name": "windsock", "version": release, "extensions": []},
        "/v2/health/live": {"live": True},
        "/v2/models": {"models": [name]},
        f"/v2/models/{name}": metadata,
        f"/v2/models/{name}/versions/{release}": metadata,
    }


def model_paths(protocol: Protocol, release: str) -> tuple[str, str]:
    """The V2 paths of the model, without and with its version."""
    return f"/v2/models/{protocol.name}", f"/v2/models/{protocol.name}/versions/{release}"


def answer_headers(answers: Sequence[Answer]) -> dict[str, str]:
    """The response headers that tell of an answer without its body; the reason is that of the first row with one."""
    by = {answer.answered_by for answer in answers}
    return {
        "x-windsock-release": answers[0].release,
        "x-windsock-answered-by": by.pop() if len(by) == 1 else "mixed",
        "x-windsock-reason": next((answer.reason for answer in answers if answer.reason), ""),
    }
