"""How two others would have judged the same traffic, by the rules and defaults that they publish.

Kayenta: metrics a minute, Mann-Whitney with the 98 % interval of the Hodges-Lehmann shift, High when its low end is
above a quarter of the shift's size (`NetflixACAJudge`, `MannWhitneyClassifier`); growing windows of one, two and
three hours, pass 95, marginal 75 (its best practices and sample configurations); one metric a group. The interval is
R's asymptotic one, by order statistics of the pairwise differences.

Flagger: each minute the share of successes is at least 99 % and the 99th percentile of latency at most 500 ms; five
failed checks roll back, each passed one adds 10 % up to 50 %, then it promotes.
"""

import math
from dataclasses import dataclass

import numpy as np

Z_98 = 2.3263478740408408
TOLERANCE = 0.25
PASS, MARGINAL = 95.0, 75.0
HOURS = (1, 2, 3)
MINUTES = 60
SUCCESS = 0.99
LATENCY_S = 0.5
FAILED_CHECKS = 5
WEIGHTS = (0.1, 0.2, 0.3, 0.4, 0.5)


@dataclass(frozen=True)
class Minutes:
    """Metrics by minute of many rollouts, (rollouts, minutes): the candidate's and a baseline's of the same size."""

    candidate: dict[str, np.ndarray]
    baseline: dict[str, np.ndarray]


def classified_high(candidate: np.ndarray, baseline: np.ndarray) -> bool:
    """Whether one metric's series is classified High against the baseline's."""
    if np.array_equal(np.sort(candidate), np.sort(baseline)):
        return False
    shifts = np.sort((candidate[:, None] - baseline[None, :]).ravel())
    count, other = len(candidate), len(baseline)
    rank = count * other / 2 - Z_98 * math.sqrt(count * other * (count + other + 1) / 12)
    low = shifts[max(int(rank), 0)]
    return bool(low > TOLERANCE * abs(float(np.median(shifts))))


def kayenta(minutes: Minutes) -> np.ndarray:
    """The minute at which each rollout fails; 0 for one that passes."""
    rollouts = len(next(iter(minutes.candidate.values())))
    failed = np.zeros(rollouts, dtype=int)
    for rollout in range(rollouts):
        for hour in HOURS:
            end = hour * MINUTES
            high = [
                classified_high(series[rollout, :end], minutes.baseline[name][rollout, :end])
                for name, series in minutes.candidate.items()
            ]
            score = 100.0 * (1 - sum(high) / len(high))
            if score < (PASS if hour == HOURS[-1] else MARGINAL):
                failed[rollout] = end
                break
    return failed


def flagger(generator: np.random.Generator, failed: np.ndarray, slow: float, requests: int) -> np.ndarray:
    """The minute at which each rollout is rolled back; 0 for one that is promoted.

    `failed` is the candidate's chance to fail by rollout and minute, `slow` its share of answers over 500 ms.
    """
    rollouts, minutes = failed.shape
    weight, fails = np.zeros(rollouts, dtype=int), np.zeros(rollouts, dtype=int)
    rolled_back = np.zeros(rollouts, dtype=int)
    on = np.ones(rollouts, dtype=bool)
    for minute in range(minutes):
        share = np.asarray(WEIGHTS)[np.minimum(weight, len(WEIGHTS) - 1)]
        count = generator.binomial(requests, share)
        errors = generator.binomial(count, failed[:, minute])
        late = generator.binomial(count, slow)
        bad = (errors > (1 - SUCCESS) * count) | (late > 0.01 * count)
        fails += on & bad
        over = on & (fails >= FAILED_CHECKS)
        rolled_back[over] = minute + 1
        weight += on & ~bad
        on &= ~over & (weight < len(WEIGHTS))
        if not on.any():
            break
    return rolled_back
