import pytest
from windsock.contracts.call import REASONS, Call, read_call
from windsock.contracts.errors import InputError

RELEASE = "sha256:" + "a" * 64


def test_a_plain_request_gets_the_default_terms():
    assert read_call({"host": "h"}, 250) == Call(250, fallback_reason="predictor_unavailable")


@pytest.mark.parametrize(
    "headers, expected_ms",
    [
        ({"x-windsock-deadline-ms": "100"}, 100),
        ({"x-windsock-deadline-ms": "9000"}, 250),
        ({"x-envoy-expected-rq-timeout-ms": "120"}, 120),
        ({"x-windsock-deadline-ms": "100", "x-envoy-expected-rq-timeout-ms": "80"}, 80),
        ({"x-windsock-deadline-ms": "80", "x-envoy-expected-rq-timeout-ms": "100"}, 80),
    ],
)
def test_the_smallest_deadline_counts(headers, expected_ms):
    assert read_call(headers, 250).deadline_ms == expected_ms


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5", "soon", "1e3", "9" * 10, "٣"])
def test_a_deadline_that_is_no_number_of_milliseconds_is_refused(text):
    with pytest.raises(InputError, match=r"x-windsock-deadline-ms: got .* expected whole milliseconds"):
        read_call({"x-windsock-deadline-ms": text}, 250)


@pytest.mark.parametrize(
    "headers, role",
    [
        ({"host": "a"}, "primary"),
        ({"host": "a-shadow"}, "shadow"),
        ({"host": "a-shadow:8080"}, "shadow"),
        ({"host": "a:8080", "x-windsock-role": "shadow"}, "shadow"),
        ({"x-windsock-role": "other"}, "primary"),
    ],
)
def test_a_mirrored_copy_is_known(headers, role):
    assert read_call(headers, 250).role == role


@pytest.mark.parametrize(
    "headers, reason",
    [
        ({}, "predictor_unavailable"),
        ({"x-envoy-attempt-count": "1"}, "predictor_unavailable"),
        ({"x-envoy-attempt-count": "2"}, "predictor_failed"),
        ({"x-windsock-fallback-reason": "features_down"}, "features_down"),
        ({"x-windsock-fallback-reason": "made_up"}, "predictor_unavailable"),
    ],
)
def test_the_reason_of_the_edge_is_from_a_closed_list(headers, reason):
    assert read_call(headers, 250).fallback_reason == reason
    assert reason in REASONS


def test_traces_of_another_form_are_dropped():
    headers = {"x-request-id": "a b", "x-windsock-assigned-release": "latest"}
    assert read_call(headers, 250) == read_call({}, 250)
    call = read_call({"x-request-id": "r-1", "x-windsock-assigned-release": RELEASE}, 250)
    assert (call.request_id, call.assigned_release) == ("r-1", RELEASE)
