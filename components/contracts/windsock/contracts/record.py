"""The prediction record: all that is needed to replay one answer, as bytes that are the same for the same answer."""

import json
import math
import secrets
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from urllib.parse import quote

from windsock.contracts.clock import format_time
from windsock.contracts.errors import InputError

FORMAT = 1
BODY_LIMIT_BYTES = 64 * 1024
TEXTS = (
    "prediction_id",
    "request_id",
    "release",
    "assigned_release",
    "role",
    "answered_by",
    "reason",
    "key",
)
NUMBERS = ("probability", "threshold", "deadline_s", "latency_s")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """One answer to one row of a request.

    `request` and `features` are what `derive` was given, `row` is what it made and what the model scored: NaN where a
    value was missing, empty when the rules answered without one. `feature_times` maps a view to the event time of the
    values that were used, None where nothing was found. `answered_by` is `model` or `rules`, `reason` the code that
    says why it was not the model, and `role` tells a `shadow` copy from the `primary` answer. `latency_s` runs from
    the request's arrival to the moment before the record is written.
    """

    prediction_id: str
    request_id: str
    release: str
    assigned_release: str
    role: str
    answered_by: str
    reason: str
    key: str
    event_time: datetime
    request: Mapping[str, object]
    features: Mapping[str, object]
    feature_times: Mapping[str, datetime | None]
    row: tuple[float, ...]
    probability: float
    threshold: float
    decision: bool
    predicted_at: datetime
    deadline_s: float
    latency_s: float

    def encode(self) -> bytes:
        """Canonical JSON in UTF-8: sorted keys, no spaces, floats in the shortest form that reads back the same.

        Raises:
            InputError: a value is no plain one, a string is no valid Unicode, or the whole is larger than 64 KiB.
        """
        self._check()
        fields: dict[str, object] = {
            "format": FORMAT,
            "prediction_id": self.prediction_id,
            "request_id": self.request_id,
            "release": self.release,
            "assigned_release": self.assigned_release,
            "role": self.role,
            "answered_by": self.answered_by,
            "reason": self.reason,
            "key": self.key,
            "event_time": format_time(self.event_time),
            "request": self.request,
            "features": self.features,
            "feature_times": {view: time and format_time(time) for view, time in self.feature_times.items()},
            "row": [None if value != value else value for value in self.row],
            "probability": self.probability,
            "threshold": self.threshold,
            "decision": self.decision,
            "predicted_at": format_time(self.predicted_at),
            "deadline_s": self.deadline_s,
            "latency_s": self.latency_s,
        }
        return _encode(fields)

    def _check(self) -> None:
        """Refuses what a column of a table cannot hold: one such record would keep its whole batch back."""
        for name in TEXTS:
            if type(getattr(self, name)) is not str:
                raise InputError(f"record {name}", getattr(self, name), "text")
        for name in NUMBERS:
            value = getattr(self, name)
            if type(value) is not float or not math.isfinite(value):
                raise InputError(f"record {name}", value, "a finite number")
        if type(self.decision) is not bool:
            raise InputError("record decision", self.decision, "true or false")

    @classmethod
    def decode(cls, body: bytes) -> Self:
        """The record that `encode` made these bytes of: equal in every value and type.

        Raises:
            InputError: the bytes are no record of this format.
        """
        try:
            fields = json.loads(body)
            if fields.pop("format") != FORMAT:
                raise InputError("record format", body[:80], f"format {FORMAT}")
            return cls(
                **{
                    **fields,
                    "event_time": datetime.fromisoformat(fields["event_time"]),
                    "predicted_at": datetime.fromisoformat(fields["predicted_at"]),
                    "request": {name: _revived(value) for name, value in fields["request"].items()},
                    "features": {name: _revived(value) for name, value in fields["features"].items()},
                    "feature_times": {
                        view: time and datetime.fromisoformat(time) for view, time in fields["feature_times"].items()
                    },
                    "row": tuple(math.nan if value is None else _revived(value) for value in fields["row"]),
                }
            )
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise InputError("record", body[:80], f"a prediction record of format {FORMAT} ({error})") from error


def new_prediction_id(at: datetime) -> str:
    """A new identifier that sorts by time: UUID version 7 with the microseconds in its first random bits.

    RFC 9562, section 5.7, and section 6.2, method 3, for the finer clock.
    """
    unix_ms, microseconds = divmod((at - EPOCH) // timedelta(microseconds=1), 1000)
    fraction = microseconds * 4096 // 1000
    value = (unix_ms << 80) | (7 << 76) | (fraction << 64) | (2 << 62) | secrets.randbits(62)
    return str(uuid.UUID(int=value))


def entity_key(values: Iterable[object]) -> str:
    """One name for the thing asked about: its key's values joined by `/`, what could be mistaken percent-encoded."""
    return "/".join(quote(_key_part(value), safe=":+") for value in values)


def _key_part(value: object) -> str:
    return format_time(value) if isinstance(value, datetime) else str(value)


def _tagged_time(value: object) -> dict[str, str]:
    """What JSON has no form for: a time is written with a tag, so that it reads back as a time."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return {"time": format_time(value)}
    raise InputError("record value", value, "text, a number, true, false, nothing or a time with a zone")


_to_json = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_tagged_time
).encode


def _encode(fields: dict[str, object]) -> bytes:
    try:
        try:
            text = _to_json(fields)
        except ValueError as error:
            if isinstance(error, InputError):
                raise
            text = _to_json(_tagged_floats(fields))  # Rare: a NaN or an infinity, which JSON has no form for.
        body = text.encode()
    except UnicodeEncodeError as error:
        raise InputError("record text", error.object[error.start : error.end], "valid Unicode") from error
    if len(body) > BODY_LIMIT_BYTES:
        raise InputError("record", f"{len(body)} bytes", f"at most {BODY_LIMIT_BYTES} bytes")
    return body


def _tagged_floats(value: object) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    if isinstance(value, Mapping):
        return {name: _tagged_floats(item) for name, item in value.items()}
    return [_tagged_floats(item) for item in value] if isinstance(value, list) else value


def _revived(value: Any) -> Any:
    if isinstance(value, dict):
        return float(value["float"]) if "float" in value else datetime.fromisoformat(value["time"])
    return value
