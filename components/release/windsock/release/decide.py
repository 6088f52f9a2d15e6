"""Keep the release, go back to the one before, or to the rules: what each would cost, how sure that is, what would
flip it.

Where labels are in, costs are those of what came true, on the same requests for all three. Without labels they are
estimated from the release's own probabilities: if those are calibrated, an event of probability p comes true p times of
one, and the expected cost of any decision follows (the idea of CBPE, confidence-based performance estimation). The
interval then covers chance only, not a model that is wrong about itself, and the page says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from windsock.contracts.cost import Costs
from windsock.release.betting import STEADY, Sample, interval
from windsock.release.judge import cost_unit
from windsock.release.tally import Values

KEEP, PREVIOUS, RULES = "keep", "previous", "rules"
RATE = 0.025
# A path that answers fewer of its requests by itself than this is none to choose, whatever its answers cost.
HEALTHY = 0.5
PER = 1000


@dataclass(frozen=True)
class Case:
    """One request: what each path decided (None where it was not asked), the model's probability, what came true."""

    probability: float
    decisions: Mapping[str, bool | None]
    positive: bool | None = None


@dataclass(frozen=True)
class Option:
    """One path: cost per 1,000, how much dearer than keeping (on the same requests), intervals, and its health."""

    name: str
    cost: float
    interval: tuple[float, float]
    dearer: float
    dearer_interval: tuple[float, float]
    cases: int
    health: float


@dataclass(frozen=True)
class Choice:
    """What to do, why, and what would flip it; `from_labels` says whether costs are those of what came true."""

    name: str
    why: str
    flips: str
    from_labels: bool
    options: tuple[Option, ...]


def choose(cases: Sequence[Case], health: Mapping[str, float], costs: Costs, currency: str = "") -> Choice:
    """Keeps what serves unless another path is surely cheaper, or what serves does not answer."""
    labelled = [case for case in cases if case.positive is not None]
    used = labelled or list(cases)
    unit = cost_unit(costs)
    names = [name for name in (KEEP, PREVIOUS, RULES) if health.get(name) is not None]
    options = tuple(_option(name, used, health[name], costs, unit) for name in names)
    keep, others = options[0], [option for option in options[1:] if option.health >= HEALTHY]
    money = currency or costs.currency
    if keep.health < HEALTHY and others:
        best = min(others, key=lambda option: option.cost)
        why = f"only {keep.health:.0%} of the answers are the release's own; {best.name} is the cheapest that answers"
        return Choice(best.name, why, f"the release answers {HEALTHY:.0%} or more again", bool(labelled), options)
    cheaper = [option for option in others if option.cases and option.dearer_interval[1] < 0]
    if cheaper:
        best = min(cheaper, key=lambda option: option.dearer)
        surely = -best.dearer_interval[1]
        why = f"{best.name} is cheaper by {-best.dearer:,.0f} {money} per {PER:,}, surely by {surely:,.0f}"
        return Choice(best.name, why, f"that advantage falls below what chance explains ({best.cases:,} cases)",
                      bool(labelled), options)  # fmt: skip
    return Choice(KEEP, _why_keep(keep, others, money), _flips(others, money), bool(labelled), options)


def _option(name: str, cases: Sequence[Case], health: float, costs: Costs, unit: float) -> Option:
    asked = [case for case in cases if case.decisions.get(name) is not None and case.decisions.get(KEEP) is not None]
    if not asked:
        return Option(name, float("inf"), (0.0, PER * unit), 0.0, (-PER * unit, PER * unit), 0, health)
    own, kept = (np.asarray([_cost(case, of, costs) / unit for case in asked]) for of in (name, KEEP))
    return Option(
        name,
        float(own.mean()) * PER * unit,
        _scaled(own, 0.0, unit),
        float((own - kept).mean()) * PER * unit,
        _scaled(own - kept, -1.0, unit),
        len(asked),
        health,
    )


def _cost(case: Case, name: str, costs: Costs) -> float:
    """The cost of a path's decision: of what came true, or in expectation by the probability."""
    acted = bool(case.decisions[name])
    if case.positive is not None:
        return costs.of(acted, case.positive)
    return case.probability * costs.of(acted, True) + (1 - case.probability) * costs.of(acted, False)


def _scaled(values: Values, low: float, unit: float) -> tuple[float, float]:
    sample = Sample(values, np.ones(len(values)), low, 1.0)
    bottom, top = interval((sample,), STEADY, RATE, RATE)
    return max(bottom, low) * PER * unit, top * PER * unit


def _why_keep(keep: Option, others: Sequence[Option], money: str) -> str:
    if not others:
        return f"nothing else answers; {keep.cost:,.0f} {money} per {PER:,}"
    best = min(others, key=lambda option: option.dearer)
    if best.dearer >= 0:
        return f"the cheapest at {keep.cost:,.0f} {money} per {PER:,}; {best.name} would cost {best.dearer:,.0f} more"
    return f"{best.name} may be cheaper by {-best.dearer:,.0f} {money} per {PER:,}, but that may be chance"


def _flips(others: Sequence[Option], money: str) -> str:
    if not others:
        return "another path that answers"
    best = min(others, key=lambda option: option.dearer)
    needed = best.dearer_interval[1]
    return (
        f"{best.name} becoming cheaper by {max(needed, 0):,.0f} {money} per {PER:,} against keeping, all else as it is"
    )


def render(choice: Choice, costs: Costs) -> str:
    """The choice for a person, in a few lines."""
    basis = (
        "what came true" if choice.from_labels else "an estimate: no label is in; right if probabilities are calibrated"
    )
    lines = [
        f"{choice.name}: {choice.why}",
        f"flips if: {choice.flips}",
        f"costs are {basis}, {costs.currency} per {PER:,}",
    ]
    lines.append(
        f"{'':10}{'cost':>10}{'interval':>22}{'dearer than keep':>18}{'interval':>22}{'cases':>8}{'own answers':>13}"
    )
    for option in choice.options:
        low, high = option.interval
        less, more = option.dearer_interval
        lines.append(
            f"{option.name:10}{option.cost:>10,.0f}{f'{low:,.0f} … {high:,.0f}':>22}{option.dearer:>18,.0f}"
            f"{f'{less:,.0f} … {more:,.0f}':>22}{option.cases:>8,}{option.health:>13.0%}"
        )
    return "\n".join(lines)
