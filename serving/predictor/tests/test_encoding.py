"""The bytes of the store, held against Feast's own code."""

import subprocess
import sys
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from windsock.predictor import plan
from windsock.predictor.encoding import GarbageError, key_encoder, read_timestamp, read_value

ORACLE = """
import json, struct, sys
from google.protobuf.timestamp_pb2 import Timestamp
from feast.infra.key_encoding_utils import serialize_entity_key
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
out = {"keys": [], "values": [], "times": []}
texts = ["", "Ulm", "Köln Hbf", "\\u0000x", "x" * 200]
numbers = [0, 1, -1, 127, 128, 300, 2**31 - 1, -(2**31)]
wide = [*numbers, 2**63 - 1, -(2**63)]
reals = [0.0, -0.0, 1.5, 1e-300, -1e300, float("inf"), float("nan")]
for text, number in [(text, number) for text in texts for number in wide]:
    key = EntityKey(join_keys=["b", "a"], entity_values=[Value(string_val=text), Value(int64_val=number)])
    out["keys"].append([{"b": text, "a": number}, serialize_entity_key(key, 3).hex()])
single = EntityKey(join_keys=["n"], entity_values=[Value(int32_val=-7)])
out["single"] = serialize_entity_key(single, 3).hex()
def give(kind, name, values):
    for value in values:
        shown = struct.pack("<d", value).hex() if isinstance(value, float) else value
        out["values"].append([kind, shown, Value(**{name: value}).SerializeToString().hex()])
give(2, "string_val", texts); give(3, "int32_val", numbers); give(4, "int64_val", wide)
give(8, "unix_timestamp_val", wide)
give(5, "double_val", reals); give(6, "float_val", [0.0, 0.5, -2.25]); give(7, "bool_val", [True, False])
out["null"] = [Value().SerializeToString().hex(), Value(null_val=0).SerializeToString().hex()]
for seconds, nanos in [(0, 0), (1372658400, 0), (1372658400, 123456000), (-5, 0)]:
    out["times"].append([seconds + nanos / 1e9, Timestamp(seconds=seconds, nanos=nanos).SerializeToString().hex()])
print(json.dumps(out))
"""


@pytest.fixture(scope="module")
def oracle():
    import json

    done = subprocess.run([sys.executable, "-W", "ignore", "-c", ORACLE], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_keys_are_written_as_feast_writes_them(oracle):
    encode = key_encoder({"a": plan.INT64, "b": plan.STRING})
    for row, expected in oracle["keys"]:
        assert encode(row).hex() == expected
    assert key_encoder({"n": plan.INT32})({"n": -7}).hex() == oracle["single"]


def test_values_are_read_as_feast_wrote_them(oracle):
    import struct

    for kind, shown, content in oracle["values"]:
        value = read_value(bytes.fromhex(content), kind)
        if kind in (plan.DOUBLE, plan.FLOAT) and value is not None:
            assert struct.pack("<d", value).hex() == shown
        else:
            assert value == shown
            assert type(value) is type(shown)
    for content in oracle["null"]:
        assert read_value(bytes.fromhex(content), plan.DOUBLE) is None
    for seconds, content in oracle["times"]:
        assert read_timestamp(bytes.fromhex(content)) == seconds


def test_a_time_as_key_is_seconds():
    encode = key_encoder({"at": plan.UNIX_TIMESTAMP})
    assert encode({"at": datetime(1970, 1, 1, 0, 1, tzinfo=UTC)}).endswith((60).to_bytes(8, "little"))


@pytest.mark.parametrize(
    "content, kind",
    [
        ("text", plan.STRING),
        (7, plan.INT64),
        (None, plan.DOUBLE),
        (b"\x29\x00", plan.DOUBLE),
        (b"\x29" + bytes(9), plan.DOUBLE),
        (b"\x29" + bytes(8), plan.FLOAT),
        (b"\x12\x05Ulm", plan.STRING),
        (b"\x12\x02\xff\xfe", plan.STRING),
        (b"\x20", plan.INT64),
        (b"\x20\x80", plan.INT64),
        (b"\x20\x01\x01", plan.INT64),
        (b"\x20" + b"\xff" * 9 + b"\x7f", plan.INT64),
        (b"\x5a\x00", plan.STRING),
    ],
)
def test_garbage_is_named_and_never_read(content, kind):
    with pytest.raises(GarbageError):
        read_value(content, kind)


@given(st.binary(max_size=24), st.sampled_from(plan.FEATURE_TYPES))
def test_any_bytes_are_a_value_of_the_type_or_garbage(content, kind):
    types = {plan.STRING: str, plan.DOUBLE: float, plan.FLOAT: float, plan.BOOL: bool}
    try:
        value = read_value(content, kind)
    except GarbageError:
        return
    assert value is None or type(value) is types.get(kind, int)


@given(st.binary(max_size=24))
def test_any_bytes_are_a_time_or_garbage(content):
    try:
        assert isinstance(read_timestamp(content), float)
    except GarbageError:
        return
