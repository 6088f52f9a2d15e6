"""The only door to Parquet: batches of records as tables, and back."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]
import pyarrow.json as pj  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
from windsock.contracts.errors import InputError
from windsock.contracts.record_chain import Sealed

SUFFIX = "parquet"
TIME = pa.timestamp("us", tz="UTC")
LINK = pa.schema(
    [
        ("writer", pa.string()),
        ("sequence", pa.int64()),
        ("previous", pa.binary()),
        ("digest", pa.binary()),
        ("body", pa.binary()),
    ]
)
# Taken from the body for those who query with SQL; the body alone is what was sealed.
COLUMNS = pa.schema(
    [
        ("prediction_id", pa.string()),
        ("request_id", pa.string()),
        ("release", pa.string()),
        ("assigned_release", pa.string()),
        ("role", pa.string()),
        ("answered_by", pa.string()),
        ("reason", pa.string()),
        ("key", pa.string()),
        ("event_time", TIME),
        ("predicted_at", TIME),
        ("probability", pa.float64()),
        ("threshold", pa.float64()),
        ("decision", pa.bool_()),
        ("deadline_s", pa.float64()),
        ("latency_s", pa.float64()),
    ]
)
NO_DIGEST = b""


def warm() -> None:
    """Has Arrow load what it loads with its first array: pandas, most of a second that no answer shall wait for."""
    pa.array([""])


def encode_parquet(links: Sequence[Sealed]) -> tuple[bytes, str, str]:
    """A Parquet file of whole records, and the first and last day (UTC) on which they were made."""
    try:
        columns = _columns([link.body for link in links])
        table = pa.table(
            [
                pa.array([link.writer for link in links], pa.string()),
                pa.array([link.sequence for link in links], pa.int64()),
                pa.array([link.previous for link in links], pa.binary()),
                pa.array([link.digest for link in links], pa.binary()),
                pa.array([link.body for link in links], pa.binary()),
                *columns.columns,
            ],
            schema=pa.schema([*LINK, *COLUMNS]),
        )
        days = pc.min_max(columns["predicted_at"]).as_py()
        out = pa.BufferOutputStream()
        pq.write_table(table, out, compression="zstd")
    except pa.ArrowException as error:
        raise InputError("records", f"{len(links)} of them", f"bodies that fit their columns ({error})") from error
    return out.getvalue().to_pybytes(), days["min"].date().isoformat(), days["max"].date().isoformat()


def decode_parquet(content: bytes) -> list[Sealed]:
    """The records of a Parquet file, as they are found; whether they are whole is the audit's to say.

    A record whose columns say something else than its body comes without its digest, and so counts as edited.

    Raises:
        InputError: the bytes are no such file.
    """
    try:
        table = pq.read_table(pa.BufferReader(content), schema=pa.schema([*LINK, *COLUMNS]), use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise InputError("records", f"{len(content)} bytes", f"a Parquet file of records ({error})") from error
    if any(table[name].null_count for name in LINK.names):
        raise InputError("records", "nothing", f"a value in each of {', '.join(LINK.names)}")
    links = [Sealed(*row) for row in zip(*(table[name].to_pylist() for name in LINK.names))]
    whole = [index for index, link in enumerate(links) if link.intact]
    for index in _contradicted(table.select(COLUMNS.names).take(whole), [links[index].body for index in whole]):
        link = links[whole[index]]
        links[whole[index]] = Sealed(link.writer, link.sequence, link.previous, NO_DIGEST, link.body)
    return links


def _columns(bodies: Sequence[bytes]) -> Any:
    """The columns of bodies, parsed outside of Python, so that no answer waits for it."""
    if not bodies:
        return COLUMNS.empty_table()
    return pj.read_json(
        pa.BufferReader(b"\n".join(bodies)),
        read_options=pj.ReadOptions(use_threads=False),
        parse_options=pj.ParseOptions(explicit_schema=COLUMNS, unexpected_field_behavior="ignore"),
    ).combine_chunks()


def _contradicted(columns: Any, bodies: Sequence[bytes]) -> list[int]:
    """The rows where a column differs from what the body says."""
    expected = _columns(bodies)
    if columns.equals(expected):
        return []
    return [row for row in range(len(bodies)) if not columns.slice(row, 1).equals(expected.slice(row, 1))]
