import json

import pytest
from windsock.contracts.call import REASONS
from windsock.contracts.documents import answer_headers, documents
from windsock.contracts.errors import InputError
from windsock.contracts.protocol import Answer, Protocol
from windsock.contracts.rules import LAST_RESORT, rules_probability
from windsock.contracts.serving_settings import Serving
from windsock.contracts.settings import parse
from windsock.contracts.use_case import Request

REQUEST = Request(key=("a",), event_time="at", lead_time_minutes=0, fields={"a": "integer", "at": "timestamp"})


@pytest.mark.parametrize(
    "given, named",
    [
        ({"deadline_ms": 1}, "serving.deadline_ms"),
        ({"deadline_ms": 100, "reserve_ms": 100}, "serving.reserve_ms"),
        ({"deadline_ms": 50}, "serving.features_ms"),
        ({"deadline_ms": 1.5}, "serving.deadline_ms"),
        ({"workers": 0}, "serving.workers"),
        ({"rows_at_most": 257}, "serving.rows_at_most"),
        ({"rows_at_most": 17, "record": {"group_rows": 16}}, "serving.rows_at_most"),
        ({"skew_s": -1}, "serving.skew_s"),
        ({"requests_at_once": True}, "serving.requests_at_once"),
        ({"retries": 3}, "serving.retries"),
    ],
)
def test_a_bad_setting_is_refused_by_name(given, named):
    with pytest.raises(InputError) as refused:
        parse(Serving, given, "serving")
    assert refused.value.field == named


def test_the_defaults_hold_together():
    assert parse(Serving, {}, "serving") == Serving()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.1, 1.1, "x", None])
def test_rules_that_give_no_probability_still_answer(value):
    assert rules_probability(lambda _: value, {}) == LAST_RESORT


def test_rules_that_raise_still_answer():
    assert rules_probability(lambda row: row["nothing"], {}) == LAST_RESORT
    assert rules_probability(lambda _: 0.25, {}) == 0.25


def test_the_documents_are_plain_json_and_name_the_fields():
    pages = json.loads(json.dumps(documents(Protocol("m", REQUEST, 3), "sha256:aa")))
    body = pages["/openapi.json"]["paths"]["/v1/models/m:predict"]["post"]["requestBody"]
    instance = body["content"]["application/json"]["schema"]["properties"]["instances"]["items"]
    assert instance["required"] == ["a", "at"]
    assert [tensor["datatype"] for tensor in pages["/v2/models/m"]["inputs"]] == ["INT64", "BYTES"]
    assert pages["/v2/models/m/versions/sha256:aa"] == pages["/v2/models/m"]


def test_the_headers_tell_who_answered():
    answers = [
        Answer("1", 0.5, "act", "sha256:aa", "model", ""),
        Answer("2", 0.5, "act", "sha256:aa", "rules", REASONS[0]),
    ]
    assert answer_headers(answers)["x-windsock-answered-by"] == "mixed"
    assert answer_headers(answers)["x-windsock-reason"] == REASONS[0]
    assert answer_headers(answers[:1])["x-windsock-answered-by"] == "model"
