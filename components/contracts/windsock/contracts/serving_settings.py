"""Settings of serving: `[serving]` in `use_case.toml`. They are part of the release, so a canary carries its own."""

from dataclasses import dataclass, field

from windsock.contracts.errors import InputError
from windsock.contracts.record_settings import RecordSettings


@dataclass(frozen=True)
class Serving:
    """How long an answer may take, and how much is taken on at once.

    `deadline_ms` is what a caller waits when it says nothing, and the most it may ask for. `reserve_ms` of it is kept
    back: when that is all that is left, the model is given up and the rules answer.

    `features_ms` is the most one read of the feature store may take. After `breaker_failures` such reads in a row that
    were slow or failed, the store is left alone for `breaker_open_ms`, then tried with one read.

    `requests_at_once` bounds what is in work, and beyond it a request is shed with 429; `workers` is the number of
    threads that read features and score, and so the most reads of the store at once. `skew_s` is how far in the future
    a feature's time may lie, since clocks differ. `record` is the journal's own section.
    """

    deadline_ms: int = field(default=250, metadata={"low": 5, "high": 60_000})
    reserve_ms: int = field(default=25, metadata={"low": 1, "high": 10_000})
    features_ms: int = field(default=60, metadata={"low": 1, "high": 60_000})
    breaker_failures: int = field(default=5, metadata={"low": 1, "high": 1_000})
    breaker_open_ms: int = field(default=1_000, metadata={"low": 1, "high": 600_000})
    requests_at_once: int = field(default=256, metadata={"low": 1, "high": 100_000})
    workers: int = field(default=4, metadata={"low": 1, "high": 64})
    rows_at_most: int = field(default=64, metadata={"low": 1, "high": 256})
    body_bytes_at_most: int = field(default=262_144, metadata={"low": 1_024, "high": 67_108_864})
    skew_s: int = field(default=60, metadata={"low": 0, "high": 86_400})
    record: RecordSettings = field(default_factory=RecordSettings)

    def __post_init__(self) -> None:
        if self.reserve_ms >= self.deadline_ms:
            raise InputError("serving.reserve_ms", self.reserve_ms, f"less than deadline_ms, {self.deadline_ms}")
        if self.features_ms >= self.deadline_ms:
            raise InputError("serving.features_ms", self.features_ms, f"less than deadline_ms, {self.deadline_ms}")
        if self.rows_at_most > self.record.group_rows:
            limit = f"at most serving.record.group_rows, {self.record.group_rows}"
            raise InputError("serving.rows_at_most", self.rows_at_most, limit)
