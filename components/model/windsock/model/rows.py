"""The training set's rows, as arrays for models and as mappings for the use case's own code. The only door to Arrow."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
from numpy.typing import NDArray
from windsock.contracts.errors import InputError
from windsock.contracts.use_case import UseCase

FILE = "rows.parquet"
RAW_FILE = "features.parquet"
ASKED_AT = "event_timestamp"
KNOWN_AT = "label_known_at"

Floats = NDArray[np.float32]
Masks = NDArray[np.bool_]


@dataclass(frozen=True)
class Rows:
    """Rows of a training set, by event time, then key; `raw` holds the features that they were made of."""

    table: Any
    use_case: UseCase
    raw: Any = None

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def where(self, mask: Masks) -> "Rows":
        """The rows for which `mask` is true."""
        kept = pa.array(mask)
        return Rows(self.table.filter(kept), self.use_case, None if self.raw is None else self.raw.filter(kept))

    def matrix(self, columns: Sequence[str]) -> Floats:
        """The model's inputs, float32, one row a row, columns in the order given; missing is NaN."""
        self._require(columns)
        values = [self.table[name].to_numpy() for name in columns]
        return np.column_stack(values).astype(np.float32, copy=False)

    def label(self) -> NDArray[np.int8]:
        """What came true: 1 where the event came, else 0."""
        name = self.use_case.label.column
        self._require([name])
        if self.table[name].null_count:
            raise InputError(
                f"training set column {name}", f"{self.table[name].null_count} nulls", "a label in every row"
            )
        values = self.table[name].to_numpy().astype(np.int8)
        if not np.isin(values, (0, 1)).all():
            raise InputError(f"training set column {name}", sorted(set(values.tolist()))[:5], "labels 0 and 1 only")
        return np.asarray(values)

    def microseconds(self, name: str) -> NDArray[np.int64]:
        """A time column as microseconds since 1970, UTC."""
        self._require([name])
        values = self.table[name].cast(pa.timestamp("us", tz="UTC")).cast(pa.int64())
        if values.null_count:
            raise InputError(f"training set column {name}", f"{values.null_count} nulls", "a time in every row")
        return np.asarray(values.to_numpy())

    def texts(self, name: str) -> list[str]:
        """A column's values as text; a missing one is empty."""
        self._require([name])
        return ["" if value is None else str(value) for value in self.table[name].to_pylist()]

    def requests(self) -> list[dict[str, object]]:
        """What a caller would have sent, a row each; times are aware, in UTC."""
        names = list(self.use_case.request.fields)
        self._require(names)
        rows: list[dict[str, object]] = self.table.select(names).to_pylist()
        return rows

    def features(self) -> list[dict[str, object]]:
        """The feature values that `derive` was given, by `view__feature`, a row each; what was missing is None.

        Raises:
            InputError: the training set was kept without them.
        """
        if self.raw is None:
            raise InputError("training set", RAW_FILE, "the raw features, to derive another model's inputs from")
        rows: list[dict[str, object]] = self.raw.to_pylist()
        return rows

    def _require(self, names: Sequence[str]) -> None:
        missing = [name for name in names if name not in self.table.column_names]
        if missing:
            raise InputError("training set", missing, "columns that the rows hold")


def read_rows(training_set: Path, use_case: UseCase) -> Rows:
    """Reads the rows of a verified training set.

    Raises:
        InputError: the file is missing, is no Parquet, or holds no row.
    """
    table = _read(training_set / FILE)
    raw = _read(training_set / RAW_FILE) if (training_set / RAW_FILE).is_file() else None
    if not table.num_rows:
        raise InputError("training set", FILE, "at least one row")
    if raw is not None and raw.num_rows != table.num_rows:
        raise InputError("training set", f"{raw.num_rows} rows in {RAW_FILE}", f"{table.num_rows} rows, as in {FILE}")
    return Rows(table, use_case, raw)


def _read(path: Path) -> Any:
    if not path.is_file():
        raise InputError("training set", str(path), "a file that exists")
    try:
        # Not by `read_table`: threads of its scanner may abort the process as it ends (apache/arrow 34314).
        return pq.ParquetFile(path, pre_buffer=False).read(use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise InputError("training set", path.name, f"a Parquet file ({error})") from error
