"""The decision: who answers one row, with which probability, and what to do. Pure."""

import math
from dataclasses import dataclass

ACT, SKIP = "act", "skip"
MODEL, RULES = "model", "rules"


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer's content; see `contracts.protocol.Answer`."""

    probability: float
    decision: str
    answered_by: str
    reason: str


def usable_probability(value: object) -> bool:
    """Whether a number can be a probability: finite, and from 0 to 1."""
    return isinstance(value, float) and math.isfinite(value) and 0.0 <= value <= 1.0


def decide(model: float | None, reason: str, rules: float, threshold: float) -> Decision:
    """Takes the model's probability if it has one and nothing stands against it, else that of the rules.

    `reason` says what stands against the model; a probability that is none is `model_invalid`. Acting pays from
    `threshold` on.
    """
    if not reason and not usable_probability(model):
        reason = "model_invalid"
    if reason or model is None:
        return Decision(rules, ACT if rules >= threshold else SKIP, RULES, reason)
    return Decision(model, ACT if model >= threshold else SKIP, MODEL, "")
