"""Settings of the snapshot: `[ingest]` in `use_case.toml`."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Ingest:
    """Bounds on what is read: a delivered file larger than `max_file_megabytes` is refused before it is opened.

    What is judged day by day is what happened in the last `recent_days` (0: all that was ever delivered); training
    takes all of it in any case. Nothing is delivered more than `ahead_days` before it happens.
    """

    max_file_megabytes: int = field(default=256, metadata={"low": 1, "high": 1024})
    recent_days: int = field(default=0, metadata={"low": 0, "high": 36_600})
    ahead_days: int = field(default=31, metadata={"low": 0, "high": 3_660})
