"""How often monitoring cries wolf, and what it sees: `python tests/benchmarks/drift/calibration.py [TRAINING_SET]`.

Run it with the Python of `components/drift`. A world of 50 features whose days differ, so that a day's rows are no
independent sample; windows of 5,000 rows. With the directory of a training set, clean windows are also drawn from it.
"""

import sys
import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from windsock.contracts.drift_settings import Floors
from windsock.contracts.use_case import UseCase, load_use_case
from windsock.contracts.verdict import Outcome
from windsock.drift import policy
from windsock.drift.calibrate import Plan, clean_effects, draw, exact_interval, solve
from windsock.drift.frame import Frame
from windsock.drift.measures import DayMeans, Means, Ranking, Shapes, Wins, shapes
from windsock.drift.monitor import Subject, Watched, excess_loss, watch_outcomes
from windsock.drift.rows import Answers, History
from windsock.drift.traffic import Asked

ROOT = Path(__file__).parents[3]
FEATURES, DAYS, A_DAY = 50, 126, 714
PLAN = Plan(window_days=7, persistence=2, block_days=14, stretches=1000)
RATE = PLAN.rate(policy.part_of_budget(1.0))
WORLDS, POWER_TRIALS, TRIALS = 12, 200, 100
FLOORS = Floors()
FLOOR = FLOORS.feature
SEPARATE = DAYS // PLAN.stretch_days


@dataclass(frozen=True)
class Days:
    """Rows of consecutive days with their scores and outcomes; `codes` is the day of each row."""

    rows: np.ndarray
    codes: np.ndarray
    score: np.ndarray
    label: np.ndarray


def probability(rows: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-(rows[:, 0] + 0.5 * rows[:, 1] - 1.2)))


def days(random: np.random.Generator, count: int, shift: dict[int, float] | None = None) -> Days:
    """Days that differ by 0.1 standard deviations in every feature, and in how often the event comes."""
    codes = np.repeat(np.arange(count), A_DAY)
    rows = random.normal(size=(len(codes), FEATURES)) + random.normal(scale=0.1, size=(count, FEATURES))[codes]
    for column, distance in (shift or {}).items():
        rows[:, column] += distance
    odds = random.normal(scale=0.15, size=count)[codes]
    score = probability(rows)
    came = random.random(len(codes)) < 1 / (1 + np.exp(-(np.log(score / (1 - score)) + odds)))
    return Days(rows.astype(np.float32), codes, score, came.astype(np.int64))


def measures(past: Days, now: Days):
    """The feature, prediction and concept measures, of a past and of new days."""
    names = [f"f{index}" for index in range(past.rows.shape[1])]
    counts = int(past.codes.max()) + 1, int(now.codes.max()) + 1
    features, _ = shapes(names, FLOOR, (past.rows, past.codes, counts[0]), (now.rows, now.codes, counts[1]))
    scores, _ = shapes(
        ["scores"],
        FLOORS.scores,
        (past.score[:, None].astype(np.float32), past.codes, counts[0]),
        (now.score[:, None].astype(np.float32), now.codes, counts[1]),
    )
    then, new = (
        DayMeans.of(np.column_stack([excess_loss(one.score, one.label), one.label - one.score]), one.codes, count)
        for one, count in zip((past, now), counts)
    )
    means = Means(["loss", "calibration"], np.asarray([0.01, 0.05]), then, new, np.zeros(2), [True, False], np.ones(2))
    wins = [Wins.of(one.score, one.label, one.codes, count) for one, count in zip((past, now), counts)]
    base = float(wins[0].auc(np.ones((1, counts[0])))[0])
    return {
        "features (50)": features,
        "scores": scores,
        "loss, calibration": means,
        "ranking": Ranking(["auc"], np.asarray([0.05]), *wins, base),
    }


def told(what: str, count: float, size: int, goal: str) -> None:
    low, high = exact_interval(count, size)
    print(f"  {what:<46} {count / size:8.2%}  [{low:.2%}, {high:.2%}] of {size:<6} {goal}")


def budget(random: np.random.Generator) -> None:
    """Bounds solved on one stretch of days, tried on clean stretches drawn from days that they have never seen."""
    print(f"False alarms a window on clean days (budget {RATE:.2%} a family: 1 alarm a month in {policy.PARTS} parts)")
    alarms: dict[str, list[np.ndarray]] = {}
    for _ in range(WORLDS):
        for name, measure in measures(days(random, DAYS), days(random, DAYS)).items():
            size = PLAN.window_days * A_DAY
            clean = clean_effects(measure, draw(PLAN, DAYS, range(DAYS), random), size, random)
            fresh = measure.of_production(draw(PLAN, DAYS, range(DAYS), random).reshape(-1, DAYS))
            fresh = np.asarray(fresh).reshape(PLAN.stretches, PLAN.persistence, -1)
            for kind, floors in (("floors aside", np.zeros(len(measure.floors))), ("as judged", measure.floors)):
                found = solve(clean, floors, RATE, SEPARATE, isinstance(measure, Shapes)).alarms(fresh).any(axis=1)
                alarms.setdefault(f"{name}, {kind}", []).append(found)
    for name, found in alarms.items():
        rates = np.asarray([one.mean() for one in found])
        spread = 2.201 * rates.std(ddof=1) / np.sqrt(len(rates))  # Student's t for 12 worlds.
        low, high = max(0.0, rates.mean() - spread), rates.mean() + spread
        total = sum(map(len, found))
        print(f"  {name:<46} {rates.mean():8.2%}  [{low:.2%}, {high:.2%}] of {total:,} in {len(rates)} worlds")


def power(random: np.random.Generator) -> None:
    """One of 50 features moves by 0.25 standard deviations: an alarm within two windows of 5,000 rows?"""
    print("\nOne of 50 features shifted, two windows of 5,000 rows: alarms for that feature")
    past = days(random, DAYS)
    window = PLAN.window_days * PLAN.persistence
    for shift in (0.1, 0.15, 0.2, 0.25, 0.3):
        seen = 0
        trials = POWER_TRIALS if shift == 0.25 else POWER_TRIALS // 4
        threshold = None
        for _ in range(trials):
            features = measures_of_features(past, days(random, window, {3: shift}))
            if threshold is None:
                weights = draw(PLAN, DAYS, range(DAYS), random)
                clean = clean_effects(features, weights, PLAN.window_days * A_DAY, random)
                threshold = solve(clean, features.floors, RATE, SEPARATE, alike=True)
            windows = np.kron(np.eye(PLAN.persistence), np.ones(PLAN.window_days))
            seen += bool(threshold.alarms(features.of_production(windows)[None])[0, 3])
        told(f"shift {shift} standard deviations", seen, trials, "goal >= 95 % at 0.25" if shift == 0.25 else "")


def rules_act(count: int, use_case: UseCase) -> np.ndarray:
    """Rules that know nothing say 0.2 of everything."""
    return np.full(count, use_case.costs.threshold <= 0.2)


def measures_of_features(past: Days, now: Days):
    names = [f"f{index}" for index in range(FEATURES)]
    count = int(now.codes.max()) + 1
    return shapes(names, FLOOR, (past.rows, past.codes, DAYS), (now.rows, now.codes, count))[0]


def asks(random: np.random.Generator) -> None:
    """What whole outcomes ask for: clean days, features that move while the concept stays, labels that flip."""
    print("\nRetraining asked for, by outcomes of two windows of 5,000 rows")
    use_case = load_use_case(ROOT / "tests" / "journeys" / "other_use_case")
    past = days(random, DAYS)
    wins = Wins.of(past.score, past.label, past.codes, DAYS)
    held_out = np.ones(len(past.codes))
    subject = Subject(use_case, (), use_case.costs.threshold, {}, past.score, wins, (), held_out)
    history = History(past.codes, past.rows, past.label, rules_act(len(past.codes), use_case))
    as_of = datetime(1970, 1, 15, tzinfo=UTC)
    frame = Frame.until(as_of, PLAN.window_days, 14)

    def share(what: str, make: Callable[[], Days], goal: str) -> None:
        asked = 0
        for _ in range(TRIALS):
            now = make()
            acted = now.score >= subject.threshold
            rows = np.empty((len(now.codes), 0), dtype=np.float32)
            by_model = np.ones(len(now.codes), dtype=bool)
            label, rules = now.label.astype(float), rules_act(len(rows), use_case)
            answers = Answers(now.codes, by_model, rows, now.score, acted, label, rules, Asked.of(now.codes))
            watched = Watched()
            watch_outcomes(watched, subject, history, answers, frame)
            asked += policy.ask(watched.findings) is policy.Ask.RETRAIN
        told(what, asked, TRIALS, goal)

    def moved() -> Days:
        return days(random, 14, {0: float(random.uniform(-0.7, 0.7)), 3: float(random.uniform(-1, 1))})

    def flipped(part: float) -> Days:
        now = days(random, 14)
        flip = random.random(len(now.label)) < part
        return Days(now.rows, now.codes, now.score, np.where(flip, 1 - now.label, now.label))

    share("clean days", lambda: days(random, 14), "")
    share("features moved, the concept did not", moved, "goal <= 5 %")
    for part in (0.05, 0.1):
        share(f"{part:.0%} of labels flipped", lambda part=part: flipped(part), "goal 100 %" if part >= 0.1 else "")


def own_history(directory: Path, random: np.random.Generator) -> None:
    """Clean block-bootstrap windows of a real training set: every other block solves, the blocks between are tried."""
    settings = tomllib.loads((ROOT / "feature_repo" / "use_case.toml").read_text())
    table = pq.read_table(directory / "rows.parquet")
    left_out = {*settings["request"]["fields"], "event_timestamp", "label_known_at", settings["label"]["column"]}
    names = [name for name in table.column_names if name not in left_out]
    rows = np.column_stack([table[name].to_numpy() for name in names]).astype(np.float32)
    at = table[settings["request"]["event_time"]].cast("int64").to_numpy() // 86_400_000_000
    _, codes = np.unique(at, return_inverse=True)
    count = int(codes.max()) + 1
    measure, _ = shapes(names, FLOOR, (rows, codes, count), (rows, codes, count))
    length = PLAN.window_days * PLAN.persistence
    print(f"\nA real training set: {len(rows):,} rows of {count} days, {len(names)} features, blocks of {length} days")
    blocks = list(range(0, count - length + 1, length))
    alarms: dict[str, list[bool]] = {"floors aside": [], "as judged": []}
    size = len(rows) / count * PLAN.window_days
    for left in blocks:
        starts = [day for day in range(count - length + 1) if abs(day - left) >= length]
        clean = clean_effects(measure, draw(PLAN, count, starts, random), size, random)
        one = clean_effects(measure, draw(Plan(7, 2, 14, 1), count, [left], random), size, random)
        for kind, floors in (("floors aside", np.zeros(len(names))), ("as judged", measure.floors)):
            alarms[kind].append(bool(solve(clean, floors, RATE, len(blocks) - 1, alike=True).alarms(one).any()))
    for kind, found in alarms.items():
        told(f"each block by bounds of all others, {kind}", sum(found), len(found), f"budget {RATE:.2%}")


def main() -> None:
    began = time.perf_counter()
    random = np.random.default_rng(20130701)
    budget(random)
    power(random)
    asks(random)
    if len(sys.argv) > 1:
        own_history(Path(sys.argv[1]), random)
    print(f"\n{time.perf_counter() - began:.0f} s; {Outcome.REFUSED.value} findings count as alarms")


if __name__ == "__main__":
    main()
