"""The prediction record: all that is needed to replay one answer, as bytes that are the same for the same answer."""

import json
import math
import secrets
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
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
LOWEST, HIGHEST = -math.inf, math.inf
ToJson = Callable[[Mapping[str, object]], bytes]
FromJson = Callable[[bytes], Any]
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

    def encode(self, to_json: "ToJson | None" = None) -> bytes:
        """JSON in UTF-8 with sorted keys; every value reads back as it was, to the bit.

        `to_json` is by default `standard_json`; a faster one may write a float in another form of the same value.

        Raises:
            InputError: a value is no plain one, a string is no valid Unicode, or the whole is larger than 64 KiB.
        """
        self._check()
        body = (to_json or standard_json)(
            {
                "format": FORMAT,
                "prediction_id": self.prediction_id,
                "request_id": self.request_id,
                "release": self.release,
                "assigned_release": self.assigned_release,
                "role": self.role,
                "answered_by": self.answered_by,
                "reason": self.reason,
                "key": self.key,
                "event_time": _time_text(self.event_time),
                "request": _tagged(self.request),
                "features": _tagged(self.features),
                "feature_times": {view: time and _time_text(time) for view, time in self.feature_times.items()},
                "row": [value if LOWEST < value < HIGHEST else _tagged_float(value) for value in self.row],
                "probability": self.probability,
                "threshold": self.threshold,
                "decision": self.decision,
                "predicted_at": _time_text(self.predicted_at),
                "deadline_s": self.deadline_s,
                "latency_s": self.latency_s,
            }
        )
        if len(body) > BODY_LIMIT_BYTES:
            raise InputError("record", f"{len(body)} bytes", f"at most {BODY_LIMIT_BYTES} bytes")
        return body

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
    def decode(cls, body: bytes, from_json: "FromJson" = json.loads) -> Self:
        """The record that `encode` made these bytes of: equal in every value and type.

        `from_json` may be a faster reader of JSON.

        Raises:
            InputError: the bytes are no record of this format.
        """
        try:
            fields = from_json(body)
            if fields.pop("format") != FORMAT:
                raise InputError("record format", body[:80], f"format {FORMAT}")
            fields["event_time"] = datetime.fromisoformat(fields["event_time"])
            fields["predicted_at"] = datetime.fromisoformat(fields["predicted_at"])
            fields["request"] = _revived_all(fields["request"])
            fields["features"] = _revived_all(fields["features"])
            fields["feature_times"] = {
                view: time and datetime.fromisoformat(time) for view, time in fields["feature_times"].items()
            }
            fields["row"] = _revived_row(fields["row"])
            return cls(**fields)
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
    return "/".join(map(_key_part, values))


# Keys are made of few values: airports, carriers, the hours of some weeks.
@lru_cache(maxsize=65_536, typed=True)
def _key_part(value: object) -> str:
    # Of a time's characters none can be mistaken.
    return _time_text(value) if isinstance(value, datetime) else quote(str(value), safe=":+")


def _time_text(time: datetime) -> str:
    """What `format_time` writes, at a third of the price for the times that are in UTC already."""
    return f"{time.isoformat()[:-6]}Z" if time.tzinfo is UTC else format_time(time)


def tagged_time(value: object) -> dict[str, str]:
    """What JSON has no form for: a time is written with a tag, so that it reads back as a time.

    Raises:
        InputError: the value is no time either.
    """
    if isinstance(value, datetime) and value.tzinfo is not None:
        return {"time": _time_text(value)}
    raise InputError("record value", value, "text, a number, true, false, nothing or a time with a zone")


_encode = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=tagged_time
).encode


def standard_json(fields: Mapping[str, object]) -> bytes:
    """JSON by the standard library.

    Raises:
        InputError: a value is no plain one, or a string is no valid Unicode.
    """
    try:
        return _encode(fields).encode()
    except UnicodeEncodeError as error:
        raise InputError("record text", error.object[error.start : error.end], "valid Unicode") from error


def _tagged(mapping: Mapping[str, object]) -> dict[str, object]:
    """The same values, NaN and the infinities as JSON can hold them."""
    return {
        name: _tagged_float(value) if type(value) is float and not LOWEST < value < HIGHEST else value
        for name, value in mapping.items()
    }


def _tagged_float(value: float) -> dict[str, str]:
    """NaN or an infinity, which JSON has no form for."""
    return {"float": str(value)}


def _revived_all(mapping: dict[str, Any]) -> dict[str, Any]:
    """Most values are what they were written as, and then so is the whole."""
    if dict not in map(type, mapping.values()):
        return mapping
    return {name: _revived(value) if type(value) is dict else value for name, value in mapping.items()}


def _revived_row(row: Sequence[Any]) -> tuple[Any, ...]:
    """The same for a model's row."""
    if dict not in map(type, row):
        return tuple(row)
    return tuple([_revived(one) if type(one) is dict else one for one in row])


def _revived(value: Mapping[str, str]) -> float | datetime:
    """What was written with a tag."""
    return float(value["float"]) if "float" in value else datetime.fromisoformat(value["time"])
