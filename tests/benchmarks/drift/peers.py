"""Ours, Evidently, Alibi Detect alone, NannyML and river on the same streams: `python tests/benchmarks/drift/peers.py`.

Run it with the Python of `components/drift`; every other tool runs in its own locked environment below `peers/`, as its
documentation uses it by default. A month is 30/7 windows. A number of worlds may be given: `peers.py 4`.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
from calibration import A_DAY, DAYS, FEATURES, Days, days
from windsock.contracts.drift_settings import Drift
from windsock.contracts.use_case import load_use_case
from windsock.drift import policy
from windsock.drift.alibi import univariate
from windsock.drift.calibrate import DAYS_A_MONTH, Plan, exact_interval
from windsock.drift.frame import EPOCH
from windsock.drift.joint import clean_distances, joint
from windsock.drift.measures import Wins
from windsock.drift.monitor import Subject, Watched, watch
from windsock.drift.online import watch_days
from windsock.drift.rows import Answers, History
from windsock.drift.traffic import Asked

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
WORLDS, WINDOWS, CHANGE, WINDOW_DAYS = 8, 12, 4, 7
A_WINDOW = WINDOW_DAYS * A_DAY
STREAMS = ("clean", "shifted", "benign", "flipped")
PEERS = ("evidently", "nannyml", "river")
USE_CASE = load_use_case(ROOT / "tests" / "journeys" / "other_use_case")
# Whether a detector raised an alarm in each window, by stream, a row a world.
Flags = Mapping[str, list[list[bool]]]


def save(directory: Path, name: str, stream: Days) -> None:
    np.save(directory / f"{name}.rows.npy", stream.rows)
    acted = stream.score >= USE_CASE.costs.threshold
    np.save(directory / f"{name}.outcomes.npy", np.column_stack([stream.score, stream.label, acted]))


def draw_world(directory: Path, random: np.random.Generator) -> None:
    """A reference and four streams of twelve windows; three of them change with the fifth window.

    `shifted`: one feature, which the model does not look at, moves by 0.25 standard deviations. `benign`: what it does
    look at moves, and outcomes keep to its scores. `flipped`: a tenth of the labels is the other one.
    """
    directory.mkdir()
    before, after = CHANGE * WINDOW_DAYS, (WINDOWS - CHANGE) * WINDOW_DAYS
    save(directory, "reference", days(random, DAYS))
    clean = days(random, before + after)
    save(directory, "clean", clean)
    late = clean.codes >= before
    rows = clean.rows.copy()
    rows[late, 3] += 0.25
    save(directory, "shifted", replace(clean, rows=rows))
    sign = float(random.choice([-1, 1]))
    parts = days(random, before), days(random, after, {0: sign * float(random.uniform(0.3, 0.7)), 3: sign * 0.5})
    together = [np.concatenate([getattr(part, name) for part in parts]) for name in ("rows", "score", "label")]
    save(directory, "benign", Days(together[0], clean.codes, together[1], together[2]))
    flip = late & (random.random(len(late)) < 0.1)
    save(directory, "flipped", replace(clean, label=np.where(flip, 1 - clean.label, clean.label)))


def loaded(directory: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    return np.load(directory / f"{name}.rows.npy"), np.load(directory / f"{name}.outcomes.npy")


def lasting(beyond: np.ndarray, persistence: int) -> np.ndarray:
    """Whether each of the last windows was beyond its bound: [windows, checks] to [windows]."""
    found = np.zeros(len(beyond), dtype=bool)
    for index in range(persistence - 1, len(beyond)):
        found[index] = beyond[index - persistence + 1 : index + 1].all(axis=0).any()
    return found


def bets(watched: Watched) -> np.ndarray:
    """Whether the bet that the release is dearer than the rules was won by the end of each window."""
    won = np.asarray(watched.wealth) >= -np.log(watched.error_rate)
    return np.asarray([won[: (index + 1) * WINDOW_DAYS].any() for index in range(WINDOWS)])


def day_by_day(watched: Watched, settings: Drift, seed: int) -> np.ndarray:
    """Whether the online detector's alarm counted at the end of each window."""
    plan, means = Plan.of(settings), watched.families["concept"].measure.parts[0]
    run_length = DAYS_A_MONTH / policy.part_of_online(settings.alarms_a_month)
    found = watch_days(means.history, means.production, float(means.base[0]), plan, run_length, seed)
    alarms = np.bincount([day // WINDOW_DAYS for day in found.alarms], minlength=WINDOWS) > 0
    lost = watched.families["concept"].effects[:, 0] + float(means.base[0]) - found.base
    return alarms & (lost > settings.floors.loss) & found.kept


def ours(world: Path, stream: str) -> dict[str, list[bool]]:
    """What the product would have said at the end of each window: its bounds depend on the history alone."""
    (past, then), (rows, now) = loaded(world, "reference"), loaded(world, stream)
    settings = replace(Drift(), history_days=WINDOWS * WINDOW_DAYS)
    use_case = replace(USE_CASE, drift=settings, label=replace(USE_CASE.label, mature_after_hours=0))
    names = [f"f{index}" for index in range(FEATURES)]
    held_out = (np.repeat(np.arange(DAYS), A_DAY) >= DAYS - use_case.split.evaluation_days).astype(float)
    codes, label = np.repeat(np.arange(DAYS), A_DAY), then[:, 1].astype(np.int64)
    threshold, rate = use_case.costs.threshold, Plan.of(settings).rate(policy.part_of_budget(settings.alarms_a_month))
    clean = clean_distances(past, codes, settings, rate, use_case.training.seed)
    wins = Wins.of(then[:, 0], label, codes, DAYS)
    subject = Subject(use_case, names, threshold, {}, then[:, 0], wins, clean, held_out)
    # Rules that know nothing say 0.2 of everything.
    history = History(codes, past, label, np.full(len(past), threshold <= 0.2))
    day = DAYS + np.repeat(np.arange(WINDOWS * WINDOW_DAYS), A_DAY)
    by_model = np.ones(len(rows), dtype=bool)
    rules = np.full(len(rows), threshold <= 0.2)
    answers = Answers(day, by_model, rows, now[:, 0], now[:, 2].astype(bool), now[:, 1], rules, Asked.of(day))
    watched = watch(subject, history, answers, EPOCH + timedelta(days=DAYS + WINDOWS * WINDOW_DAYS))
    plan = Plan.of(settings)
    said = {
        name: lasting(family.effects > family.threshold.effects, plan.persistence) & family.test.trusted
        for name, family in watched.families.items()
    }
    found = joint(past, np.split(rows, WINDOWS), clean, settings, use_case.training.seed)
    bound = max([settings.floors.feature, *found.clean])
    said["joint"] = lasting(np.asarray(found.distances)[:, None] > bound, plan.persistence)
    retraining = said["concept"] | bets(watched) | day_by_day(watched, settings, use_case.training.seed)
    return {
        "windsock: an alarm of features": said["feature"].tolist(),
        "windsock: any alarm": np.logical_or.reduce([*said.values(), retraining]).tolist(),
        "windsock: asks for retraining": retraining.tolist(),
    }


def alibi(world: Path, stream: str) -> dict[str, list[bool]]:
    """Its test of Kolmogorov and Smirnov a column at p 0.05, with the correction of Bonferroni that is its default."""
    past, rows = (loaded(world, name)[0] for name in ("reference", stream))
    found = [min(univariate(past, window)[1]) < 0.05 / FEATURES for window in np.split(rows, WINDOWS)]
    return {"Alibi Detect: KSDrift, p 0.05": found}


def peer(name: str, directory: Path) -> dict[str, Flags]:
    """Runs another tool in its environment; it prints what each of its detectors said as JSON."""
    uv = shutil.which("uv") or str(Path(os.environ.get("WINDSOCK_HOME", ROOT / ".windsock")) / "tools" / "bin" / "uv")
    project = HERE / "peers" / name
    command = [uv, "run", "--quiet", "--locked", "--project", str(project), "python", str(project / "alarms.py")]
    result = subprocess.run([*command, str(directory)], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(result.stdout.splitlines()[-1])


def here(worlds: Sequence[Path]) -> dict[str, Flags]:
    """Ours and Alibi's, which share this environment."""
    flags: dict[str, dict[str, list[list[bool]]]] = {}
    for judge, streams in ((ours, STREAMS), (alibi, STREAMS[:-1])):
        for world in worlds:
            for stream in streams:
                for detector, found in judge(world, stream).items():
                    flags.setdefault(detector, {}).setdefault(stream, []).append(found)
    return flags


@dataclass(frozen=True)
class Row:
    """What a detector did, for the table."""

    clean: tuple[int, int]
    shifted: tuple[int, int]
    benign: tuple[int, int]
    flipped: tuple[int, int]
    delays: Mapping[str, list[int]]


def summed(flags: Flags) -> Row:
    """A detector of features says of flipped labels what it says of the clean stream, whose rows they share."""
    after = {stream: np.asarray(flags.get(stream, flags["clean"]), dtype=bool)[:, CHANGE:] for stream in STREAMS}
    clean = np.asarray(flags["clean"], dtype=bool)
    delays = {
        stream: [int(found.argmax()) + 1 for found in after[stream] if found.any()] for stream in ("shifted", "flipped")
    }
    worlds = len(clean)
    return Row(
        (int(clean.sum()), clean.size),
        (int(after["shifted"][:, :2].any(axis=1).sum()), worlds),
        (int(after["benign"].any(axis=1).sum()), worlds),
        (int(after["flipped"][:, :2].any(axis=1).sum()), worlds),
        delays,
    )


def share(counted: tuple[int, int]) -> str:
    low, high = exact_interval(*counted)
    return f"{counted[0] / counted[1]:.0%} ({low:.0%} to {high:.0%})"


def show(flags: Mapping[str, Flags], seconds: Mapping[str, float]) -> None:
    print(
        "| | false alarms a clean window | a month | shift found within two windows | windows until then "
        "| alarm though only the features moved | flip found within two windows | windows until then |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for detector, found in flags.items():
        row = summed(found)
        late = {name: f"{np.median(delays):.0f}" if delays else "never" for name, delays in row.delays.items()}
        month = row.clean[0] / row.clean[1] * 30 / WINDOW_DAYS
        cells = [share(row.clean), f"{month:.1f}", share(row.shifted), late["shifted"]]
        print(f"| {' | '.join([detector, *cells, share(row.benign), share(row.flipped), late['flipped']])} |")
    print(f"\n{', '.join(f'{name} {spent:.0f} s' for name, spent in seconds.items())}")


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else WORLDS
    random = np.random.default_rng(20130702)
    print(
        f"{count} worlds, {FEATURES} features; {WINDOWS} windows of {A_WINDOW:,} rows, changes with number {CHANGE + 1}"
    )
    with tempfile.TemporaryDirectory() as scratch:
        worlds = [Path(scratch) / f"world-{index:02}" for index in range(count)]
        for world in worlds:
            draw_world(world, random)
        seconds, flags = {}, {}
        for name in ("windsock and Alibi Detect", *PEERS):
            began = time.perf_counter()
            flags |= peer(name, Path(scratch)) if name in PEERS else here(worlds)
            seconds[name] = time.perf_counter() - began
    show(flags, seconds)


if __name__ == "__main__":
    main()
