"""The bytes of Feast's online stores: how an entity key is written and a value is read.

Layout of a key: feast/infra/key_encoding_utils.py, serialization version 3. Layout of a value: the protobuf message
feast.types.Value with one scalar field. The tests hold both against Feast itself.
"""

import struct
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from windsock.predictor.plan import BOOL, DOUBLE, FLOAT, INT32, INT64, STRING, UNIX_TIMESTAMP

Value = str | int | float | bool | None
# First byte of the message: field number and wire type. The field numbers are those of the `val` union.
TAGS = {STRING: 0x12, INT32: 0x18, INT64: 0x20, DOUBLE: 0x29, FLOAT: 0x35, BOOL: 0x38, UNIX_TIMESTAMP: 0x40}
NULL_TAG = b"\x98\x01"
VARINT_LIMIT = 10
_double = struct.Struct("<d").unpack_from
_float = struct.Struct("<f").unpack_from
_two = struct.Struct("<II").pack


class GarbageError(ValueError):
    """The store holds bytes that are no value of the type that the feature has."""


def key_encoder(keys: Mapping[str, int]) -> Callable[[Mapping[str, Any]], bytes]:
    """Makes the function that writes the entity key of one request row; `keys` maps join keys to Feast's types."""
    names = sorted(keys)
    encoded = [name.encode() for name in names]
    prefix = struct.pack("<I", len(names)) + b"".join(_two(STRING, len(name)) + name for name in encoded)
    parts = [(name, keys[name], KEY_VALUES[keys[name]]) for name in names]

    def encode(row: Mapping[str, Any]) -> bytes:
        key = prefix
        for name, kind, write in parts:
            content = write(row[name])
            key += _two(kind, len(content)) + content
        return key

    return encode


def _seconds(time: datetime) -> bytes:
    return struct.pack("<q", int(time.astimezone(UTC).timestamp()))


KEY_VALUES: dict[int, Callable[[Any], bytes]] = {
    STRING: str.encode,
    INT32: struct.Struct("<i").pack,
    INT64: struct.Struct("<q").pack,
    UNIX_TIMESTAMP: _seconds,
}


def _varint(content: bytes, start: int) -> tuple[int, int]:
    """An unsigned protobuf varint and the position after it."""
    value = shift = 0
    for position in range(start, min(len(content), start + VARINT_LIMIT)):
        byte = content[position]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position + 1
        shift += 7
    raise GarbageError("a number without its end")


def _signed(content: bytes) -> int:
    value, end = _varint(content, 1)
    if end != len(content) or value >= 2**64:
        raise GarbageError(f"{len(content)} bytes for one whole number")
    return value - 2**64 if value >= 2**63 else value


def _text(content: bytes) -> str:
    length, start = _varint(content, 1)
    if start + length != len(content):
        raise GarbageError(f"{len(content)} bytes for a text of {length}")
    try:
        return content[start:].decode()
    except UnicodeDecodeError as error:
        raise GarbageError("a text that is no UTF-8") from error


def read_value(content: object, kind: int) -> Value:
    """The value that a feature's bytes stand for, or None for Feast's null.

    Raises:
        GarbageError: the bytes are no value of this type; what is another type counts as that.
    """
    if type(content) is not bytes:
        raise GarbageError(f"a {type(content).__name__} where bytes are due")
    if not content or content[:2] == NULL_TAG:
        return None
    if content[0] != TAGS[kind]:
        raise GarbageError(f"tag {content[0]} where type {kind} is due")
    if kind == DOUBLE and len(content) == 9:
        return float(_double(content, 1)[0])
    if kind == FLOAT and len(content) == 5:
        return float(_float(content, 1)[0])
    if kind == STRING:
        return _text(content)
    if kind in (INT32, INT64, UNIX_TIMESTAMP):
        return _signed(content)
    if kind == BOOL:
        return bool(_signed(content))
    raise GarbageError(f"{len(content)} bytes for type {kind}")


def read_timestamp(content: object) -> float:
    """Seconds since 1970 of a protobuf Timestamp: field 1 whole seconds, field 2 nanoseconds.

    Raises:
        GarbageError: the bytes are no such message.
    """
    if type(content) is not bytes:
        raise GarbageError(f"a {type(content).__name__} where a time is due")
    parts = {8: 0, 16: 0}
    position = 0
    while position < len(content):
        tag = content[position]
        if tag not in parts:
            raise GarbageError(f"tag {tag} in a time")
        value, position = _varint(content, position + 1)
        parts[tag] = value - 2**64 if value >= 2**63 else value
    return parts[8] + parts[16] / 1e9
