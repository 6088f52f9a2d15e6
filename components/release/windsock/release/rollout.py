"""One turn of a rollout: brings the traffic to what the history says, looks at the evidence, takes at most one
decision.

It may be run any number of times, by any number of processes, and be killed between any two lines: everything it
knows it reads anew, the history decides between two that write at once, and the traffic lets no late process undo a
newer one.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from windsock.contracts.cost import Costs
from windsock.contracts.errors import InputError
from windsock.contracts.rollout_settings import FULL, Rollout
from windsock.release.history import Entry, Kind, Phase, State, Store, fold
from windsock.release.judge import Evidence, Judgement, judge_candidate
from windsock.release.policy import Decision, decide, decide_unready
from windsock.release.traffic import OvertakenError, Traffic, Wanted


@dataclass(frozen=True)
class Look:
    """What the records say: the evidence, and the serving release's usual figures while those are still wanted."""

    evidence: Evidence
    baseline: Mapping[str, Any] | None = None


Looker = Callable[[State], Look]


@dataclass(frozen=True)
class Turn:
    """What one turn came to: the state after it, and what it saw and decided, where it came that far."""

    state: State
    message: str
    decision: Decision | None = None
    judgement: Judgement | None = None
    evidence: Evidence | None = None


@dataclass(frozen=True)
class Release:
    """All that a turn works with."""

    store: Store
    traffic: Traffic
    look: Looker
    settings: Rollout
    costs: Costs


def advance(release: Release, now: datetime) -> Turn:
    """Takes one turn. `now` is the time of the records' clock."""
    state = fold(release.store.read())
    if not state.serving:
        return Turn(state, "no release has been started here")
    try:
        missing = bring(release.traffic, state, release.settings)
    except OvertakenError as overtaken:
        return Turn(state, str(overtaken))
    if state.phase is Phase.IDLE:
        return Turn(state, missing or "no rollout is under way")
    if missing and not state.confirmed:
        decision = decide_unready(state, missing, now, release.settings)
        turn = Turn(state, missing, decision)
        return turn if decision.kind is None else _enact(release, state, decision.kind, decision, turn, now)
    # From here on a candidate that is no longer ready is judged all the same: it may be dead, and must come off.
    if not state.confirmed:
        return _note(release, state, Kind.CONFIRMED, now, f"the traffic follows: {state.weight} %", {})
    if not release.traffic.splits:
        decision = Decision(Kind.SETTLED, FULL, "there is no traffic to split here")
        return _enact(release, state, Kind.SETTLED, decision, Turn(state, decision.reason, decision), now)
    look = release.look(state)
    if state.baseline is None:
        if look.baseline is None:
            return Turn(state, "waits for enough answers of the serving release", evidence=look.evidence)
        return _note(release, state, Kind.MEASURED, now, "the serving release as it is", {"baseline": look.baseline})
    # Where nobody sends copies none are missing.
    copied = wanted(state, release.settings, release.traffic.copies).copies_to
    evidence = look.evidence if copied else replace(look.evidence, copies=(0, 0))
    judgement = judge_candidate(evidence, release.settings, release.costs)
    decision = decide(state, judgement, evidence, now, release.settings)
    turn = Turn(state, decision.reason, decision, judgement, evidence)
    return turn if decision.kind is None else _enact(release, state, decision.kind, decision, turn, now)


def start(release: Release, serving: str, candidate: str, now: datetime, again: bool = False) -> Turn:
    """Begins a rollout, with copies alone where there are any, else with the first share.

    Raises:
        InputError: another rollout is under way, the candidate serves already, or was refused before.
    """
    state = fold(release.store.read())
    if state.phase is not Phase.IDLE:
        raise InputError("candidate", candidate, f"no other one while {state.candidate} is {state.phase.value}")
    if candidate == serving:
        raise InputError("candidate", candidate, "a release that does not serve already")
    if state.serving and serving != state.serving:
        raise InputError("serving release", serving, f"{state.serving}, which serves as the history says")
    if candidate in state.failed and not again:
        raise InputError("candidate", candidate, "one that was not refused before; say so to try it again")
    entry = Entry(state.number + 1, now, Kind.STARTED, serving, candidate, _first_weight(release), "a new candidate")
    if not release.store.append(entry):
        return Turn(fold(release.store.read()), "another process was first")
    return _bring_after(release, "started")


def adopt(release: Release, serving: str, now: datetime) -> None:
    """Notes who serves, where another release took over while there was no traffic to split.

    Raises:
        InputError: a rollout is under way.
    """
    state = fold(release.store.read())
    if state.phase is not Phase.IDLE:
        raise InputError("serving release", serving, f"no other one while {state.candidate} is {state.phase.value}")
    if state.serving and state.serving != serving:
        reason = "took over while there was no traffic to split"
        release.store.append(Entry(state.number + 1, now, Kind.SETTLED, serving, state.serving, FULL, reason))


def roll_back(release: Release, to: str, now: datetime, reason: str, serving: str = "") -> Turn:
    """Gives all the traffic to the release `to`: one entry, then the traffic, however often it is called.

    `serving` says who serves where no history does. If another process decides at the same time, it is done over.

    Raises:
        InputError: `to` is the very release that is to be left.
    """
    while True:
        state = fold(release.store.read())
        leaving = state.candidate or state.serving or serving
        if state.phase is Phase.IDLE and state.serving == to:
            return _bring_after(release, f"{to} has all the traffic already")
        if leaving == to:
            raise InputError("release to roll back to", to, "another one than the one to be left")
        entry = Entry(state.number + 1, now, Kind.ROLLED_BACK, to, leaving, 0, reason)
        if release.store.append(entry):
            return _bring_after(release, reason)


def wanted(state: State, settings: Rollout, copies: bool) -> Wanted:
    """What the traffic is to be in a state. Copies go to the candidate, and in probation to who served before."""
    copies_to = ""
    if copies and state.phase is not Phase.IDLE and settings.copies != "never":
        first = state.phase is Phase.ROLLING and state.weight == 0
        if first or settings.copies == "always":
            copies_to = state.serving if state.phase is Phase.PROBATION else state.candidate
    return Wanted(state.decided, state.weights, copies_to)


def bring(traffic: Traffic, state: State, settings: Rollout) -> str:
    """Brings the traffic to a state, and says what is still missing.

    Raises:
        OvertakenError: a newer state has been brought there.
    """
    target = wanted(state, settings, traffic.copies)
    if missing := traffic.ready(target):
        if state.phase is Phase.IDLE:
            traffic.finalize(target)
        else:
            traffic.set_weights(target)
        missing = traffic.ready(target)
    return missing


def _first_weight(release: Release) -> int:
    """Nothing at first where copies can be had; all at once where nothing can be split."""
    if not release.traffic.splits:
        return FULL
    return 0 if release.traffic.copies and release.settings.copies != "never" else release.settings.steps[0]


def _note(release: Release, state: State, kind: Kind, now: datetime, reason: str, details: dict[str, Any]) -> Turn:
    """Adds an entry that changes no weight."""
    entry = Entry(state.number + 1, now, kind, state.serving, state.candidate, state.weight, reason, details)
    added = release.store.append(entry)
    return Turn(fold(release.store.read()), reason if added else "another process was first")


def _enact(release: Release, state: State, kind: Kind, decision: Decision, turn: Turn, now: datetime) -> Turn:
    """Adds the decision with what it was taken on, then brings the traffic there."""
    settled = kind is Kind.SETTLED
    serving = state.candidate if settled else state.serving
    other = state.serving if settled else state.candidate
    details = asdict(turn.judgement) if turn.judgement is not None else {}
    entry = Entry(state.number + 1, now, kind, serving, other, decision.weight, decision.reason, details)
    if not release.store.append(entry):
        return Turn(fold(release.store.read()), "another process was first", None, turn.judgement, turn.evidence)
    after = _bring_after(release, decision.reason)
    return Turn(after.state, after.message, decision, turn.judgement, turn.evidence)


def _bring_after(release: Release, message: str) -> Turn:
    state = fold(release.store.read())
    try:
        missing = bring(release.traffic, state, release.settings)
    except OvertakenError as overtaken:
        return Turn(state, str(overtaken))
    return Turn(state, f"{message}; {missing}" if missing else message)
