"""The rules as a server may call them: whatever the use case's code does, there is a probability."""

import math
from collections.abc import Callable, Mapping

from windsock.contracts.log import log

# What is answered if the rules themselves break their promise: too little to act on.
LAST_RESORT = 0.0


def rules_probability(probability: Callable[[Mapping[str, object]], float], row: Mapping[str, object]) -> float:
    """The probability that `fallback.py` gives to one request row, from 0 to 1.

    Rules promise never to raise and never to give NaN. One that does is logged, and `LAST_RESORT` is answered: a valid
    request gets an answer.
    """
    try:
        value = float(probability(row))
    except Exception as error:  # The use case's code may raise anything; the answer may not depend on that.
        log("rules_failed", error=f"{type(error).__name__}: {error}")
        return LAST_RESORT
    if not (math.isfinite(value) and 0.0 <= value <= 1.0):
        log("rules_failed", error=f"probability {value}")
        return LAST_RESORT
    return value
