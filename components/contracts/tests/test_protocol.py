import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from windsock.contracts.errors import InputError
from windsock.contracts.protocol import OUTPUTS, Answer, Protocol, request_id_of_v2
from windsock.contracts.use_case import Request

REQUEST = Request(
    key=("station",),
    event_time="due_at",
    lead_time_minutes=60,
    fields={"station": "string", "platform": "integer", "load": "number", "due_at": "timestamp"},
)
PROTOCOL = Protocol("trains", REQUEST, rows_at_most=3)
GOOD = {"station": "Ulm", "platform": 7, "load": 0.5, "due_at": "2013-07-01T08:00:00+02:00"}
ROW = {"station": "Ulm", "platform": 7, "load": 0.5, "due_at": datetime(2013, 7, 1, 6, tzinfo=UTC)}


def tensor(name, datatype, *values, shape=None):
    return {
        "name": name,
        "datatype": datatype,
        "shape": [len(values)] if shape is None else shape,
        "data": list(values),
    }


def good_tensors():
    return [
        tensor("station", "BYTES", "Ulm"),
        tensor("platform", "INT64", 7),
        tensor("load", "FP64", 0.5),
        tensor("due_at", "BYTES", "2013-07-01T06:00:00Z"),
    ]


def test_v1_and_v2_give_the_same_rows():
    assert PROTOCOL.rows_of_v1({"instances": [GOOD]}) == [ROW]
    assert PROTOCOL.rows_of_v2({"inputs": good_tensors()}) == [ROW]
    assert PROTOCOL.rows_of_v1({"instances": [GOOD]})[0]["due_at"].tzinfo is UTC


@pytest.mark.parametrize(
    "field, value",
    [
        ("station", 7),
        ("station", ""),
        ("station", "x" * 257),
        ("station", "a\nb"),
        ("station", "\ud800"),
        ("station", None),
        ("station", ["Ulm"]),
        ("platform", 7.0),
        ("platform", True),
        ("platform", "7"),
        ("platform", 2**63),
        ("platform", -(2**63) - 1),
        ("platform", 10**4000),
        ("load", float("nan")),
        ("load", float("inf")),
        ("load", "0.5"),
        ("load", False),
        ("load", 2**64),
        ("due_at", "2013-07-01T06:00:00"),
        ("due_at", "2013-07-01"),
        ("due_at", "soon"),
        ("due_at", 1372658400),
        ("due_at", "0001-01-01T00:00:00+23:00"),
        ("due_at", "9999-12-31T23:59:59-23:00"),
    ],
)
def test_a_bad_value_is_refused_by_name_in_one_line(field, value):
    with pytest.raises(InputError, match=rf"instances\[0\]\.{field}: got .+, expected ") as refused:
        PROTOCOL.rows_of_v1({"instances": [GOOD | {field: value}]})
    assert len(str(refused.value)) < 600
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "body, named",
    [
        (None, "body"),
        ([], "body"),
        ({}, "body"),
        ({"instances": {}}, "body"),
        ({"instances": []}, "instances"),
        ({"instances": [GOOD] * 4}, "instances"),
        ({"instances": [7]}, "instances[0]"),
        ({"instances": [GOOD], "more": 1}, "body.more"),
        ({"instances": [GOOD | {"x": 1}]}, "instances[0].x"),
        ({"instances": [GOOD, {"station": "Ulm"}]}, "instances[1].platform"),
    ],
)
def test_a_bad_v1_body_is_refused_by_name(body, named):
    with pytest.raises(InputError) as refused:
        PROTOCOL.rows_of_v1(body)
    assert refused.value.field == named


@pytest.mark.parametrize(
    "tensors, named",
    [
        ([], "inputs.station"),
        ([7], "inputs[0]"),
        (good_tensors()[1:], "inputs.station"),
        ([*good_tensors(), tensor("load", "FP64", 1.0)], "inputs[4].name"),
        ([*good_tensors(), tensor("other", "FP64", 1.0)], "inputs[4].name"),
        ([tensor("station", "INT64", 1), *good_tensors()[1:]], "inputs.station.datatype"),
        ([tensor("station", "BYTES", "Ulm", shape=[2]), *good_tensors()[1:]], "inputs.station.shape"),
        ([tensor("station", "BYTES", "Ulm", shape=[1, 2]), *good_tensors()[1:]], "inputs.station.shape"),
        ([tensor("station", "BYTES", "Ulm", shape=[]), *good_tensors()[1:]], "inputs.station.shape"),
        ([tensor("station", "BYTES", "Ulm", shape=[True]), *good_tensors()[1:]], "inputs.station.shape"),
        ([tensor("station", "BYTES", "Ulm", shape="1"), *good_tensors()[1:]], "inputs.station.shape"),
        ([tensor("station", "BYTES", *["Ulm"] * 4), *good_tensors()[1:]], "inputs.station.data"),
        ([tensor("station", "BYTES", "Ulm", "Ulm"), *good_tensors()[1:]], "inputs"),
        ([good_tensors()[0] | {"data": None}, *good_tensors()[1:]], "inputs.station.data"),
        ([tensor("station", "BYTES", 7), *good_tensors()[1:]], "inputs.station[0]"),
    ],
)
def test_a_bad_v2_body_is_refused_by_name(tensors, named):
    with pytest.raises(InputError) as refused:
        PROTOCOL.rows_of_v2({"inputs": tensors})
    assert refused.value.field == named


def test_a_column_tensor_may_be_flat_or_nested():
    flat = [tensor("station", "BYTES", "Ulm", shape=[1, 1]), *good_tensors()[1:]]
    nested = [tensor("station", "BYTES", ["Ulm"], shape=[1, 1]), *good_tensors()[1:]]
    assert PROTOCOL.rows_of_v2({"inputs": flat}) == PROTOCOL.rows_of_v2({"inputs": nested}) == [ROW]


def test_narrow_numbers_are_taken_for_wide_ones():
    tensors = [good_tensors()[0], tensor("platform", "INT32", 7), tensor("load", "INT64", 2), good_tensors()[3]]
    assert PROTOCOL.rows_of_v2({"inputs": tensors})[0]["load"] == 2.0


def test_a_body_nested_too_deep_to_show_is_refused_like_any_other():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(InputError, match=r"instances\[0\].station: got a list nested too deep to show"):
        PROTOCOL.rows_of_v1({"instances": [GOOD | {"station": deep}]})
    while deep:
        deep = deep.pop()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(json_values, json_values, st.sampled_from(sorted(REQUEST.fields)))
def test_whatever_is_sent_gives_rows_or_an_input_error(body, value, field):
    for given_body in (body, {"instances": body}, {"instances": [GOOD | {field: value}]}):
        try:
            rows = PROTOCOL.rows_of_v1(given_body)
        except InputError:
            continue
        assert all(row.keys() == REQUEST.fields.keys() for row in rows)
    for tensors in (body, [body], [item | {"data": [value]} for item in good_tensors()]):
        try:
            PROTOCOL.rows_of_v2({"inputs": tensors})
        except InputError:
            continue


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "station": st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=256),
                "platform": st.integers(-(2**63), 2**63 - 1),
                "load": st.floats(allow_nan=False, allow_infinity=False),
                "due_at": st.datetimes(
                    min_value=datetime(2, 1, 1),
                    max_value=datetime(9998, 1, 1),
                    timezones=st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes))),
                ),
            }
        ),
        min_size=1,
        max_size=3,
    )
)
def test_valid_rows_come_through_both_protocols_unchanged(rows):
    instances = [row | {"due_at": row["due_at"].isoformat()} for row in rows]
    inputs = [
        {"name": item["name"], "datatype": item["datatype"], "shape": [len(rows)]}
        | {"data": [instance[item["name"]] for instance in instances]}
        for item in PROTOCOL.metadata(())["inputs"]
    ]
    assert PROTOCOL.rows_of_v1(json.loads(json.dumps({"instances": instances}))) == rows
    assert PROTOCOL.rows_of_v2(json.loads(json.dumps({"inputs": inputs}))) == rows


def test_answers_become_bodies_of_both_protocols():
    answers = [
        Answer("id-1", 0.25, "act", "sha256:aa", "model", ""),
        Answer("id-2", 0.5, "act", "sha256:aa", "rules", "features_stale"),
    ]
    first = PROTOCOL.body_of_v1(answers, 12)
    assert first["deadline_left_ms"] == 12
    assert [prediction["prediction_id"] for prediction in first["predictions"]] == ["id-1", "id-2"]
    second = PROTOCOL.body_of_v2(answers, 12, "mine")
    assert (second["model_name"], second["model_version"], second["id"]) == ("trains", "sha256:aa", "mine")
    assert {output["name"]: output["datatype"] for output in second["outputs"]} == OUTPUTS
    assert next(o for o in second["outputs"] if o["name"] == "reason")["data"] == ["", "features_stale"]
    assert json.loads(json.dumps(second)) == second


@pytest.mark.parametrize("given_id", [7, [], {}, "x" * 257, True])
def test_an_id_that_is_no_short_text_is_refused(given_id):
    with pytest.raises(InputError, match="id: got"):
        request_id_of_v2({"id": given_id})


def test_an_id_is_optional():
    assert request_id_of_v2({}) == request_id_of_v2({"id": None}) == request_id_of_v2({"id": ""}) == ""
    assert request_id_of_v2({"id": "mine"}) == "mine"
