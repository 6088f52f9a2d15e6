"""The join of `build_training_set` against an oracle that knows neither DuckDB nor Feast."""

import math
import random
from datetime import timedelta

import pyarrow.parquet as pq
import pytest
from kiosks import at, write_data, write_use_case
from windsock.features import history
from windsock.features.build_training_set import build

QUESTIONS = 1_000
# Few different minutes, so that equal times, corrections and the very edges of validity are the rule.
MINUTES = [*range(0, 400, 20)]


def random_history(chance):
    """Facts with late-created rows and corrections, and kiosks that are asked about in between."""
    facts = {}
    for kiosk in (f"k{number}" for number in range(25)):
        for street in (None, 1, 2):
            for _ in range(chance.choice([0, 1, 2, 5, 12])):
                seen = at(chance.choice(MINUTES))
                told = seen + timedelta(minutes=chance.choice([-20, 0, 0, 20, 60, 120, 240]))
                amount = chance.choice([None, float(chance.randrange(100))])
                kind = chance.choice([None, str(chance.randrange(9))])
                facts[kiosk, street, seen, told] = (kiosk, street, amount, kind, seen, told)
    plans = {}
    while len(plans) < QUESTIONS:
        kiosk, street = f"k{chance.randrange(30)}", chance.choice([1, 2, None])
        opens = at(30 + chance.choice(MINUTES)) + timedelta(seconds=chance.randrange(40) - 20)
        plans[kiosk, opens] = (kiosk, street, opens, 1.5, at(-60))
        opens = at(30 + chance.choice(MINUTES))
        plans[kiosk, opens] = (kiosk, street, opens, 1.5, at(-60))
    plans = list(plans.values())
    sales = [(kiosk, opens, chance.random() < 0.3, opens) for kiosk, _, opens, _, _ in plans]
    return plans, sales, list(facts.values())


def known_then(facts, kiosk, street, asked, valid):
    """The newest valid fact that was known; of two of the same time the one that was told last."""
    known = [
        fact for fact in facts
        if fact[0] == kiosk and fact[1] == street
        and fact[5] <= asked and fact[4] <= asked <= fact[4] + valid
    ]  # fmt: skip
    return max(known, key=lambda fact: (fact[4], fact[5]), default=None)


def expected_row(facts, plan):
    """The model row that the kiosks' `derive.py` makes of what was known half an hour before the kiosk opened."""
    kiosk, street, opens, _, _ = plan
    asked = opens - timedelta(minutes=30)
    stock = known_then(facts, kiosk, None, asked, timedelta(hours=2))
    weather = known_then(facts, kiosk, street, asked, timedelta(hours=1)) if street is not None else None
    amount = stock[2] if stock else None
    rain = weather[2] if weather else None
    values = (amount, rain, None if rain is None else rain > 50, weather[3] if weather else None)
    return (float(opens.hour), *(math.nan if value is None else float(value) for value in values))


@pytest.mark.parametrize("seed", range(4))
def test_every_row_is_what_was_known_then(tmp_path, monkeypatch, seed):
    """Four times a thousand questions or more, joined in parts of a size that splits equal times."""
    plans, sales, facts = random_history(random.Random(seed))
    monkeypatch.setattr(history, "QUESTIONS", (10_000, 300, 77, 1_000)[seed])
    use_case = write_use_case(tmp_path / "use_case")
    data = write_data(tmp_path / "data", plans=plans, sales=sales, facts=facts)
    details = build(use_case, data, tmp_path, at(10_000))
    rows = pq.read_table(tmp_path / "rows.parquet").to_pylist()
    assert details["rows"] == len(rows) == len(plans) >= QUESTIONS
    asked = {(plan[0], plan[2]): plan for plan in plans}
    for row in rows:
        expected = expected_row(facts, asked[row["kiosk"], row["opens_at"]])
        found = tuple(row[name] for name in ("hour", "amount", "rain", "wet", "kind"))
        assert found == pytest.approx(expected, nan_ok=True, abs=0), row
