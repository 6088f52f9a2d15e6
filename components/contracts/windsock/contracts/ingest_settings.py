"""Settings of the snapshot: `[ingest]` in `use_case.toml`."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Ingest:
    """Bounds on what is read: a delivered file larger than `max_file_megabytes` is refused before it is opened."""

    max_file_megabytes: int = field(default=256, metadata={"low": 1, "high": 1024})
