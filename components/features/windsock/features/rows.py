"""The only door to Arrow's Parquet writer: the training rows, derived and laid out as the contract says."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
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
