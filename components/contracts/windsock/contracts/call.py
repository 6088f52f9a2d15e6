"""What a request says about itself beside its body: how long it may take, and how it came here."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from windsock.contracts.errors import InputError

DEADLINE = "x-windsock-deadline-ms"
# Envoy's router says with this header how much of the try's time is left.
EDGE_DEADLINE = "x-envoy-expected-rq-timeout-ms"
ATTEMPT = "x-envoy-attempt-count"
ROLE = "x-windsock-role"
ASSIGNED_RELEASE = "x-windsock-assigned-release"
FALLBACK_REASON = "x-windsock-fallback-reason"
REQUEST_ID = "x-request-id"
# What Envoy's mirror appends to the host of a copy.
SHADOW_HOST = "-shadow"
REQUEST_ID_LIMIT = 128
_READ = {DEADLINE, EDGE_DEADLINE, ATTEMPT, ROLE, ASSIGNED_RELEASE, FALLBACK_REASON, REQUEST_ID}

# Every reason for which the rules answer. Metrics have one series each, so the list is closed.
FEATURE_REASONS = (
    "features_missing",
    "features_stale",
    "features_future",
    "features_invalid",
    "features_slow",
    "features_down",
    "features_open",
    "features_busy",
)
MODEL_REASONS = ("derive_failed", "model_slow", "model_failed", "model_invalid", "model_busy", "deadline")
SERVICE_REASONS = ("rules_release", "predictor_failed", "predictor_unavailable")
REASONS = (*FEATURE_REASONS, *MODEL_REASONS, *SERVICE_REASONS)


@dataclass(frozen=True, slots=True)
class Call:
    """One request's own terms.

    `deadline_ms` counts from its arrival. `role` is `primary`, or `shadow` for a copy whose answer nobody reads.
    `assigned_release` is the release that the edge's split chose, also when another one answers.
    """

    deadline_ms: int
    request_id: str = ""
    role: str = "primary"
    assigned_release: str = ""
    fallback_reason: str = ""


def _milliseconds(headers: Mapping[str, str], name: str, limit_ms: int) -> int:
    text = headers.get(name)
    if text is None:
        return limit_ms
    if not (text.isascii() and text.isdigit() and len(text) <= 9) or int(text) == 0:
        raise InputError(name, text, "whole milliseconds, at least 1")
    return min(int(text), limit_ms)


def _word(headers: Mapping[str, str], name: str, pattern: str) -> str:
    """A header's value if it has the form that is expected, else nothing: a trace is worth no refusal."""
    text = headers.get(name, "")
    return text if re.fullmatch(pattern, text) else ""


def read_call(headers: Mapping[str, str], deadline_ms: int, request_id: str = "") -> Call:
    """Reads a request's headers (names in lower case); `deadline_ms` is the default and the most that is granted.

    A `request_id` that the body gave counts before the header's.

    Raises:
        InputError: a deadline is no number of milliseconds.
    """
    if not headers.keys() & _READ:
        return Call(deadline_ms, request_id, _role(headers), fallback_reason=_fallback_reason(headers))
    left_ms = min(_milliseconds(headers, name, deadline_ms) for name in (DEADLINE, EDGE_DEADLINE))
    return Call(
        deadline_ms=left_ms,
        request_id=request_id or _word(headers, REQUEST_ID, rf"[!-~]{{1,{REQUEST_ID_LIMIT}}}"),
        role=_role(headers),
        assigned_release=_word(headers, ASSIGNED_RELEASE, r"sha256:[0-9a-f]{64}"),
        fallback_reason=_fallback_reason(headers),
    )


def _role(headers: Mapping[str, str]) -> str:
    copied = headers.get("host", "").partition(":")[0].endswith(SHADOW_HOST)
    return "shadow" if copied or headers.get(ROLE) == "shadow" else "primary"


def _fallback_reason(headers: Mapping[str, str]) -> str:
    """Why the edge came to the rules service; a count above one says that a predictor was tried before."""
    given = headers.get(FALLBACK_REASON, "")
    if given in REASONS:
        return given
    return "predictor_failed" if headers.get(ATTEMPT, "1") not in ("", "0", "1") else "predictor_unavailable"
