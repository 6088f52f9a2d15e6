"""The defects of `catalogue.sql`, and how one is made in a snapshot."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import duckdb
from windsock.contracts.artifact import new_artifact, open_artifact

AS_OF = "2013-03-01"
TABLES = ("flights", "weather", "outcomes")
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
