"""Settings of the prediction record: how much is kept on the local disk, and how it is shipped."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class RecordSettings:
    """The local journal and its shipper.

    `capacity_mb` is allocated on the disk when the journal is made, and never exceeded. At most `group_rows` records go
    into one commit, at most `waiting_appends` answers wait for theirs. Every `ship_every_s` all that is committed is
    shipped, in batches of at most `batch_rows`; a shipped record is kept for `keep_shipped_s` more, space permitting.
    """

    capacity_mb: int = field(default=256, metadata={"low": 4, "high": 65536})
    group_rows: int = field(default=256, metadata={"low": 1, "high": 4096})
    waiting_appends: int = field(default=4096, metadata={"low": 1, "high": 1_000_000})
    ship_every_s: float = field(default=30.0, metadata={"low": 0.05, "high": 86_400})
    batch_rows: int = field(default=10_000, metadata={"low": 1, "high": 1_000_000})
    keep_shipped_s: float = field(default=0.0, metadata={"low": 0, "high": 31_536_000})
