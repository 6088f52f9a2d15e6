"""How Envoy names a typed message in JSON."""

from typing import Any


def resource(kind: str, **fields: Any) -> dict[str, Any]:
    """A message whose type is not known from its place."""
    return {"@type": f"type.googleapis.com/{kind}", **fields}


def extension(name: str, kind: str, **fields: Any) -> dict[str, Any]:
    """A named extension with its typed configuration."""
    return {"name": name, "typed_config": resource(kind, **fields)}
