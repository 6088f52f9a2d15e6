"""Simulated rollouts, seeded: how often the judge is wrong and how soon it is right, beside two others on the same
rates.

components/release/.venv/bin/python tests/benchmarks/release/judge.py [--rollouts 3000] [--seed 1]
"""

import argparse
import math
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import NormalDist

import numpy as np

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[2] / "components" / "release" / "tests")]

import peers  # noqa: E402 (found by the line above)
from simulated import Course, Rates, Traffic, draw_step, effect_of, run_rollouts, sample_of  # noqa: E402
from simulated_labels import draw_pairs, draw_pool, draw_split, floor_of, judge_labels, pool_worse_by  # noqa: E402
from windsock.contracts.rollout_settings import Rollout  # noqa: E402
from windsock.release.betting import total_worse  # noqa: E402
from windsock.release.judge import operation_checks, rule  # noqa: E402

# Simulated servers answer as quickly with few requests as with many, so here milliseconds count: no margin.
SETTINGS = replace(Rollout(), slow=tuple(replace(slow, margin_ms=0.0) for slow in Rollout().slow))
REQUESTS_PER_S = 100
# Latency of the serving release: log-normal around 3 ms. Its shares over 1.25 times its own median and 95th percentile:
NORMAL = NormalDist()
SPREAD = 0.5
MEDIAN_S = 0.003
OVER_P50 = 1 - NORMAL.cdf(math.log(1.25) / SPREAD)
OVER_P95 = 1 - NORMAL.cdf(NORMAL.inv_cdf(0.95) + math.log(1.25) / SPREAD)
GOOD = Rates(failed=0.001, fallback=0.01, slow_p50=OVER_P50, slow_p95=OVER_P95)


@dataclass(frozen=True)
class Scenario:
    """One kind of release: its rates; how much slower it is (`factor`), and which share takes 30 times as long."""

    name: str
    candidate: Rates = GOOD
    serving: Rates = GOOD
    bad: bool = True
    factor: float = 1.0
    stuck: float = 0.0
    incidents: float = 0.0
    traffic: dict[str, float] = field(default_factory=dict)


def slower(factor: float) -> Rates:
    """Rates of a release all of whose answers take `factor` times as long."""
    shift = math.log(1.25 / factor) / SPREAD
    return replace(GOOD, slow_p50=1 - NORMAL.cdf(shift), slow_p95=1 - NORMAL.cdf(NORMAL.inv_cdf(0.95) + shift))


def scenarios() -> list[Scenario]:
    """Equal releases in three weathers, and releases worse by twice a floor, one check at a time."""
    factor = 1.25 / math.exp(SPREAD * NORMAL.inv_cdf(1 - OVER_P50 - 2 * SETTINGS.slow[0].floor))
    stuck = 2 * SETTINGS.slow[1].floor
    rough = replace(GOOD, failed=0.012, fallback=0.06)
    return [
        Scenario("equal", bad=False),
        Scenario("equal, 1.2 % errors on both sides", rough, rough, bad=False),
        Scenario("equal, incidents in 5 % of seconds", bad=False, incidents=0.05),
        Scenario("errors 0.1 % -> 2.1 %", replace(GOOD, failed=0.021, fallback=0.03)),
        Scenario("errors 0.1 % -> 5 %", replace(GOOD, failed=0.05, fallback=0.06)),
        Scenario("fallback 1 % -> 5 %", replace(GOOD, fallback=0.05)),
        Scenario(f"all answers {factor:.2f} times as slow", slower(factor), factor=factor),
        Scenario(
            f"{stuck:.0%} of answers 30 times as slow",
            replace(GOOD, slow_p50=OVER_P50 + stuck * (1 - OVER_P50), slow_p95=OVER_P95 + stuck),
            stuck=stuck,
        ),
    ]


def run_ours(scenario: Scenario, rollouts: int, seed: int) -> list[Course]:
    """All steps, a look every second."""
    traffic = Traffic(
        scenario.serving, scenario.candidate, requests=REQUESTS_PER_S, looks=300, incidents=scenario.incidents
    )
    return run_rollouts(seed, traffic, rollouts, SETTINGS)


def quantile_s(
    generator: np.random.Generator, scenario: Scenario, shape: tuple[int, int], candidate: bool
) -> np.ndarray:
    """The 95th percentile of latency a minute: an order statistic, whose chance is a beta."""
    count = int(REQUESTS_PER_S * 60 * 0.1)
    rank = math.ceil(0.95 * count)
    chance = generator.beta(rank, count + 1 - rank, shape)
    grid = np.linspace(-5, 12, 20_000)
    factor, stuck = (scenario.factor, scenario.stuck) if candidate else (1.0, 0.0)
    normal = np.vectorize(NORMAL.cdf)
    usual, late = normal((grid - math.log(factor)) / SPREAD), normal((grid - math.log(30 * factor)) / SPREAD)
    return MEDIAN_S * np.exp(np.interp(chance, (1 - stuck) * usual + stuck * late, grid))


def run_kayenta(scenario: Scenario, rollouts: int, seed: int) -> np.ndarray:
    """Three hours at 10 %, against a baseline of the candidate's size."""
    generator = np.random.default_rng(seed)
    shape = (rollouts, peers.HOURS[-1] * peers.MINUTES)
    count = int(REQUESTS_PER_S * 60 * 0.1)
    extra = 0.2 * generator.binomial(60, scenario.incidents, shape) / 60
    sides = []
    for rates, candidate in ((scenario.candidate, True), (scenario.serving, False)):
        sides.append(
            {
                "failed": generator.binomial(count, rates.failed + extra) / count,
                "fallback": generator.binomial(count, rates.fallback + extra) / count,
                "latency": quantile_s(generator, scenario, shape, candidate),
            }
        )
    return peers.kayenta(peers.Minutes(*sides))


def run_flagger(scenario: Scenario, rollouts: int, seed: int) -> np.ndarray:
    """A check a minute. The rules' answers are failures here, though Flagger would see them as successes."""
    generator = np.random.default_rng(seed)
    shape = (rollouts, 60)
    extra = 0.2 * generator.binomial(60, scenario.incidents, shape) / 60
    late = scenario.stuck * (1 - NORMAL.cdf(math.log(peers.LATENCY_S / MEDIAN_S / 30) / SPREAD))
    return peers.flagger(generator, scenario.candidate.failed + extra, late, REQUESTS_PER_S * 60)


def comparison(rollouts: int, others: int, seed: int) -> None:
    """The table of all scenarios and judges."""
    print(
        f"{'':38} {'wrong: aborted if equal, promoted if bad':^42}   {'minutes to abort, or to promote (median)':^42}"
    )
    print(f"{'release':38} " + "   ".join(["".join(f"{name:>14}" for name in ("windsock", "Kayenta", "Flagger"))] * 2))
    for scenario in scenarios():
        courses = run_ours(scenario, rollouts, seed)
        aborted = sum(int(course.aborted.sum()) for course in courses)
        through = int((courses[-1].passed_at >= 0).sum()) if len(courses) == len(SETTINGS.steps) - 1 else 0
        kayenta, flagger = run_kayenta(scenario, others, seed), run_flagger(scenario, others, seed)
        wrong = [
            through if scenario.bad else aborted,
            *(int((out == 0).sum() if scenario.bad else (out > 0).sum()) for out in (kayenta, flagger)),
        ]
        minutes = [
            our_minutes(courses, scenario.bad),
            *(their_minutes(out, scenario.bad) for out in (kayenta, flagger)),
        ]
        cells = "".join(f"{count:>14,}" for count in wrong) + "   " + "".join(f"{value:>14}" for value in minutes)
        print(f"{scenario.name:38} {cells}", flush=True)
    print(
        f"of {rollouts:,} rollouts, {others:,} for the other two; "
        f"none is a rate of at most {1 - 0.05 ** (1 / rollouts):.2%} (one-sided 95 %)"
    )


def our_minutes(courses: list[Course], bad: bool) -> str:
    """Median time to the abort, or through all steps, each of which takes at least `step_s`."""
    if bad:
        first = courses[0].aborted_at[courses[0].aborted]
        return f"{np.median(first + 1) / 60:.2f}" if len(first) else "never"
    steps = [np.maximum(course.passed_at[course.passed_at >= 0] + 1, SETTINGS.step_s) for course in courses]
    return f"{sum(float(np.median(step)) for step in steps) / 60:.1f}"


def their_minutes(minute: np.ndarray, bad: bool) -> str:
    """Median time to a rollback, or how long a promotion takes."""
    if bad:
        return f"{np.median(minute[minute > 0]):.0f}" if (minute > 0).any() else "never"
    return "180 / 5"


def against_the_floor(rollouts: int, seed: int) -> None:
    """Requests of the candidate until errors abort it, beside the fewest that any sequential test can need."""
    check = next(check for check in operation_checks(SETTINGS) if check.name == "failed")
    print("\nerrors at 10 %: the candidate's requests until the abort, against ln(1/a) / KL(bad, good)")
    print(f"a = {SETTINGS.false_abort_rate:g}, all checks together; this check has {check.budget:.0%} of it")
    print("`split` is the fewest where nothing is known but who was assigned what, as when both sides have incidents:")
    print("under an equal candidate one failure in ten falls to it by chance, so none can tell more than ln(10)")
    print(f"{'good -> bad':>20} {'floor':>8} {'split':>8} {'mean':>8} {'ratio':>7} {'median':>8} {'never':>7}")
    for good, bad in ((0.001, 0.021), (0.001, 0.05), (0.001, 0.5), (0.01, 0.03), (0.01, 0.05)):
        information = bad * math.log(bad / good) + (1 - bad) * math.log((1 - bad) / (1 - good))
        floor = math.log(1 / SETTINGS.false_abort_rate) / information
        split = least_by_split(good, bad, share=0.1)
        needed, never = requests_to_abort(check, good, bad, floor, rollouts, seed)
        print(
            f"{good:>9.1%} -> {bad:>6.1%} {floor:>8.0f} {split:>8.0f} {needed.mean():>8.0f} "
            f"{needed.mean() / floor:>7.2f} "
            f"{np.median(needed):>8.0f} {never:>7}"
        )


def least_by_split(good: float, bad: float, share: float) -> float:
    """The candidate's requests that the best single bet on its share of the failures needs, were the rates known.

    For each of its requests there are (1 - share) / share of the other release's; staking the fraction f, a failure of
    its own multiplies the wealth by 1 - f + f / share, one of the other's by 1 - f.
    """
    stakes = np.linspace(0.001, 0.999, 999)
    growth = bad * np.log1p(stakes * (1 / share - 1)) + good * (1 / share - 1) * np.log1p(-stakes)
    return math.log(1 / SETTINGS.false_abort_rate) / float(growth.max())


def requests_to_abort(check, good: float, bad: float, floor: float, rollouts: int, seed: int):
    """Looks come after every ten requests, of which the candidate gets one."""
    looks = int(12 * floor) + 200
    traffic = Traffic(Rates(failed=good), Rates(failed=bad), requests=10, looks=looks)
    generator, needed, never = np.random.default_rng(seed), [], 0
    for _ in range(0, rollouts, 100):
        step = draw_step(generator, traffic, 100)
        counts = step.counts[check.name]
        ruling = rule(check, [sample_of(check.name, 0.1, counts)], effect_of(counts), SETTINGS, fresh=True)
        found = ruling.refused.any(axis=1)
        needed.append(step.assigned[np.arange(100), ruling.refused.argmax(axis=1)][found])
        never += int((~found).sum())
    return np.concatenate(needed), never


def labels(rollouts: int, seed: int) -> None:
    """Loss and cost: equal releases and such that are worse by twice the floor, on copies and on a split in half."""
    print("\nlabels: aborted, passed, and the labelled answers that it took (median)")
    print(f"{'check':>8} {'release':>10} {'copies':>28} {'split 50 : 50':>30}")
    generator = np.random.default_rng(seed)
    for name in ("loss", "cost"):
        floor = floor_of(name, SETTINGS)
        for kind, pool in (
            ("equal", draw_pool(generator, 0.02)),
            ("2 floors", pool_worse_by(generator, name, 2 * floor)),
        ):
            cells = []
            for draw in (
                lambda count: draw_pairs(generator, pool, name, 200, 150, count),  # noqa: B023 (used at once)
                lambda count: draw_split(generator, pool, name, 3_000, 150, count, 0.5),  # noqa: B023
            ):
                parts = [judge_labels(draw(250), name, SETTINGS) for _ in range(0, rollouts, 250)]
                aborted = sum(int(part.aborted.sum()) for part in parts)
                passed = sum(int((part.passed_at >= 0).sum()) for part in parts)
                size = np.median(np.concatenate([part.requests for part in parts]))
                cells.append(f"{aborted:>7,} {passed:>7,} {size:>11,.0f}")
            print(f"{name:>8} {kind:>10} {cells[0]:>28} {cells[1]:>30}", flush=True)


def largest_wealth(rollouts: int, seed: int) -> None:
    """How near equal releases came to an abort."""
    check = next(check for check in operation_checks(SETTINGS) if check.name == "failed")
    step = draw_step(np.random.default_rng(seed), Traffic(GOOD, GOOD, looks=1_000), min(rollouts, 1_000))
    wealth = np.exp(total_worse([sample_of("failed", 0.1, step.counts["failed"])], 0.0, check.bets).max(axis=1))
    needed = 1 / (SETTINGS.false_abort_rate * check.budget)
    print("\nlargest wealth against an equal release in 1,000 looks: ", end="")
    print(f"median {np.median(wealth):.2f}, most {wealth.max():.0f}; {needed:,.0f} aborts")


def main() -> None:
    """Prints all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rollouts", type=int, default=3_000)
    parser.add_argument("--others", type=int, default=500, help="rollouts that the other two judge; they are slow")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    start = time.monotonic()
    comparison(given.rollouts, given.others, given.seed)
    against_the_floor(given.rollouts, given.seed)
    labels(given.rollouts, given.seed)
    largest_wealth(given.rollouts, given.seed)
    print(f"\nseed {given.seed}, {time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
