import math
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from windsock.contracts.errors import InputError
from windsock.contracts.record import Prediction
from windsock.predictor.record.fast_json import fast_json
from windsock.predictor.record.parquet import COLUMNS, decode_parquet, encode_parquet

times = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
values = st.none() | st.booleans() | st.integers() | st.floats() | texts | times


@settings(deadline=None)
@given(
    mapping=st.dictionaries(texts, values, max_size=5),
    row=st.lists(st.floats(), max_size=5),
    at=times,
    probability=st.floats(0, 1),
)
def test_it_reads_back_as_the_standard_librarys_does(prediction, mapping, row, at, probability):
    made = prediction(request=mapping, features=mapping, row=tuple(row), predicted_at=at, probability=probability)
    assert Prediction.decode(made.encode(fast_json)).encode() == made.encode()


@settings(deadline=None)
@given(
    probability=st.floats(0, 1), threshold=st.floats(allow_nan=False, allow_infinity=False), request_id=texts, at=times
)
def test_its_columns_are_exact(prediction, chained, probability, threshold, request_id, at):
    made = prediction(probability=probability, threshold=threshold, request_id=request_id, event_time=at)
    body = made.encode(fast_json)
    (link,) = chained([made], fast_json)
    assert link.body == body
    content = encode_parquet([link])[0]
    assert decode_parquet(content) == [link]
    read = Prediction.decode(decode_parquet(content)[0].body)
    assert [getattr(read, name) for name in COLUMNS.names] == [getattr(made, name) for name in COLUMNS.names]


@pytest.mark.parametrize(
    "changes",
    [
        {"request": {"name": object()}},
        {"request": {"due_at": datetime(2013, 7, 1)}},
        {"request": {"name": "\ud800"}},
        {"features": {"name": b"bytes"}},
        {"probability": math.nan},
    ],
)
def test_it_refuses_what_the_standard_library_does(prediction, changes):
    with pytest.raises(InputError):
        prediction(**changes).encode(fast_json)


def test_equal_predictions_are_equal_bytes(prediction):
    one = prediction(prediction_id="x", features={"a__b": 1.0, "a__c": 2.0})
    other = prediction(prediction_id="x", features={"a__c": 2.0, "a__b": 1.0})
    assert one.encode(fast_json) == other.encode(fast_json)
