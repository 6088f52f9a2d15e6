"""Reads the records of a sink, Parquet or JSON lines."""

from collections.abc import Mapping

from windsock.contracts.journal.lines import SUFFIX as LINES
from windsock.contracts.journal.lines import decode_lines
from windsock.contracts.journal.reading import Reading
from windsock.contracts.journal.sinks import Sink
from windsock.contracts.record_chain import Head
from windsock.predictor.record.parquet import SUFFIX as PARQUET
from windsock.predictor.record.parquet import decode_parquet

DECODERS = {PARQUET: decode_parquet, LINES: decode_lines}


def read_records(sink: Sink, days: tuple[str, str] | None = None, heads: Mapping[str, Head] | None = None) -> Reading:
    """The records of a sink, or of some days; see `Reading`."""
    return Reading(sink, DECODERS, days, heads)
