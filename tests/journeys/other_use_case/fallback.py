"""The rules of the pumps: the harder a pump is driven, the likelier it trips."""

from collections.abc import Mapping


def probability(request: Mapping[str, object]) -> float:
    load = request.get("load")
    return 0.5 if isinstance(load, int | float) and load >= 80 else 0.2
