"""The only door to Arrow's Parquet: training rows, derived and laid out as the contract says, and answers as given."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
from windsock.contracts.errors import InputError
from windsock.contracts.use_case import UseCase
from windsock.features.policy import LABEL_KNOWN_AT, Derive, model_rows

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TIMESTAMP = pa.timestamp("us", tz="UTC")


def _python_values(column: pa.ChunkedArray) -> list[Any]:
    """A column as Python values; times as aware UTC datetimes."""
    if not pa.types.is_timestamp(column.type):
        return list(column.to_pylist())
    microseconds = column.cast(TIMESTAMP).cast(pa.int64()).to_pylist()
    return [None if value is None else EPOCH + timedelta(microseconds=value) for value in microseconds]


def records_of(table: pa.Table, names: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    """The table's rows as mappings of the named columns."""
    for values in zip(*(_python_values(table.column(name)) for name in names), strict=True):
        yield dict(zip(names, values, strict=True))


def write_rows(path: Path, table: pa.Table, use_case: UseCase, derive: Derive, columns: Sequence[str]) -> int:
    """Writes request, times, model columns and label of joined rows; returns the number of positive labels."""
    fields, label = list(use_case.request.fields), use_case.label.column
    times = ["event_timestamp", LABEL_KNOWN_AT]
    features = [name for name in table.column_names if name not in {*fields, *times, label}]
    flat = model_rows(derive, len(columns), records_of(table, fields), records_of(table, features))
    matrix = np.frombuffer(flat, dtype=np.float32).reshape(-1, len(columns))
    given = [table.column(name) for name in fields + times]
    arrays = [column.cast(TIMESTAMP) if pa.types.is_timestamp(column.type) else column for column in given]
    arrays += [pa.array(matrix[:, index]) for index in range(len(columns))]
    labels = table.column(label).cast(pa.int8())
    rows = pa.table([*arrays, labels], names=[*fields, *times, *columns, label])
    pq.write_table(rows, path, compression="zstd", version="2.6")
    return int(np.asarray(labels).sum())


def read_served(path: Path, use_case: UseCase, release: str, since: datetime, at_most: int) -> pa.Table:
    """The answers that a release's model has given since a time, evenly thinned to `at_most`, in order of the file.

    Columns: the request's fields, `answered_at`, `at__<view>`, and the model's `row`.

    Raises:
        InputError: the file is not what `join_labels` writes.
    """
    fields, views = use_case.request.fields, use_case.views
    wanted = [*(f"request__{name}" for name in fields), "answered_at", *(f"at__{name}" for name in views), "row"]
    chosen = {"release": release, "answered_by": "model", "counts": True}
    try:
        # Not by `read_table`: threads of its scanner may abort the process as it ends (apache/arrow 34314).
        table = pq.ParquetFile(path, pre_buffer=False).read(columns=[*wanted, *chosen], use_threads=False)
        kept = pc.greater_equal(table["answered_at"], pa.scalar(since, table["answered_at"].type))
        for name, value in chosen.items():
            kept = pc.and_kleene(kept, pc.equal(table[name], value))
        table = table.filter(kept).select(wanted)
    except (pa.ArrowException, OSError, KeyError) as error:
        raise InputError("labelled", path.name, f"answers as join_labels writes them ({error})") from error
    table = table.rename_columns([name.removeprefix("request__") for name in wanted])
    step = max(1, -(-table.num_rows // at_most))
    return table.take(pa.array(range(0, table.num_rows, step), pa.int64()))


def rebuild(table: pa.Table, use_case: UseCase, derive: Derive, columns: Sequence[str]) -> np.ndarray:
    """The model rows that `derive` makes of requests and looked-up features, as 32-bit floats."""
    fields = list(use_case.request.fields)
    features = [name for name in table.column_names if name.partition("__")[0] in use_case.views]
    flat = model_rows(derive, len(columns), records_of(table, fields), records_of(table, features))
    return np.frombuffer(flat, dtype=np.float32).reshape(-1, len(columns))


def matrix_of(rows: pa.ChunkedArray, width: int) -> np.ndarray:
    """Rows of a list column as a matrix.

    Raises:
        InputError: a row has another width.
    """
    lists = rows.combine_chunks()
    flat = np.asarray(lists.flatten(), dtype=np.float32)
    if len(flat) != len(lists) * width:
        raise InputError("row of a record", f"{len(flat)} values in {len(lists)} rows", f"{width} in each")
    return flat.reshape(-1, width)
