"""The only door to Apache Arrow: delivered bytes become tables, and rows become Parquet files."""

import csv as stdlib_csv
import io
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import accumulate, chain
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]
from pyarrow import compute, csv, parquet
from windsock.contracts.errors import InputError
from windsock.contracts.record_chain import Sealed
from windsock.ingest.policy import Kind

ROW_GROUP_ROWS = 131_072
TIMESTAMP = pa.timestamp("us", tz="UTC")
STORED_AS = {Kind.STRING: pa.string(), Kind.INTEGER: pa.int64(), Kind.NUMBER: pa.float64(), Kind.TIMESTAMP: TIMESTAMP}
# A time with a zone and one without are both written as UTC without naming it: that needs no time zone database.
READ_AS = {**STORED_AS, Kind.TIMESTAMP: pa.timestamp("us")}

LINK = ("writer", "sequence", "previous", "digest", "body")
FIELDS = {"string": pa.string(), "integer": pa.int64(), "number": pa.float64(), "timestamp": TIMESTAMP}
# What the column begins with that says of when a view's values were.
AT = "at__"
# What holds the model's inputs.
ROW = "row"
LABELLED = {
    **dict.fromkeys(("event_time", "predicted_at", "answered_at", "label_known_at"), TIMESTAMP),
    **dict.fromkeys(("probability", "threshold"), pa.float64()),
    **dict.fromkeys(("decision", "counts"), pa.bool_()),
    ROW: pa.list_(pa.float32()),
    "label": pa.int8(),
}


@dataclass(frozen=True)
class Decoded:
    """A file's rows, an Arrow table of text. `kinds` says a column's type where the file does; CSV files never do."""

    names: tuple[str, ...]
    kinds: tuple[Kind | None, ...]
    rows: Any

    @property
    def row_count(self) -> int:
        """How many rows there are."""
        return int(self.rows.num_rows)


def decode(content: bytes, suffix: str, name: str, max_bytes: int) -> Decoded:
    """Reads the bytes of one delivery; `name` is the file's name in messages.

    Raises:
        InputError: the bytes are no such file.
    """
    return _decode_csv(content, name) if suffix == "csv" else _decode_parquet(content, name, max_bytes)


def _decode_csv(content: bytes, name: str) -> Decoded:
    """All columns as text, an empty field as a missing value; the header may be the only line."""
    names = _header(content, name)
    options = {
        # One block a file: rows keep their order, and a long line is no error.
        "read_options": csv.ReadOptions(use_threads=False, block_size=len(content) + 1),
        "convert_options": csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            strings_can_be_null=True,
            null_values=[""],
        ),
    }
    try:
        rows = csv.read_csv(pa.py_buffer(content), **options)
    except pa.ArrowInvalid as error:
        raise InputError(name, str(error), f"rows of {len(names)} fields, as the header has") from error
    if tuple(rows.column_names) != names or any(kind != pa.string() for kind in rows.schema.types):
        raise InputError(name, rows.column_names, f"one header line with the columns {', '.join(names)}")
    return Decoded(names, (None,) * len(names), rows)


def _header(content: bytes, name: str) -> tuple[str, ...]:
    """The column names of a CSV file, whose bytes must be UTF-8 to the end."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        found = f"byte 0x{content[error.start]:02x} at offset {error.start}, line {line}"
        raise InputError(name, found, f"text in UTF-8 ({error.reason})") from error
    names = tuple(next(stdlib_csv.reader(io.StringIO(text, newline="")), ()))
    if not names:
        raise InputError(name, "no header", "a line with the names of the columns")
    return names


def _decode_parquet(content: bytes, name: str, max_bytes: int) -> Decoded:
    """All columns as the text of one of the four types of a snapshot; what fits none of them is text anyway."""
    try:
        file = parquet.ParquetFile(pa.py_buffer(content))
        metadata = file.metadata
        size = sum(metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))
        if size > max_bytes:
            expected = f"at most {max_bytes} bytes; the bound is ingest.max_file_megabytes"
            raise InputError(name, f"{size} bytes when unpacked", expected)
        table = file.read(use_threads=False)
        table.validate(full=True)
    except (pa.ArrowException, OSError) as error:
        raise InputError(name, str(error), "a Parquet file that can be read") from error
    columns = [_text_and_kind(column) for column in table.columns]
    rows = pa.table([column for column, _ in columns], names=table.column_names)
    return Decoded(tuple(table.column_names), tuple(kind for _, kind in columns), rows)


def _text_and_kind(column: Any) -> tuple[Any, Kind | None]:
    """A column's values as text that reads back to the same values, and its type; a column of nulls has none."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = _kind(column.type)
    try:
        if kind is not None:
            column = column.cast(options=compute.CastOptions(READ_AS[kind], allow_time_truncate=True))
        return column.cast(pa.string()), kind
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        texts = [None if value is None else str(value) for value in column.to_pylist()]
        return pa.chunked_array([texts], pa.string()), Kind.STRING


def _kind(delivered: Any) -> Kind | None:
    if pa.types.is_null(delivered):
        return None
    if pa.types.is_integer(delivered):
        return Kind.INTEGER
    if pa.types.is_floating(delivered) or pa.types.is_decimal(delivered):
        return Kind.NUMBER
    if pa.types.is_timestamp(delivered) or pa.types.is_date(delivered):
        return Kind.TIMESTAMP
    return Kind.STRING


def with_places(decoded: Decoded, names: Sequence[str], place: int, day: date) -> Any:
    """The rows under other names, each with its file's number (`place`) and day, and its row number, from 1."""
    count = decoded.row_count
    places = [
        pa.repeat(pa.scalar(place, pa.int32()), count),
        pa.array(range(1, count + 1), pa.int32()),
        pa.repeat(pa.scalar(day, pa.date32()), count),
    ]
    return pa.table([*places, *decoded.rows.columns], names=["place", "row", "day", *names])


def concatenate(tables: Sequence[Any]) -> Any:
    """One table of all rows; a column that some of them have not is null there."""
    return pa.concat_tables(tables, promote_options="default")


def write_parquet(path: Path, names: Sequence[str], kinds: Sequence[Kind], batches: Iterable[Any]) -> int:
    """Writes record batches under the given column names and types; the same rows are the same bytes.

    Row groups are cut at fixed row numbers, however the batches come. Returns the number of rows.
    """
    schema = pa.schema([pa.field(name, STORED_AS[kind]) for name, kind in zip(names, kinds, strict=True)])
    count = 0
    with parquet.ParquetWriter(path, schema, compression="zstd", compression_level=3) as writer:
        for rows in _row_groups(schema, batches):
            writer.write_table(rows, row_group_size=ROW_GROUP_ROWS)
            count += rows.num_rows
    return count


def _row_groups(schema: Any, batches: Iterable[Any]) -> Iterator[Any]:
    waiting = schema.empty_table()
    for batch in batches:
        columns = [column.cast(kind) for column, kind in zip(batch.columns, schema.types, strict=True)]
        waiting = pa.concat_tables([waiting, pa.Table.from_arrays(columns, schema=schema)])
        while waiting.num_rows >= ROW_GROUP_ROWS:
            yield waiting.slice(0, ROW_GROUP_ROWS).combine_chunks()
            waiting = waiting.slice(ROW_GROUP_ROWS)
    if waiting.num_rows:
        yield waiting.combine_chunks()


def decode_records(content: bytes) -> list[Sealed]:
    """The prediction records of a batch; whether they are whole is the audit's to say.

    Raises:
        InputError: the bytes are no such file.
    """
    try:
        # Not by `read_table`: threads of its scanner may abort the process as it ends (apache/arrow 34314).
        file = parquet.ParquetFile(pa.BufferReader(content), pre_buffer=False)
        table = file.read(columns=list(LINK), use_threads=False)
        return list(map(Sealed._make, zip(*(table[name].to_pylist() for name in LINK), strict=True)))
    except (pa.ArrowException, OSError, KeyError) as error:
        raise InputError("records", f"{len(content)} bytes", f"a Parquet file of records ({error})") from error


def write_labelled(path: Path, columns: Mapping[str, Sequence[Any]], fields: Mapping[str, str]) -> None:
    """Writes answers with their labels; `fields` are the request's, by their type. The same rows are the same bytes."""
    kinds = {**LABELLED, **{f"request__{name}": FIELDS[kind] for name, kind in fields.items()}}
    kinds |= {name: TIMESTAMP for name in columns if name.startswith(AT)}
    arrays = {name: _column(name, values, kinds.get(name, pa.string())) for name, values in columns.items()}
    parquet.write_table(pa.table(arrays), path, compression="zstd", row_group_size=ROW_GROUP_ROWS)


def _column(name: str, values: Sequence[Any], kind: Any) -> Any:
    """One column of answers; a value of another type is refused under the column's name."""
    try:
        return _lists(values) if name == ROW else pa.array(values, kind)
    except (pa.ArrowInvalid, TypeError) as error:  # Arrow's own for a wrong type is one of these.
        asked = name.startswith("request__")
        source = "as use_case.toml describes it" if asked else "as the predictor records it"
        raise InputError(f"records: {name}", str(error), f"{kind} in every row, {source}") from error


def _lists(rows: Sequence[Sequence[float]]) -> Any:
    """Lists of 32-bit floats, by the bytes of all numbers in a row: Arrow would look at each of them as an object."""
    ends = pa.array(accumulate(map(len, rows), initial=0), pa.int32())
    numbers = array("f", chain.from_iterable(rows))
    values = pa.Array.from_buffers(pa.float32(), len(numbers), [None, pa.py_buffer(numbers)])
    return pa.ListArray.from_arrays(ends, values, type=LABELLED[ROW])
