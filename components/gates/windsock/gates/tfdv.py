"""The only door to TensorFlow Data Validation: reviewed schema, statistics, anomalies and distances.

Read in its source and measured: an empty table has no anomaly at all unless a least number of examples is set; the
infinity norm of a numeric column is silently not measured; a data frame whose index is no plain range gets a column
more. So a schema without a least number is refused, numeric columns never get that norm, tables come as Arrow and not
as data frames, and rows in are held against rows profiled.
"""

import io
import logging
import os
import warnings
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from windsock.contracts.errors import InputError
from windsock.gates.policy import NUMBER, TEXT, TIME, TRUTH, WHOLE_NUMBER

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# While they are imported these libraries announce the end of Python releases, and miss notebooks and cloud storage that
# nobody asked for. Errors of an import are raised all the same.
logging.disable(logging.WARNING)
with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
    warnings.simplefilter("ignore")
    import pyarrow  # type: ignore[import-untyped]
    import pyarrow_hotfix  # type: ignore[import-untyped]  # noqa: F401  # disarms the code that a hostile file could run
    import tensorflow_data_validation as tfdv  # type: ignore[import-untyped]
    from google.protobuf import text_format  # type: ignore[import-untyped]
    from tensorflow_data_validation.statistics import stats_impl  # type: ignore[import-untyped]
    from tensorflow_metadata.proto.v0 import schema_pb2  # type: ignore[import-untyped]
    from tfx_bsl.arrow import table_util  # type: ignore[import-untyped]
logging.disable(logging.NOTSET)

FILE = "schema.pbtxt"
MOST_VALUES = 10_000


@dataclass(frozen=True)
class TableSchema:
    """The reviewed schema of one table: the kind of each column, and the least number of rows."""

    kinds: dict[str, str]
    least_rows: int
    constant: frozenset[str]
    message: Any


@dataclass(frozen=True)
class Profile:
    """TFDV's statistics of some rows of one table."""

    rows: int
    distinct: dict[str, int]
    message: Any


@dataclass(frozen=True)
class Anomaly:
    """What does not agree with the schema; `column` is empty where it concerns the table."""

    column: str
    message: str


def load_schema(directory: Path) -> dict[str, TableSchema]:
    """Reads `schema.pbtxt`: one Schema, of which each STRUCT feature is a table.

    Raises:
        InputError: the file is missing or no such schema, or a table has no least number of rows.
    """
    path = directory / FILE
    if not path.is_file():
        raise InputError("schema", str(path), "a file that exists")
    whole = schema_pb2.Schema()
    try:
        text_format.Parse(path.read_text(encoding="utf-8"), whole)
    except (UnicodeDecodeError, text_format.ParseError) as error:
        raise InputError("schema", str(path), f"a text Schema of TensorFlow Metadata ({error})") from error
    return {table.name: _table_schema(table, whole) for table in whole.feature}


def _table_schema(table: Any, whole: Any) -> TableSchema:
    if table.type != schema_pb2.STRUCT or not table.struct_domain.feature:
        raise InputError(f"schema: {table.name}", "a column", "a table: type STRUCT with a struct_domain")
    if table.presence.min_count < 1:
        raise InputError(f"schema: {table.name}", "no presence.min_count", "the least number of rows, at least 1")
    message = schema_pb2.Schema(feature=table.struct_domain.feature, string_domain=whole.string_domain)
    message.dataset_constraints.min_examples_count = table.presence.min_count
    single = {domain.name for domain in whole.string_domain if len(domain.value) == 1}
    constant = {feature.name for feature in message.feature if feature.domain in single}
    kinds = {feature.name: _kind(feature) for feature in message.feature}
    return TableSchema(kinds, table.presence.min_count, frozenset(constant), message)


def _kind(feature: Any) -> str:
    if feature.type == schema_pb2.BYTES:
        return TEXT
    if feature.HasField("time_domain"):
        return TIME
    if feature.HasField("bool_domain"):
        return TRUTH
    return NUMBER if feature.type == schema_pb2.FLOAT else WHOLE_NUMBER


def profile(table: pyarrow.Table) -> Profile:
    """TFDV's statistics of a table whose columns are text, whole numbers or numbers."""
    batches = table.combine_chunks().to_batches()
    batch = batches[0] if batches else pyarrow.RecordBatch.from_pydict(table.to_pydict(), schema=table.schema)
    options = tfdv.StatsOptions(num_top_values=MOST_VALUES, num_rank_histogram_buckets=MOST_VALUES)
    message = stats_impl.generate_statistics_in_memory(table_util.CanonicalizeRecordBatch(batch), options)
    statistics = message.datasets[0]
    distinct = {feature.path.step[0]: _distinct(feature) for feature in statistics.features}
    return Profile(statistics.num_examples, distinct, message)


def _distinct(feature: Any) -> int:
    """How many values a column has, as far as it matters: none, one, or more."""
    if feature.HasField("string_stats"):
        return int(feature.string_stats.unique)
    numbers = feature.num_stats
    if not numbers.common_stats.num_non_missing:
        return 0
    return 1 if numbers.min == numbers.max else 2


def anomalies(current: Profile, schema: TableSchema) -> list[Anomaly]:
    """What in the statistics does not agree with the reviewed schema."""
    found = tfdv.validate_statistics(current.message, schema.message)
    result = [
        Anomaly(info.path.step[0] if info.path.step else name, _sentence(info))
        for name, info in sorted(found.anomaly_info.items())
    ]
    if found.HasField("dataset_anomaly_info"):
        result.append(Anomaly("", _sentence(found.dataset_anomaly_info)))
    return result


def _sentence(info: Any) -> str:
    return "; ".join(f"{reason.short_description}: {reason.description}".rstrip(". ") for reason in info.reason)


def distances(current: Profile, reference: Profile, measures: Mapping[str, str]) -> dict[str, float]:
    """The distance of each column's distribution from the reference's, by TFDV's drift comparators.

    Args:
        current: the judged window.
        reference: what it is held against.
        measures: for each column, `jensen_shannon` or `l_infinity`.

    Returns:
        The distance of each column that could be measured; a column without values in either has none.
    """
    schema = tfdv.infer_schema(current.message)
    for feature in schema.feature:
        # A limit must be set for TFDV to measure at all; whether the distance refuses is for the policy to say.
        if measures.get(feature.name) == "jensen_shannon":
            feature.drift_comparator.jensen_shannon_divergence.threshold = 1
        elif measures.get(feature.name) == "l_infinity":
            feature.drift_comparator.infinity_norm.threshold = 1
    found = tfdv.validate_statistics(current.message, schema, previous_statistics=reference.message)
    return {
        info.path.step[0]: measurement.value
        for info in found.drift_skew_info
        for measurement in info.drift_measurements
    }
