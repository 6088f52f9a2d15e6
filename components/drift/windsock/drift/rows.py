"""The only door to Arrow: the answers with their labels, and the release's training set, as arrays."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
from numpy.typing import NDArray
from windsock.contracts.errors import InputError
from windsock.contracts.rules import rules_probability
from windsock.contracts.use_case import UseCase
from windsock.drift.bins import Codes, Floats, Numbers
from windsock.drift.frame import EPOCH
from windsock.drift.traffic import Asked

FILE = "rows.parquet"
DAY_MICROSECONDS = 86_400_000_000
REQUEST = "request__"
LABELLED = "labelled"
COUNTED = ("counts", "event_time")
Flags = NDArray[np.bool_]
Rules = Callable[[Mapping[str, object]], float]


@dataclass(frozen=True)
class Answers:
    """Answers that count, a row each.

    `days` are days since 1970 (UTC) of the events, `rows` the model's inputs with NaN where none was scored, `label` is
    NaN where the outcome is not known or not due, `rules_act` what the rules would have decided. `asked` are the
    questions of each day, those that other releases answered among them.
    """

    days: Codes
    by_model: NDArray[np.bool_]
    rows: Floats
    probability: Numbers
    acted: NDArray[np.bool_]
    label: Numbers
    rules_act: Flags
    asked: Asked

    def __len__(self) -> int:
        return len(self.days)

    def where(self, mask: NDArray[np.bool_]) -> "Answers":
        """Some of the answers."""
        return Answers(
            self.days[mask],
            self.by_model[mask],
            self.rows[mask],
            self.probability[mask],
            self.acted[mask],
            self.label[mask],
            self.rules_act[mask],
            self.asked,
        )


def read_answers(labelled: Path, use_case: UseCase, release: str, columns: Sequence[str], rules: Rules) -> Answers:
    """The answers of one release that count: those it gave, and those that it should have given.

    Raises:
        InputError: the file is missing or holds other columns, or the release scored rows of another width.
    """
    table = _read(labelled / FILE, "labelled")
    try:
        table = table.filter(table["counts"].cast(pa.bool_()))
        asked = Asked.of(_days(table, "event_time"))
        ours = pc.or_kleene(pc.equal(table["release"], release), pc.equal(table["assigned_release"], release))
        table = table.filter(ours)
        known = np.asarray([state == LABELLED for state in table["state"].to_pylist()], dtype=bool)
        label = np.asarray(table["label"].cast(pa.float64()).to_numpy(), dtype=np.float64)
        by_model = [
            by == "model" and gave == release
            for by, gave in zip(table["answered_by"].to_pylist(), table["release"].to_pylist())
        ]
        return Answers(
            days=_days(table, "event_time"),
            by_model=np.asarray(by_model, dtype=bool),
            rows=_matrix(table["row"], by_model, len(columns)),
            probability=np.asarray(table["probability"].to_numpy(), dtype=np.float64),
            acted=np.asarray(table["decision"].to_numpy(zero_copy_only=False), dtype=bool),
            label=np.where(known, label, np.nan) if len(label) else label,
            rules_act=rules_act(rules, _requests(table, use_case, REQUEST), use_case),
            asked=asked,
        )
    except KeyError as error:
        raise InputError("labelled", str(error), "the columns that join_labels writes") from error


def rules_act(rules: Rules, requests: Sequence[dict[str, object]], use_case: UseCase) -> Flags:
    """What the rules decide."""
    threshold = use_case.costs.threshold
    return np.asarray([rules_probability(rules, request) >= threshold for request in requests], dtype=bool)


def _matrix(rows: Any, by_model: Sequence[bool], width: int) -> Floats:
    matrix = np.full((len(by_model), width), np.nan, dtype=np.float32)
    scored = np.asarray(by_model, dtype=bool)
    lists = rows.filter(pa.array(scored)).combine_chunks()
    widths = lists.value_lengths().to_numpy(zero_copy_only=False)
    other = widths[widths != width]
    if len(other):
        raise InputError("row of a record", f"{other[0]} values", f"{width}, as the release has columns")
    matrix[scored] = lists.flatten().to_numpy(zero_copy_only=False).reshape(len(lists), width)
    return matrix


@dataclass(frozen=True)
class Period:
    """All answers of a period that count, whichever release gave them, as `Answers` has them; `rows` may be None."""

    days: Codes
    answered_by: Sequence[str]
    acted: NDArray[np.bool_]
    rows: Sequence[Sequence[float] | None]
    label: Numbers
    requests: Sequence[dict[str, object]]

    def known(self) -> "Period":
        """Those whose outcome is known."""
        kept = np.flatnonzero(~np.isnan(self.label))
        answered_by, rows, requests = (
            [values[index] for index in kept] for values in (self.answered_by, self.rows, self.requests)
        )
        return Period(self.days[kept], answered_by, self.acted[kept], rows, self.label[kept], requests)


def read_period(labelled: Path, use_case: UseCase, since: datetime, until: datetime) -> Period:
    """The answers that count about what happened from `since` on and before `until`.

    Raises:
        InputError: the file is missing or holds other columns.
    """
    table = _read(labelled / FILE, "labelled")
    try:
        ours = [counts and since <= at < until for counts, at in zip(*(table[n].to_pylist() for n in COUNTED))]
        table = table.filter(pa.array(ours, pa.bool_()))
        known = np.asarray([state == LABELLED for state in table["state"].to_pylist()], dtype=bool)
        label = np.asarray(table["label"].cast(pa.float64()).to_numpy(), dtype=np.float64)
        return Period(
            days=_days(table, "event_time"),
            answered_by=table["answered_by"].to_pylist(),
            acted=np.asarray(table["decision"].to_numpy(zero_copy_only=False), dtype=bool),
            rows=table["row"].to_pylist(),
            label=np.where(known, label, np.nan) if len(label) else label,
            requests=_requests(table, use_case, REQUEST),
        )
    except KeyError as error:
        raise InputError("labelled", str(error), "the columns that join_labels writes") from error


@dataclass(frozen=True)
class History:
    """The release's training set, a row each, in order of days: what clean data looks like."""

    days: Codes
    rows: Floats
    label: Codes
    rules_act: Flags


def read_history(training_set: Path, use_case: UseCase, columns: Sequence[str], rules: Rules) -> History:
    """Reads the rows of a verified training set.

    Raises:
        InputError: the file is missing, or misses a column of the release.
    """
    table = _read(training_set / FILE, "training set")
    wanted = [*columns, use_case.label.column, *use_case.request.fields]
    missing = [name for name in wanted if name not in table.column_names]
    if missing or not table.num_rows:
        raise InputError("training set", missing or "no row", "rows with every column of the release")
    values = [table[name].to_numpy() for name in columns]
    return History(
        days=_days(table, use_case.request.event_time),
        rows=np.column_stack(values).astype(np.float32, copy=False),
        label=table[use_case.label.column].to_numpy().astype(np.int64),
        rules_act=rules_act(rules, _requests(table, use_case, ""), use_case),
    )


def _days(table: Any, name: str) -> Codes:
    microseconds = table[name].cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_numpy()
    return np.asarray(microseconds // DAY_MICROSECONDS, dtype=np.int64)


def _values(column: Any) -> list[Any]:
    """A column as Python values; times by their microseconds, since Arrow makes each of them by a slower library."""
    if not pa.types.is_timestamp(column.type):
        return list(column.to_pylist())
    microseconds = column.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_pylist()
    return [None if value is None else EPOCH + timedelta(microseconds=value) for value in microseconds]


def _requests(table: Any, use_case: UseCase, prefix: str) -> list[dict[str, object]]:
    fields = list(use_case.request.fields)
    columns = [_values(table[f"{prefix}{field}"]) for field in fields]
    return [dict(zip(fields, values)) for values in zip(*columns)]


def _read(path: Path, what: str) -> Any:
    if not path.is_file():
        raise InputError(what, str(path), "a file that exists")
    try:
        # Not by `read_table`: threads of its scanner may abort the process as it ends (apache/arrow 34314).
        return pq.ParquetFile(path, pre_buffer=False).read(use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise InputError(what, path.name, f"a Parquet file ({error})") from error
