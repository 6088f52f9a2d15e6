"""The use case as settings: what is asked, on which tables, at which cost, and how strict the gates are."""

import math
import tomllib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from windsock.contracts.cost import Costs
from windsock.contracts.drift_settings import Drift
from windsock.contracts.errors import InputError
from windsock.contracts.gate_settings import Gates
from windsock.contracts.ingest_settings import Ingest
from windsock.contracts.model_settings import Evaluation, Split, Training
from windsock.contracts.monitoring_settings import Alerts, Retraining
from windsock.contracts.rollout_settings import Rollout
from windsock.contracts.serving_settings import Serving
from windsock.contracts.settings import check_name, parse

FILE = "use_case.toml"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FOR_EVER_DAYS = 100_000
# No time zone is further west of UTC: there a day ends so many hours later.
WEST_HOURS = 12
FIELD_TYPES = ("string", "integer", "number", "timestamp")


@dataclass(frozen=True)
class Request:
    """What a caller sends to ask the question about one thing.

    `fields` maps a name to its type, `key` names the fields that identify the thing, `event_time` the field that holds
    when it happens. The question is asked `lead_time_minutes` before that: nothing later may be known.
    """

    key: tuple[str, ...]
    event_time: str
    lead_time_minutes: int = field(metadata={"low": 0})
    fields: dict[str, str]

    def __post_init__(self) -> None:
        for name, kind in self.fields.items():
            check_name(name, "request.fields")
            if kind not in FIELD_TYPES:
                raise InputError(f"request.fields.{name}", kind, f"one of {', '.join(FIELD_TYPES)}")
        if not self.key:
            raise InputError("request.key", self.key, "at least one field")
        for name in (*self.key, self.event_time):
            if name not in self.fields:
                raise InputError("request", name, f"one of the request's fields: {', '.join(self.fields)}")
        if self.fields[self.event_time] != "timestamp":
            raise InputError(f"request.fields.{self.event_time}", self.fields[self.event_time], "'timestamp'")


@dataclass(frozen=True)
class Table:
    """One table of the landing zone.

    `key` identifies a row, `event_time` is when the row's fact happens, `created_time` when it became known. Of two
    rows with one key the later created one is the correction. `format` is that of the delivered files, one a day.
    """

    key: tuple[str, ...]
    event_time: str
    created_time: str
    format: str = field(default="csv", metadata={"choices": ("csv", "parquet")})

    def __post_init__(self) -> None:
        if not self.key:
            raise InputError("tables: key", self.key, "at least one column")
        for name in (*self.key, self.event_time, self.created_time):
            check_name(name, "tables: column")


@dataclass(frozen=True)
class View:
    """How a feature view may be used when serving.

    A value older than `fresh_for_s` seconds is stale. Without a fresh value of a `required` view the rules answer;
    of another one the feature is missing, as it was in training.

    A row of the view is made of facts that happened at most `looks_back_days` before it; 0: of whatever age. Who brings
    a store up to date day by day then reads that much of the past, and not all of it.
    """

    fresh_for_s: int = field(metadata={"low": 1})
    required: bool = True
    looks_back_days: int = field(default=0, metadata={"low": 0, "high": 3660})


@dataclass(frozen=True)
class Label:
    """What came true: the label's column in `labels.sql`, the table that delivers it, and how long it takes at most."""

    column: str
    table: str
    mature_after_hours: int = field(metadata={"low": 0})


@dataclass(frozen=True)
class UseCase:
    """All of `use_case.toml`."""

    name: str
    question: str
    owner: str
    request: Request
    tables: dict[str, Table]
    label: Label
    views: dict[str, View]
    costs: Costs
    gates: Gates
    split: Split
    training: Training
    evaluation: Evaluation
    serving: Serving = field(default_factory=Serving)
    ingest: Ingest = field(default_factory=Ingest)
    rollout: Rollout = field(default_factory=Rollout)
    drift: Drift = field(default_factory=Drift)
    alerts: Alerts = field(default_factory=Alerts)
    retraining: Retraining = field(default_factory=Retraining)

    def facts_from(self, since: datetime) -> datetime | None:
        """From when on facts must have happened to matter for values that are valid at `since` or later; None: any."""
        views = self.views.values()
        if not all(view.looks_back_days for view in views):
            return None
        reach = [timedelta(days=view.looks_back_days, seconds=view.fresh_for_s) for view in views]
        return since - max(reach, default=timedelta(0))

    def __post_init__(self) -> None:
        if not self.tables:
            raise InputError("use_case.tables", self.tables, "at least one table")
        for name in (*self.tables, *self.views, self.label.column):
            check_name(name, "use_case: table, view or label")
        if self.label.table not in self.tables:
            raise InputError("label.table", self.label.table, f"one of {', '.join(self.tables)}")
        for name in self.alerts.sources:
            if name not in self.tables and name not in self.views:
                raise InputError("alerts.sources", name, f"a table or a view: {', '.join((*self.tables, *self.views))}")
        self.gates.check_tables(self.tables)
        self.evaluation.check_fields(self.request.fields)

    def check_recent_days(self) -> None:
        """What is judged day by day must hold all that a day's work goes by.

        A use case that is read for anything else is not checked: a release that serves must go on to serve.

        Raises:
            InputError: `ingest.recent_days` are too few; says how many are needed.
        """
        gates, watched = self.gates, max(self.drift.history_days, self.drift.window_days * self.drift.persistence)
        reach = self.facts_from(EPOCH - timedelta(days=watched))
        views = (EPOCH - reach).days if reach else FOR_EVER_DAYS
        # The first day may be a part of one in the gates' time zone; the newest is complete as late as its table says.
        late = max((table.complete_after_hours for table in gates.tables.values()), default=0)
        incomplete = 1 + math.ceil((late + WEST_HOURS) / 24)
        needed = max(views, max(gates.window_days + gates.reference_days, gates.around_days * 2) + incomplete)
        if 0 < self.ingest.recent_days < needed:
            expected = f"0, or at least {needed}: windows with their reference, and what views look back on"
            raise InputError("ingest.recent_days", self.ingest.recent_days, expected)


def load_use_case(directory: Path) -> UseCase:
    """Reads `use_case.toml` of a feature repository.

    Raises:
        InputError: the file is missing, no TOML, or holds a setting that is unknown, missing or out of range.
    """
    path = directory / FILE
    if not path.is_file():
        raise InputError("use case", str(path), f"a directory with {FILE}")
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError("use case", str(path), f"valid TOML in UTF-8 ({error})") from error
    return parse(UseCase, given, "use_case")
