"""The defects of `catalogue.sql`, and how one is made in a snapshot."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import duckdb
from windsock.contracts.artifact import Origin, new_artifact, open_artifact

AS_OF = "2013-03-01"
CREATED = {"flights": "published_at", "weather": "published_at", "outcomes": "reported_at"}
TABLES = tuple(CREATED)
HEADING = re.compile(r"^--- ([^:\n]+): (.+)$", re.MULTILINE)
MACROS = """
    set timezone = 'UTC';
    create macro day(t) as timezone('America/New_York', t)::date;
    create macro hour(t) as extract(hour from timezone('America/New_York', t));
    create macro on_day(t) as day(t) = date '2013-02-20';
    create macro since(t) as day(t) >= date '2013-02-14';
"""


@dataclass(frozen=True)
class Defect:
    """One defect: its kind, what happened, and the statements that make it happen in a snapshot."""

    kind: str
    story: str
    statements: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.story}"


def load_defects() -> tuple[Defect, ...]:
    """Reads the catalogue in its order."""
    text = Path(__file__).with_name("catalogue.sql").read_text(encoding="utf-8")
    found = list(HEADING.finditer(text))
    ends = [*(match.start() for match in found[1:]), len(text)]
    return tuple(Defect(m[1], m[2], text[m.end() : end].strip()) for m, end in zip(found, ends, strict=True))


def spoil(snapshot: Path, defect: Defect, into: Path) -> None:
    """Seals a copy of a snapshot with a defect in it; tables that the defect does not name keep their bytes."""
    good = open_artifact(snapshot, "snapshot")
    spoilt = [table for table in TABLES if re.search(rf"\b(update|into|from|table) {table}\b", defect.statements)]
    with duckdb.connect() as connection, new_artifact(into, "snapshot", good.origin, dict(good.details)) as directory:
        connection.execute(MACROS)
        for table in TABLES:
            connection.execute(f"create table {table} as from read_parquet('{snapshot / table}.parquet')")
        connection.execute(defect.statements)
        for table in TABLES:
            if table in spoilt:
                connection.execute(f"copy {table} to '{directory / table}.parquet' (format parquet, compression zstd)")
            else:
                shutil.copyfile(snapshot / f"{table}.parquet", directory / f"{table}.parquet")
        changed = [table for table in spoilt if _differs(connection, table, snapshot)]
        if not changed:
            raise AssertionError(f"the defect {defect} changes nothing")


def _differs(connection: duckdb.DuckDBPyConnection, table: str, snapshot: Path) -> bool:
    """Whether a table's columns or rows are others than in the snapshot."""
    good = f"read_parquet('{snapshot / table}.parquet')"
    if connection.sql(f"from {table}").types != connection.sql(f"from {good}").types:
        return True
    if connection.sql(f"from {table}").columns != connection.sql(f"from {good}").columns:
        return True
    added = connection.sql(f"from {table} except all from {good}")
    lost = connection.sql(f"from {good} except all from {table}")
    return bool(added.limit(1).fetchall() or lost.limit(1).fetchall())


def rewind(snapshot: Path, as_of: str, into: Path) -> None:
    """Seals what a snapshot held at an earlier midnight; the feed corrects nothing, so ingest took this."""
    origin = Origin("snapshot_data", f"{as_of}T00:00:00Z")
    with duckdb.connect() as connection, new_artifact(into, "snapshot", origin) as directory:
        connection.execute(MACROS)
        for table, created in CREATED.items():
            rows = f"from read_parquet('{snapshot / table}.parquet') where {created} < timestamptz '{as_of} 00:00:00Z'"
            connection.execute(f"copy ({rows}) to '{directory / table}.parquet' (format parquet, compression zstd)")


def same_rows(one: Path, other: Path) -> bool:
    """Whether two snapshots hold the same rows."""
    with duckdb.connect() as connection:
        pairs = [[f"read_parquet('{path / table}.parquet')" for path in (one, other)] for table in TABLES]
        queries = [f"from {a} except all from {b}" for pair in pairs for a, b in (pair, reversed(pair))]
        return not any(connection.sql(query).limit(1).fetchall() for query in queries)
