"""What the feature checks can see: clean windows in which one feature is shifted, and how often that is an alarm."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri  # type: ignore[import-untyped]
from windsock.drift.bins import Bins, Numbers, jensen_shannon, shares
from windsock.drift.family import Family
from windsock.drift.measures import Shapes

SHIFTS = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.75, 1.0, 1.5)
SEEN = 0.8
STRETCHES = 200


@dataclass(frozen=True)
class Power:
    """For each continuous feature the chance of an alarm at each shift, in standard deviations.

    `smallest` is the smallest of the shifts that is seen with 80 %, infinite where none is.
    """

    names: Sequence[str]
    shifts: Sequence[float]
    seen: Numbers
    smallest: Numbers

    @classmethod
    def of(cls, family: Family, bins: Bins) -> "Power":
        """Shifts each continuous feature in the clean windows that its family's threshold was solved on.

        A feature's bins hold about equal shares of the reference, so a shift is one of the normal scores of its ranks:
        it moves the shares of the bins, and what chance does to a window is added as it was in the clean ones.
        """
        measure = family.measure
        if not isinstance(measure, Shapes):
            return cls((), SHIFTS, np.zeros((0, len(SHIFTS))), np.zeros(0))
        chosen = [index for index, discrete in enumerate(bins.discrete) if not discrete]
        reference = shares(measure.history.sum(axis=0))
        seen = np.zeros((len(chosen), len(SHIFTS)))
        for place, index in enumerate(chosen):
            clean = family.clean[:STRETCHES, :, index].min(axis=1)
            bound = float(family.threshold.effects[index])
            moved = jensen_shannon(_shifted(reference[index]), reference[index])
            # Squared distances add, about: what is shifted and what chance does are not the same direction.
            seen[place] = (np.hypot(moved[:, None], clean) > bound).mean(axis=1)
        return cls([family.checks[index] for index in chosen], SHIFTS, seen, _smallest(seen))


def _shifted(share: Numbers) -> Numbers:
    """The shares of bins after each shift of the normal scores of the ranks, [shifts, bins]; what is missing stays."""
    known, shifts = share[:-1], np.asarray(SHIFTS)[:, None]
    total = known.sum()
    if total <= 0:
        return np.tile(share, (len(SHIFTS), 1))
    edges = ndtri(np.clip(np.concatenate([[0.0], known.cumsum() / total]), 0.0, 1.0))
    return np.column_stack([np.diff(ndtr(edges - shifts), axis=1) * total, np.full(len(SHIFTS), share[-1])])


def _smallest(seen: Numbers) -> Numbers:
    shifts = np.asarray(SHIFTS)
    enough = seen >= SEEN
    return np.where(enough.any(axis=1), shifts[enough.argmax(axis=1)], np.inf)
