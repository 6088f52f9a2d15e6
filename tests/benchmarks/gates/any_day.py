"""How often clean data are refused when they are judged on any day, and how near each check comes to its limit.

    components/gates/.venv/bin/python -m tests.benchmarks.gates.any_day SNAPSHOT [--every-days 7] [--since 2013-02-15]

SNAPSHOT is what `snapshot_data` wrote as of the end of the year. For each day the tables are cut to what was known by
then and go through the whole gate of `feature_repo`. The limits were calibrated at the ends of twelve months; a day in
between has neighbours on one side only.
"""

import argparse
import tempfile
import time
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
from windsock.contracts.use_case import load_use_case
from windsock.contracts.verdict import Outcome
from windsock.gates.duck import Tables
from windsock.gates.validate_data import make_gate

ROOT = Path(__file__).parents[3]
FEATURE_REPO = ROOT / "feature_repo"


def cut(snapshot: Path, into: Path, as_of: datetime) -> None:
    """The tables as known at a time."""
    for name, table in load_use_case(FEATURE_REPO).tables.items():
        query = f"select * from '{snapshot / name}.parquet' where {table.created_time} <= '{as_of.isoformat()}'"
        duckdb.execute(f"set timezone = 'UTC'; copy ({query}) to '{into / name}.parquet' (format parquet)")


def main() -> None:
    """A line a day, then the checks that refused, and by how much each exceeded its limit at most."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("snapshot", type=Path)
    parser.add_argument("--every-days", type=int, default=7)
    parser.add_argument("--since", type=datetime.fromisoformat, default=datetime(2013, 2, 15))
    given = parser.parse_args()
    use_case, at, last = load_use_case(FEATURE_REPO), given.since.replace(tzinfo=UTC), datetime(2014, 1, 1, tzinfo=UTC)
    refusals: Counter[str] = Counter()
    furthest: dict[str, tuple[float, str]] = defaultdict(lambda: (0.0, ""))
    days = refused = 0
    while at <= last:
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as scratch:
            cut(given.snapshot, Path(scratch), at)
            gate = make_gate(use_case, FEATURE_REPO, at)
            with Tables(Path(scratch), use_case.tables, use_case.gates.time_zone, at) as tables:
                findings = [finding for table in gate.judge(tables).values() for finding in table.findings]
        against = [finding for finding in findings if finding.outcome is Outcome.REFUSED]
        for finding in findings:
            if finding.effect is not None and finding.threshold:
                share = finding.effect / finding.threshold
                furthest[finding.check] = max(furthest[finding.check], (share, f"{at:%m-%d} {finding.message}"))
        refusals.update(finding.check for finding in against)
        days, refused = days + 1, refused + bool(against)
        names = ", ".join(f"{finding.check} {finding.effect:.3g}/{finding.threshold:.3g}" for finding in against)
        print(f"{at:%Y-%m-%d} {time.monotonic() - began:5.1f} s  {names}", flush=True)
        at += timedelta(days=given.every_days)
    print(f"\nrefused on {refused} of {days} days")
    for check, number in refusals.most_common():
        share, words = furthest[check]
        print(f"  {check:<48} {number:3}  at most {share:.2f} times the limit: {words}")


if __name__ == "__main__":
    main()
