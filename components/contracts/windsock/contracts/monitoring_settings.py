"""Settings of alerts and of retraining: `[alerts]` and `[retraining]` in `use_case.toml`."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from windsock.contracts.errors import InputError


@dataclass(frozen=True)
class Source:
    """Who is asked when columns look strange: the `owner` of the table or view behind them.

    `columns` are names of model columns, where `*` stands for anything.
    """

    owner: str
    columns: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.owner.strip():
            raise InputError("alerts.sources.owner", self.owner, "who answers for the table or view")
        if not self.columns:
            raise InputError("alerts.sources.columns", self.columns, "at least one column")


@dataclass(frozen=True)
class Alerts:
    """Where alerts go, when monitoring is overdue, and when an alert is over.

    `alertmanager` is the address of an Alertmanager (v2 API), or empty: then alerts are in a file and on the terminal
    only. A monitoring run is due every `every_hours`, and missed when it is `late_hours` late. An alert on the model is
    over once its check has passed for `quiet_days` (0: at once), since what comes and goes would be told each time.
    `sources` say which table or view stands behind which columns.
    """

    alertmanager: str = ""
    every_hours: float = field(default=24.0, metadata={"low": 1, "high": 8784})
    late_hours: float = field(default=6.0, metadata={"low": 0, "high": 8784})
    quiet_days: int = field(default=7, metadata={"low": 0, "high": 365})
    sources: dict[str, Source] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_address(self.alertmanager, "alerts.alertmanager")


def check_address(address: str, where: str) -> str:
    """The address of a server, or nothing.

    Raises:
        InputError: it is neither empty nor the address of a web server.
    """
    parts = urlsplit(address)
    if address and (parts.scheme not in ("http", "https") or not parts.netloc or parts.query):
        raise InputError(where, address, "nothing, or http://HOST:PORT or https://HOST/PATH")
    return address


@dataclass(frozen=True)
class Retraining:
    """When a retraining is asked for, and how often at most.

    With `on_drift` by harm that was shown on outcomes, and by drift without shown harm that lasts for `lasting_days`
    (0: never); by schedule `every_days` after the last request or the release itself (0: never). After any request
    nothing but a person asks again for `cool_down_days`, and nobody more than `runs_a_week` times in seven days.
    """

    on_drift: bool = True
    lasting_days: int = field(default=28, metadata={"low": 0, "high": 3660})
    every_days: int = field(default=0, metadata={"low": 0, "high": 3660})
    cool_down_days: int = field(default=7, metadata={"low": 0, "high": 365})
    runs_a_week: int = field(default=2, metadata={"low": 1, "high": 100})

    def __post_init__(self) -> None:
        if 0 < self.every_days < self.cool_down_days:
            raise InputError(
                "retraining.every_days", self.every_days, f"0, or at least {self.cool_down_days}: cool_down_days"
            )
