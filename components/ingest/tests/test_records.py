"""What is read of a record: all that is joined, whatever its features are called and hold."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from answered import answer
from hypothesis import example, given, settings
from hypothesis import strategies as st
from windsock.contracts.errors import InputError
from windsock.contracts.record import Prediction
from windsock.ingest.arrow import write_labelled
from windsock.ingest.records import is_copy, what_is_joined

AWKWARD = ["format", "features", "role", "row", "request", 'a},"format":1', '"features":{', "view__mean"]
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**9), 10**9),
    st.floats(),
    st.sampled_from(AWKWARD),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.datetimes(timezones=st.just(UTC)),
)
NAMED = st.dictionaries(st.one_of(st.sampled_from(AWKWARD), st.text(st.characters(exclude_categories=["Cs"]))), VALUES)


@settings(max_examples=500, deadline=None)
@given(NAMED, NAMED)
@example({"a": datetime(2020, 3, 1, tzinfo=UTC), "format": 1.0}, {"features": datetime(2020, 3, 1, tzinfo=UTC)})
@example({"a": float("nan"), "format": float("nan")}, {})
@example({"a": float("nan"), "format": "x", "z": float("inf"), "zformat": None}, {"format": 1})
def test_all_but_features_is_read_as_it_was_written(features, request):
    written = answer(1, 1, features=features, request=request)
    read = Prediction.decode(written.encode(), what_is_joined)
    # NaN is no other's equal: what is written again is.
    assert read.encode() == replace(written, features={}).encode()


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["primary", "shadow"]), NAMED, NAMED)
@example("primary", {}, {"role": "shadow"})
@example("shadow", {"role": "primary", "z": ',"role":"primary",'}, {"a": 1, "role": "primary"})
def test_a_copy_is_told_by_its_bytes_whatever_else_it_says(role, features, request):
    body = answer(1, 1, features=features, request=request, role=role).encode()
    assert is_copy(body) == (role == "shadow")


@pytest.mark.parametrize("body", [b"", b"{}", b'{"role": "shadow", "row": []}'])
def test_what_is_written_in_another_way_is_not_passed_over_as_a_copy(body):
    assert not is_copy(body)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b"1", b'{"features":{},"format":1}', b'{"features":{"a":1},"format":']
)
def test_what_is_no_record_is_said_to_be_none(body):
    with pytest.raises(InputError, match="record"):
        Prediction.decode(body, what_is_joined)


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("row", ("high",), "records: row: .*expected list<.*float> in every row, as the predictor records it"),
        ("request__distance", "far", "records: request__distance: .*expected double in every row, as use_case.toml"),
    ],
)
def test_a_value_of_another_type_is_refused_under_its_columns_name(tmp_path, column, value, expected):
    with pytest.raises(InputError, match=expected):
        write_labelled(tmp_path / "labelled.parquet", {column: [value]}, {"distance": "number"})
    assert not list(tmp_path.iterdir())
