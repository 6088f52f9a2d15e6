"""On no day of a year are recent data too few for a window: clocks go back, and what was enough in summer is not."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from windsock.contracts.use_case import load_use_case
from windsock.gates.validate_data import make_gate
from windsock.gates.windows import Span, windows

ROOT = Path(__file__).parents[2]
FIRST = datetime(2013, 5, 1, tzinfo=UTC)


@pytest.mark.parametrize("table", ["flights", "weather", "outcomes"])
@pytest.mark.parametrize("hour", [0, 5, 23])
def test_recent_data_hold_a_window_and_its_reference_on_every_day_of_a_year(table, hour):
    use_case = load_use_case(ROOT / "feature_repo")
    policy, without = make_gate(use_case, ROOT / "feature_repo", FIRST).policy, []
    for number in range(365):
        as_of = FIRST + timedelta(days=number, hours=hour)
        since = (as_of - timedelta(days=use_case.ingest.recent_days)).date()
        gates = policy.for_recent(since).gates
        settings = gates.tables[table]
        over = (as_of - timedelta(hours=settings.complete_after_hours)).astimezone(ZoneInfo(gates.time_zone)).date()
        span = Span(datetime.fromisoformat(settings.starts_on).date(), over - timedelta(days=1))
        if not windows(span, gates):
            without.append(str(as_of))
    assert without == []
