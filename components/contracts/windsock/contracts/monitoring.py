"""What monitoring hands on: alerts, requests for a retraining, and what was known of both before a run."""

import hashlib
from dataclasses import asdict, dataclass, field
from pathlib import Path

from windsock.contracts.files import read_json, write_json
from windsock.contracts.settings import parse

REBUILT = "rebuilt.json"
KNOWN, ALERTS, REQUEST = "known.json", "alerts.json", "request.json"
DIGEST_CHARACTERS = 16
BY = ("drift", "schedule", "hand")


def short_digest(*parts: str) -> str:
    """A short name for some texts in this order."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:DIGEST_CHARACTERS]


@dataclass(frozen=True)
class Alert:
    """Something to look at, from `starts_at` until it is resolved at `ends_at` (empty while it lasts).

    `labels` identify it, `annotations` explain it. `episode_at` is when the trouble of this release began: the start of
    the earliest alert of an unbroken chain of alerts. `quiet_since` is the first look that found it within its bound
    since it was last refused (empty where none did): a look that cannot judge changes nothing.
    """

    labels: dict[str, str]
    starts_at: str
    episode_at: str
    ends_at: str = ""
    annotations: dict[str, str] = field(default_factory=dict)
    # The last field and with a default: entries of the history that were written before it was there are still read.
    quiet_since: str = ""

    @property
    def fingerprint(self) -> str:
        """Names the alert: the same for the same labels."""
        return short_digest(*(f"{name}={value}" for name, value in sorted(self.labels.items())))

    @property
    def firing(self) -> bool:
        """Whether it is not over."""
        return not self.ends_at

    @property
    def quiet(self) -> bool:
        """Whether it still fires though its check is within its bound again: it may come back."""
        return self.firing and bool(self.quiet_since)


@dataclass(frozen=True)
class Request:
    """One retraining that is asked for; the same trouble gives the same `request_id`.

    `outcome` says what became of it: empty while nobody knows, `proposed` when its candidate passed every gate,
    `refused` or `failed`, with the `result` in words.
    """

    request_id: str
    by: str = field(metadata={"choices": BY})
    as_of: str
    reason: str
    release: str
    episode_at: str = ""
    outcome: str = field(default="", metadata={"choices": ("", "proposed", "refused", "failed")})
    result: str = ""


@dataclass(frozen=True)
class Known:
    """What was known before a run: the alerts that were open, and every request that was made."""

    alerts: tuple[Alert, ...] = ()
    requests: tuple[Request, ...] = ()

    def write(self, directory: Path) -> None:
        """Writes `known.json`."""
        write_json(directory / KNOWN, asdict(self))

    @classmethod
    def read(cls, directory: Path) -> "Known":
        """Reads `known.json`."""
        return parse(cls, read_json(directory / KNOWN, KNOWN), KNOWN)


@dataclass(frozen=True)
class Raised:
    """What `raise_alerts` says: alerts that fire, and those that were open and are over."""

    as_of: str
    release: str
    alerts: tuple[Alert, ...] = ()

    def write(self, directory: Path) -> None:
        """Writes `alerts.json`."""
        write_json(directory / ALERTS, asdict(self))

    @classmethod
    def read(cls, directory: Path) -> "Raised":
        """Reads `alerts.json`."""
        return parse(cls, read_json(directory / ALERTS, ALERTS), ALERTS)


@dataclass(frozen=True)
class Decision:
    """What `request_retraining` says: a request, or none, and why."""

    why: str
    request: Request | None = None

    def write(self, directory: Path) -> None:
        """Writes `request.json`."""
        write_json(directory / REQUEST, asdict(self))

    @classmethod
    def read(cls, directory: Path) -> "Decision":
        """Reads `request.json`."""
        return parse(cls, read_json(directory / REQUEST, REQUEST), REQUEST)


@dataclass(frozen=True)
class Rebuilt:
    """What `rebuild_rows` found: of so many answers, how many differ a model column, with the first such answer each.

    `missing` counts values of views that were used by an answer and that the history does not have.
    """

    rows: int
    differing: dict[str, int]
    examples: dict[str, str] = field(default_factory=dict)
    missing: int = 0

    def write(self, directory: Path) -> None:
        """Writes `rebuilt.json`."""
        write_json(directory / REBUILT, asdict(self))

    @classmethod
    def read(cls, directory: Path) -> "Rebuilt":
        """Reads `rebuilt.json`."""
        return parse(cls, read_json(directory / REBUILT, REBUILT), REBUILT)
