"""Evidence on cost that stays valid however often it is looked at: bets of a day each, since a day's rows are alike.

A bettor starts with 1 and stakes a fixed part of what it has on every day. If the claim holds, what it has is a
nonnegative supermartingale, so that it ever reaches 1/a with probability at most a (Ville, 1939). Waudby-Smith and
Ramdas, Estimating means of bounded random variables by betting, JRSS B 86 (2024); stakes as in Cover's universal
portfolio over a grid (Orabona and Jun, 2024).
"""

import math
from collections.abc import Sequence

import numpy as np
from windsock.drift.bins import Numbers

STAKES = (0.9, 0.6, 0.4, 0.25, 0.16, 0.1, 0.063, 0.04, 0.025, 0.016, 0.01, 0.0)


def log_wealth(values: Sequence[float] | Numbers, bound: float) -> Numbers:
    """The log wealth, after each value, of the bet that the mean of values in [-1, 1] is above `bound`.

    The factor for a value v and a stake s is 1 + s (v - bound) / (bound + 1), whose mean is at most 1 when that of v,
    given all before, is at most `bound`.
    """
    gains = (np.asarray(values, dtype=np.float64) - bound) / (bound + 1.0)
    growth = np.log1p(np.asarray(STAKES)[:, None] * gains[None, :]).cumsum(axis=1)
    top = growth.max(axis=0) if growth.size else np.zeros(growth.shape[1])
    return np.asarray(top + np.log(np.exp(growth - top).mean(axis=0)))


def lower_bound(values: Sequence[float] | Numbers, error_rate: float) -> float:
    """The mean is above this at every look together, but for the error rate: all lower bounds were refuted once."""
    wanted, low, high = -math.log(error_rate), -1.0 + 1e-9, 1.0
    if not len(values) or float(log_wealth(values, low).max()) < wanted:
        return -1.0
    while high - low > 1e-4:
        middle = (low + high) / 2
        refuted = float(log_wealth(values, middle).max()) >= wanted
        low, high = (middle, high) if refuted else (low, middle)
    return low
