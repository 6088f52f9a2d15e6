"""Alibi's online detector on the release's mistakes, a day or a row a step: `python tests/benchmarks/drift/online.py`.

Run it with the Python of `components/drift`. Days share their luck, as in `calibration.py`: the odds of a day's events
differ by 0.15, and with `alike` neighbouring days are alike (correlation 0.5). Streams of 84 days change with day 43.
"""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from windsock.contracts.drift_settings import Floors
from windsock.drift import policy
from windsock.drift.alibi import alarms_of_streams
from windsock.drift.calibrate import DAYS_A_MONTH, Plan, exact_interval
from windsock.drift.measures import DayMeans
from windsock.drift.monitor import excess_loss
from windsock.drift.online import Usual, taken, watch_days, windows_of

PLAN = Plan(window_days=7, persistence=2, block_days=14, stretches=1000)
RUN = DAYS_A_MONTH / policy.part_of_online(1.0)
WORLDS, ROW_WORLDS, DAYS, CHANGE, A_DAY = 30, 6, 84, 42, 714
FLOOR = Floors().loss
SEED = 7


@dataclass(frozen=True)
class Kind:
    """How a world differs from the usual one: days of history, rows a day of production, how alike neighbours are."""

    name: str
    history: int = 126
    a_day: int = A_DAY
    alike: float = 0.0


@dataclass
class Seen:
    """Windows with an alarm, floors aside and as judged, and the days from the change to the first alarm as judged."""

    aside: int = 0
    judged: int = 0
    windows: int = 0
    delays: list[int] = field(default_factory=list)
    streams: int = 0


KINDS = (
    Kind("126 days of history"),
    Kind("56 days", history=56),
    Kind("180 days", history=180),
    Kind("production of 200 rows a day", a_day=200),
    Kind("neighbouring days alike", alike=0.5),
)
Rows = tuple[np.ndarray, np.ndarray, np.ndarray]


def rows_of(random: np.random.Generator, count: int, kind: Kind, a_day: int, shift: float = 0.0) -> Rows:
    """The day, the score and the outcome of each row."""
    codes = np.repeat(np.arange(count), a_day)
    features = random.normal(size=(len(codes), 2)) + random.normal(scale=0.1, size=(count, 2))[codes] + shift
    luck = random.normal(size=count)
    for day in range(1, count):
        luck[day] = kind.alike * luck[day - 1] + np.sqrt(1 - kind.alike**2) * luck[day]
    score = 1 / (1 + np.exp(-(features[:, 0] + 0.5 * features[:, 1] - 1.2)))
    odds = np.log(score / (1 - score)) + 0.15 * luck[codes]
    return codes, score, (random.random(len(codes)) < 1 / (1 + np.exp(-odds))).astype(np.int64)


def flipped(random: np.random.Generator, rows: Rows, part: float) -> Rows:
    codes, score, label = rows
    return codes, score, np.where((random.random(len(label)) < part) & (codes >= CHANGE), 1 - label, label)


def moved(random: np.random.Generator, kind: Kind) -> Rows:
    before = rows_of(random, CHANGE, kind, kind.a_day)
    shift = float(random.choice([-1, 1]) * random.uniform(0.3, 0.7))
    after = rows_of(random, DAYS - CHANGE, kind, kind.a_day, shift)
    codes, score, label = (np.concatenate(pair) for pair in zip(before, after))
    codes[len(before[0]) :] += CHANGE
    return codes, score, label


def summed(rows: Rows) -> DayMeans:
    codes, score, label = rows
    return DayMeans.of(excess_loss(score, label)[:, None], codes, int(codes.max()) + 1)


def above_floor(days: DayMeans, day: int, base: float) -> bool:
    """Whether the seven days until this one lost more than the floor."""
    part = taken(days, np.arange(max(0, day - PLAN.window_days + 1), day + 1))
    return float(part.sums[:, 0].sum() / part.rows.sum()) - base > FLOOR


def streams(random: np.random.Generator, kind: Kind) -> dict[str, Callable[[], Rows]]:
    def clean() -> Rows:
        return rows_of(random, DAYS, kind, kind.a_day)

    return {
        "clean": clean,
        "features moved": lambda: moved(random, kind),
        "5 % flipped": lambda: flipped(random, clean(), 0.05),
        "10 % flipped": lambda: flipped(random, clean(), 0.1),
    }


def a_day_a_step(random: np.random.Generator, kind: Kind) -> None:
    seen: dict[str, Seen] = {}
    kept, spent = 0, []
    for _ in range(WORLDS):
        history = summed(rows_of(random, kind.history, kind, A_DAY))
        held_out = taken(history, np.arange(kind.history - 28, kind.history))
        base = float(held_out.sums.sum() / held_out.rows.sum())
        for name, make in streams(random, kind).items():
            days = summed(make())
            began = time.process_time()
            found = watch_days(history, days, base, PLAN, RUN, SEED)
            spent.append(time.process_time() - began)
            kept += found.kept and name == "clean"
            beyond = [found.kept and above_floor(days, day, found.base) for day in found.alarms]
            count(seen.setdefault(name, Seen()), found.alarms, beyond)
    tell(kind.name, seen)
    print(f"      self-test: budget kept in {kept} of {WORLDS} worlds; {np.median(spent):.2f} s of processor (median)")


def count(seen: Seen, alarms: Sequence[int], above: Sequence[bool]) -> None:
    judged = [day for day, matters in zip(alarms, above) if matters]
    seen.aside += len({day // PLAN.window_days for day in alarms})
    seen.judged += len({day // PLAN.window_days for day in judged})
    seen.windows += DAYS // PLAN.window_days
    seen.streams += 1
    seen.delays += [day + 1 - CHANGE for day in judged if day >= CHANGE][:1]


def tell(what: str, seen: dict[str, Seen]) -> None:
    clean = seen.pop("clean")
    parts = [
        f"{name} {part / clean.windows:.2%} ({low:.2%} to {high:.2%})"
        for name, part in (("floor and self-test aside", clean.aside), ("as judged", clean.judged))
        for low, high in [exact_interval(part, clean.windows)]
    ]
    print(f"  {what}: alarms a clean window, {', '.join(parts)} of {clean.windows}")
    for name, found in seen.items():
        days = f"after {np.median(found.delays):.0f} days (median)" if found.delays else ""
        low, high = exact_interval(len(found.delays), found.streams)
        fast = sum(delay <= PLAN.stretch_days for delay in found.delays)
        print(
            f"      {name}: {len(found.delays)} of {found.streams} ({low:.0%} to {high:.0%}) {days}, {fast} in 14 days"
        )


def looked_at_daily(random: np.random.Generator) -> None:
    """A run a day, each over its own last 84 days: how often does an alarm begin?"""
    kind, runs, begun, looks = KINDS[0], 56, 0, 0
    for _ in range(WORLDS):
        usual = Usual.of(summed(rows_of(random, kind.history, kind, A_DAY)))
        days = summed(rows_of(random, DAYS + runs, kind, A_DAY))
        bad = usual.standing(days, usual.mean) > usual.bad_from
        found = alarms_of_streams(
            usual.bad, [bad[day : day + DAYS] for day in range(runs)], RUN, windows_of(PLAN), SEED
        )
        on = np.asarray([bool(alarms) and alarms[-1] >= DAYS - PLAN.window_days for alarms in found])
        begun += int(on[0]) + int((on[1:] & ~on[:-1]).sum())
        looks += runs
    a_month = begun * DAYS_A_MONTH / looks
    print(f"  looked at daily, floor aside: {begun} alarms began in {looks} days, {a_month:.2f} a month")


def a_row_a_step(random: np.random.Generator, kept: int) -> None:
    """Plain mistakes of some rows of each day; the first rows of a day are as good as any."""
    seen: dict[str, Seen] = {}
    spent, kind = [], Kind("", a_day=kept)

    def mistakes(rows: Rows) -> np.ndarray:
        return np.asarray((rows[1] >= 0.25) != (rows[2] == 1))

    for _ in range(ROW_WORLDS):
        reference = mistakes(rows_of(random, 126, kind, kept))
        made = {name: mistakes(make()) for name, make in streams(random, kind).items()}
        began = time.process_time()
        windows = [PLAN.window_days * kept // 3, PLAN.window_days * kept]
        found = alarms_of_streams(reference, list(made.values()), RUN * kept, windows, SEED)
        spent.append((time.process_time() - began) / len(made))
        for name, alarms in zip(made, found):
            count(seen.setdefault(name, Seen()), [index // kept for index in alarms], [True] * len(alarms))
    tell(f"{kept} rows a day", seen)
    print(f"      {np.median(spent):.1f} s of processor a stream (median)")


def main() -> None:
    random = np.random.default_rng(20130703)
    print(f"A day a step: one alarm in {RUN:.0f} days wanted, {PLAN.window_days / RUN:.2%} a window")
    for kind in KINDS:
        a_day_a_step(random, kind)
    looked_at_daily(random)
    print(f"A row a step, plain mistakes: the same rate, {PLAN.window_days / RUN:.2%} a window")
    for kept in (5, 10):
        a_row_a_step(random, kept)


if __name__ == "__main__":
    sys.exit(main())
