"""Checks that share a part of the budget: solved, tried on themselves, measured, and judged."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from windsock.contracts.report import number
from windsock.contracts.verdict import Finding, Outcome
from windsock.drift.bins import Numbers
from windsock.drift.calibrate import Plan, SelfTest, Threshold, clean_effects, draw, self_test, smallest_seen, solve
from windsock.drift.frame import Frame
from windsock.drift.measures import Measure, Shapes

RESAMPLES = 200
OUTSIDE = 2.5


@dataclass(frozen=True)
class Together:
    """Several measures as one: their checks share one threshold on the common scale."""

    parts: Sequence[Measure]

    @property
    def names(self) -> Sequence[str]:
        """The names of all checks."""
        return [name for part in self.parts for name in part.names]

    @property
    def floors(self) -> Numbers:
        """The floors of all checks."""
        return np.concatenate([part.floors for part in self.parts])

    def of_history(self, weights: Numbers, rows: float, random: Generator) -> Numbers:
        """Effects of clean windows."""
        return np.column_stack([part.of_history(weights, rows, random) for part in self.parts])

    def of_production(self, weights: Numbers) -> Numbers:
        """Effects of production's windows."""
        return np.column_stack([part.of_production(weights) for part in self.parts])


@dataclass(frozen=True)
class Family:
    """What was solved and measured: `effects` are [windows, checks], `intervals` [checks, 2] of the last window.

    `clean` are the effects of the stretches that the threshold was solved on, `rows` those of each window.
    """

    name: str
    measure: Measure
    frame: Frame
    threshold: Threshold
    test: SelfTest
    clean: Numbers
    effects: Numbers
    intervals: Numbers
    rows: Numbers

    @property
    def checks(self) -> Sequence[str]:
        """The names of the checks."""
        return self.measure.names

    def smallest_seen(self) -> Numbers:
        """The change of each check that is seen with 80 %, where it adds to what clean windows show anyway."""
        return smallest_seen(self.clean, self.threshold)


def build(
    name: str, measure: Measure, frame: Frame, rows: Numbers, history_days: int, plan: Plan, rate: float, seed: int
) -> Family:
    """Solves the family's threshold for a rate of false alarms a window, and measures production's windows."""
    random = np.random.default_rng([seed, *name.encode()])
    size = float(np.median(rows[-plan.persistence :]))
    clean = clean_effects(measure, draw(plan, history_days, range(history_days), random), size, random)
    effects = measure.of_production(frame.windows())
    resampled = np.nan_to_num(measure.of_production(frame.resamples(RESAMPLES, random)))
    # Resampled days are more unlike the reference than the days themselves: that bias is taken off again.
    bias = np.median(resampled, axis=0) - np.nan_to_num(effects[-1])
    return Family(
        name=name,
        measure=measure,
        frame=frame,
        threshold=solve(clean, measure.floors, rate, history_days // plan.stretch_days, isinstance(measure, Shapes)),
        test=self_test(measure, plan, history_days, size, rate, random),
        clean=clean,
        effects=effects,
        intervals=np.percentile(resampled - bias, [OUTSIDE, 100 - OUTSIDE], axis=0).T,
        rows=rows,
    )


def judge_family(family: Family, plan: Plan, minimum_rows: int, owner: str, words: Sequence[str]) -> list[Finding]:
    """Refused is what lies beyond its bound in each of the last windows, if the family is trusted."""
    last = family.effects[-plan.persistence :]
    fewest = int(family.rows[-plan.persistence :].min())
    origin = (
        f"solved on {plan.stretches:,} clean stretches of the release's own history for "
        f"{number(plan.alarms_a_month(family.threshold.rate))} false alarms a month of the family, "
        f"floor {{floor}}; {plan.persistence} windows in a row"
    )
    findings = []
    for index, check in enumerate(family.checks):
        bound = float(family.threshold.effects[index])
        if fewest < minimum_rows or not np.isfinite(last[:, index]).all():
            outcome, word = Outcome.INCONCLUSIVE, f"too few rows in a window: {fewest:,} of {minimum_rows:,}"
        elif not (last[:, index] > bound).all():
            outcome, word = Outcome.PASSED, "within its bound, or not lasting"
        elif not family.test.trusted:
            outcome, word = Outcome.INCONCLUSIVE, "beyond its bound, but the self-test does not trust this family"
        else:
            outcome, word = Outcome.REFUSED, f"beyond its bound in {plan.persistence} windows in a row"
        effect = float(last[-1, index])
        findings.append(
            Finding(
                check=f"{family.name}/{check}",
                outcome=outcome,
                message=f"{word}{words[index]}",
                effect=effect if np.isfinite(effect) else None,
                sample_size=int(family.rows[-1]),
                interval=(float(family.intervals[index, 0]), float(family.intervals[index, 1])),
                threshold=bound,
                threshold_origin=origin.format(floor=number(float(family.measure.floors[index]))),
                owner=owner,
            )
        )
    return findings
