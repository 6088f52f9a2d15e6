"""Settings of monitoring: `[drift]` in `use_case.toml`. What they mean for a reader of alarms is in its README."""

from dataclasses import dataclass, field

from windsock.contracts.errors import InputError


@dataclass(frozen=True)
class Floors:
    """The smallest change that matters, a measure each: less is never an alarm, however sure it is.

    `feature` is a Jensen-Shannon distance (0 to 1), as is `scores`; `share` a change of a share of answers; `loss` a
    rise of the Brier score; `calibration` the distance between forecast and observed rate; `auc` a loss of ranking;
    `skew` a share of answers whose model row is not the one that the history gives; `cost` a share of the cost that the
    release promised.
    """

    feature: float = field(default=0.07, metadata={"low": 1e-6, "high": 1})
    scores: float = field(default=0.1, metadata={"low": 1e-6, "high": 1})
    share: float = field(default=0.05, metadata={"low": 1e-6, "high": 1})
    loss: float = field(default=0.01, metadata={"low": 1e-6, "high": 1})
    calibration: float = field(default=0.05, metadata={"low": 1e-6, "high": 1})
    auc: float = field(default=0.05, metadata={"low": 1e-6, "high": 0.5})
    skew: float = field(default=0.01, metadata={"low": 1e-6, "high": 1})
    cost: float = field(default=0.1, metadata={"low": 1e-6, "high": 10})


@dataclass(frozen=True)
class Drift:
    """How often clean data may raise an alarm, and what is looked at.

    `alarms_a_month` is the budget of false alarms of all detectors together; every threshold is solved from it on the
    use case's own history, resampled in blocks of `block_days` (`bootstrap_windows` times). A window has `window_days`;
    only what lasts for `persistence` windows in a row raises an alarm; a window with fewer than `minimum_rows` is not
    judged. Answers of the last `history_days` are read.

    `dated_by` says when an answer was given: by its `record`, or, where past days are replayed, by its `event`.
    """

    alarms_a_month: float = field(default=1.0, metadata={"low": 1e-3, "high": 30})
    window_days: int = field(default=7, metadata={"low": 1, "high": 90})
    persistence: int = field(default=2, metadata={"low": 1, "high": 10})
    block_days: int = field(default=14, metadata={"low": 1, "high": 365})
    minimum_rows: int = field(default=500, metadata={"low": 50, "high": 10_000_000})
    bootstrap_windows: int = field(default=1000, metadata={"low": 200, "high": 20_000})
    history_days: int = field(default=84, metadata={"low": 1, "high": 3660})
    season_days: int = field(default=21, metadata={"low": 1, "high": 180})
    joint_rows: int = field(default=1000, metadata={"low": 100, "high": 20_000})
    dated_by: str = field(default="record", metadata={"choices": ("record", "event")})
    floors: Floors = field(default_factory=Floors)

    def __post_init__(self) -> None:
        needed = self.window_days * self.persistence
        if self.history_days < needed:
            raise InputError("drift.history_days", self.history_days, f"at least {needed}: persistence x window_days")
        if self.block_days < needed:
            raise InputError("drift.block_days", self.block_days, f"at least {needed}: persistence x window_days")
