"""Simulated rollouts, many at once: counts by look, judged by the very rule that judges real ones.

Axes of every array: rollout, look. All draws come from one seeded generator, so that a figure can be had again.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from windsock.contracts.cost import Costs
from windsock.contracts.rollout_settings import Rollout
from windsock.release.betting import Sample
from windsock.release.judge import Check, label_checks, operation_checks, rule
from windsock.release.tally import bounds_of_split, split_values

COSTS = Costs("EUR", act_positive=120.0, act_negative=60.0, skip_positive=250.0, skip_negative=0.0)
# Constants that payoffs are centred at, by check; any constant is valid, one near the usual value is better.
CENTRES = {"failed": 0.0, "fallback": 0.0, "slow/p50": 0.4, "slow/p95": 0.05}


@dataclass(frozen=True)
class Rates:
    """How often an answer of one release is bad, by check."""

    failed: float = 0.001
    fallback: float = 0.01
    slow_p50: float = 0.4
    slow_p95: float = 0.03

    def of(self, name: str) -> float:
        return getattr(self, name.replace("/", "_"))


@dataclass(frozen=True)
class Traffic:
    """Requests of one step: so many a look, so many looks, the candidate's share, and both releases' rates."""

    serving: Rates = field(default_factory=Rates)
    candidate: Rates = field(default_factory=Rates)
    share: float = 0.1
    requests: int = 100
    looks: int = 200
    # In a look that an incident hits (with this probability), both releases fail and fall back this much more often.
    incidents: float = 0.0
    incident_rate: float = 0.2


@dataclass
class Step:
    """Cumulative counts of one step: (bad of the candidate, good, bad of the other, good) by rollout and look."""

    counts: dict[str, np.ndarray]
    assigned: np.ndarray
    others: np.ndarray


def draw_step(generator: np.random.Generator, traffic: Traffic, rollouts: int) -> Step:
    """Draws a step: assignments by chance, then each check's bad answers, incidents hitting both sides."""
    shape = (rollouts, traffic.looks)
    assigned = generator.binomial(traffic.requests, traffic.share, shape)
    others = traffic.requests - assigned
    hit = generator.random(shape) < traffic.incidents
    counts = {}
    for name in CENTRES:
        extra = traffic.incident_rate * hit if name in ("failed", "fallback") else 0.0
        bad = generator.binomial(assigned, np.minimum(traffic.candidate.of(name) + extra, 1.0))
        other_bad = generator.binomial(others, np.minimum(traffic.serving.of(name) + extra, 1.0))
        cells = np.stack([bad, assigned - bad, other_bad, others - other_bad], axis=-1)
        counts[name] = cells.cumsum(axis=1).astype(np.float64)
    return Step(counts, assigned.cumsum(axis=1), others.cumsum(axis=1))


def sample_of(name: str, share: float, counts: np.ndarray) -> Sample:
    low, high = bounds_of_split(share, CENTRES[name])
    return Sample(split_values(share, CENTRES[name]), counts, low, high)


def effect_of(counts: np.ndarray) -> np.ndarray:
    """The difference of both sides' shares of bad answers."""
    candidate = counts[..., 0] / np.maximum(counts[..., 0] + counts[..., 1], 1)
    return candidate - counts[..., 2] / np.maximum(counts[..., 2] + counts[..., 3], 1)


@dataclass
class Course:
    """How rollouts went: the look of the abort and of the passing (-1: never), the candidate's requests by then."""

    aborted_at: np.ndarray
    passed_at: np.ndarray
    requests: np.ndarray

    @property
    def aborted(self) -> np.ndarray:
        return self.aborted_at >= 0


def checks_by_name(settings: Rollout) -> dict[str, Check]:
    checks = (*operation_checks(settings), *label_checks(settings, COSTS))
    return {check.name: check for check in checks}


def judge_step(step: Step, traffic: Traffic, settings: Rollout, before: dict[str, list[Sample]]) -> Course:
    """Judges every look of a step by all operation checks; `before` holds the samples of earlier steps, by rollout."""
    checks = checks_by_name(settings)
    refused = np.zeros(step.assigned.shape, dtype=bool)
    passed = step.assigned >= settings.step_requests
    for name, counts in step.counts.items():
        sample = sample_of(name, traffic.share, counts)
        ruling = rule(checks[name], [*before.get(name, ()), sample], effect_of(counts), settings, fresh=True)
        refused |= ruling.refused
        passed &= ruling.passed
    return first_decisions(refused, passed, step.assigned)


def first_decisions(refused: np.ndarray, passed: np.ndarray, assigned: np.ndarray) -> Course:
    """What came first in every rollout; an abort wins a tie."""
    looks = refused.shape[1]
    abort = np.where(refused.any(axis=1), refused.argmax(axis=1), looks)
    promote = np.where(passed.any(axis=1), passed.argmax(axis=1), looks)
    end = np.minimum(np.minimum(abort, promote), looks - 1)
    requests = assigned[np.arange(len(end)), end]
    aborted = (abort < looks) & (abort <= promote)
    return Course(np.where(aborted, abort, -1), np.where((promote < looks) & ~aborted, promote, -1), requests)


def run_rollouts(seed: int, traffic: Traffic, rollouts: int, settings: Rollout, chunk: int = 250) -> list[Course]:
    """Takes rollouts through all steps below full traffic; one course a step, of those that were still in it.

    A rollout that is undecided when a step's looks end is held: it is in no later step.
    """
    generator = np.random.default_rng(seed)
    courses: list[list[Course]] = [[] for _ in settings.steps[:-1]]
    for start in range(0, rollouts, chunk):
        left, before = min(chunk, rollouts - start), {}
        for index, percent in enumerate(settings.steps[:-1]):
            if left == 0:
                break
            now = replace(traffic, share=percent / 100)
            step = draw_step(generator, now, left)
            course = judge_step(step, now, settings, before)
            courses[index].append(course)
            on = course.passed_at >= 0
            left, before = int(on.sum()), carried(step, now, course, on, before)
    return [join(parts) for parts in courses if parts]


def carried(step: Step, traffic: Traffic, course: Course, on: np.ndarray, before: dict) -> dict:
    """What rollouts that go on take with them: samples of one look, which fit every look of the next step."""
    ends = course.passed_at[on]
    kept = {}
    for name, counts in step.counts.items():
        old = [replace(sample, counts=sample.counts[on]) for sample in before.get(name, ())]
        final = counts[on][np.arange(len(ends)), ends][:, None, :]
        kept[name] = [*old, sample_of(name, traffic.share, final)]
    return kept


def join(parts: list[Course]) -> Course:
    return Course(*(np.concatenate([getattr(part, name) for part in parts]) for name in Course.__dataclass_fields__))
