import json
import math
import uuid
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from windsock.contracts.clock import format_time
from windsock.contracts.errors import InputError
from windsock.contracts.record import BODY_LIMIT_BYTES, Prediction, entity_key, new_prediction_id

AT = datetime(2013, 7, 1, 6, 0, 0, 250, tzinfo=UTC)
times = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
values = st.none() | st.booleans() | st.integers() | st.floats() | texts | times


def same(one: object, other: object) -> bool:
    """Equal in value and type, NaN too."""
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    return type(one) is type(other) and one == other


@given(mapping=st.dictionaries(texts, values, max_size=5), row=st.lists(st.floats(), max_size=5), at=times)
def test_what_was_recorded_comes_back(prediction, mapping, row, at):
    given_ = prediction(request=mapping, features=mapping, row=tuple(row), predicted_at=at)
    read = Prediction.decode(given_.encode())
    assert read.encode() == given_.encode()
    for back in (read.request, read.features):
        assert list(back) == sorted(mapping)
        assert all(same(mapping[name], back[name]) for name in mapping)
    assert all(same(one, other) for one, other in zip(given_.row, read.row, strict=True))
    assert read.predicted_at == at


@given(at=times | times.map(lambda at: at.astimezone(timezone(timedelta(hours=5, minutes=30)))))
def test_times_are_written_as_everywhere(prediction, at):
    fields = json.loads(prediction(event_time=at, feature_times={"speed": at}, request={"at": at}).encode())
    text = format_time(at)
    assert (fields["event_time"], fields["feature_times"]["speed"], fields["request"]["at"]["time"]) == (text,) * 3


def test_the_same_prediction_is_the_same_bytes_in_whatever_order_it_was_made(prediction):
    one = prediction(prediction_id="x", features={"a__b": 1.0, "a__c": 2.0})
    other = prediction(prediction_id="x", features={"a__c": 2.0, "a__b": 1.0})
    assert one.encode() == other.encode()


def test_the_bytes_are_plain_json(prediction):
    fields = json.loads(
        prediction(row=(1.0, math.nan)).encode(), parse_constant=lambda _: pytest.fail("not plain JSON")
    )
    assert fields["format"] == 1
    assert fields["row"] == [1.0, {"float": "nan"}]
    assert fields["event_time"] == "2013-07-01T08:00:01.000250Z"


@pytest.mark.parametrize(
    "changes, named",
    [
        ({"probability": math.nan}, "probability"),
        ({"probability": 1}, "probability"),
        ({"threshold": math.inf}, "threshold"),
        ({"latency_s": "fast"}, "latency_s"),
        ({"decision": 1}, "decision"),
        ({"reason": None}, "reason"),
        ({"request": {"name": object()}}, "record value"),
        ({"request": {"due_at": datetime(2013, 7, 1)}}, "record value"),
        ({"request": {"name": "\ud800"}}, "record text"),
        ({"request": {"name": "x" * BODY_LIMIT_BYTES}}, "record"),
    ],
)
def test_what_cannot_be_recorded_is_refused_by_name(prediction, changes, named):
    with pytest.raises(InputError, match=f"^(record )?{named}"):
        prediction(**changes).encode()


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'{"format":2}', b'{"format":1}', b"\xff", b'{"format":1,"row":3}']
)
def test_other_bytes_are_no_record(body):
    with pytest.raises(InputError, match="record"):
        Prediction.decode(body)


def test_a_record_with_one_field_more_is_none(prediction):
    fields = json.loads(prediction().encode())
    with pytest.raises(InputError):
        Prediction.decode(json.dumps({**fields, "other": 1}).encode())


def test_identifiers_sort_by_time_and_are_uuids_of_version_7():
    identifiers = [new_prediction_id(AT + timedelta(microseconds=step)) for step in range(0, 5000, 7)]
    assert identifiers == sorted(identifiers)
    assert {uuid.UUID(identifier).version for identifier in identifiers} == {7}
    assert {uuid.UUID(identifier).variant for identifier in identifiers} == {uuid.RFC_4122}
    assert uuid.UUID(identifiers[0]).int >> 80 == int(AT.timestamp() * 1000)


def test_identifiers_of_one_moment_differ():
    assert len({new_prediction_id(AT) for _ in range(1000)}) == 1000


def test_a_key_cannot_be_taken_for_another():
    noon = datetime(2013, 7, 1, 14, tzinfo=timezone(timedelta(hours=2)))
    assert entity_key(["AA", 1, noon]) == "AA/1/2013-07-01T12:00:00Z"
    assert entity_key(["a/b", "c"]) != entity_key(["a", "b/c"])
    assert entity_key(["a%2Fb"]) != entity_key(["a/b"])
