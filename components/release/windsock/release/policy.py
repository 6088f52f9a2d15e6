"""What to do next with a candidate: a pure function of the state, the judgement and the time."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from windsock.contracts.rollout_settings import FULL, Rollout
from windsock.contracts.verdict import Finding, Outcome, Verdict
from windsock.release.history import Kind, Phase, State
from windsock.release.judge import Evidence, Judgement


@dataclass(frozen=True)
class Decision:
    """A move, or with `kind` None nothing yet; `weight` is the candidate's share from then on."""

    kind: Kind | None
    weight: int
    reason: str


def decide(state: State, judgement: Judgement, evidence: Evidence, now: datetime, settings: Rollout) -> Decision:
    """The next move of a rollout.

    A broken split comes first, since it leaves nothing to judge by; then a refusal, at whatever step; then patience: a
    step lasts at least as long, and has at least as many requests, as the settings ask for.
    """
    if judgement.void:
        return Decision(Kind.VOIDED, 0, _first(judgement.operation, Outcome.INCONCLUSIVE).message)
    if judgement.refused:
        return Decision(Kind.ROLLED_BACK, 0, _why_refused(judgement))
    if state.phase is Phase.PROBATION:
        return _decide_probation(state, judgement, now, settings)
    return _decide_step(state, judgement, evidence, now, settings)


def decide_unready(state: State, missing: str, now: datetime, settings: Rollout) -> Decision:
    """While the traffic does not follow there is nothing to judge. For too long is a person's to know: a candidate that
    never starts leaves no evidence against it.
    """
    lasted_s = _seconds(state.moved_at, now)
    if lasted_s > settings.step_deadline_s and not state.held:
        return Decision(Kind.HELD, state.weight, f"not ready after {lasted_s:.0f} s: {missing}")
    return _wait(state, missing)


def _decide_step(state: State, judgement: Judgement, evidence: Evidence, now: datetime, settings: Rollout) -> Decision:
    lasted_s = _seconds(state.moved_at, now)
    if lasted_s < settings.step_s:
        return _wait(state, f"the step has lasted {lasted_s:.0f} of {settings.step_s:.0f} s")
    if evidence.newest >= settings.step_requests and judgement.operation.outcome is Outcome.PASSED:
        weight = next_weight(state.weight, settings)
        return Decision(Kind.MOVED, weight, f"passed {len(judgement.operation.findings)} checks at {state.weight} %")
    if lasted_s > settings.step_deadline_s and not state.held:
        return Decision(Kind.HELD, state.weight, f"undecided after {lasted_s:.0f} s: {_why_undecided(judgement)}")
    if evidence.newest < settings.step_requests:
        return _wait(state, f"{evidence.newest} of {settings.step_requests} requests")
    return _wait(state, _why_undecided(judgement))


def _decide_probation(state: State, judgement: Judgement, now: datetime, settings: Rollout) -> Decision:
    """Labels settle a release. Without them in time it stays, and a person is told: it was never shown to be good."""
    if judgement.labels.outcome is Outcome.PASSED and judgement.labels.findings:
        return Decision(Kind.SETTLED, FULL, "its labels are in, and it is not worse")
    if settings.probation_days == 0:
        return Decision(Kind.SETTLED, FULL, "no probation is asked for")
    lasted = now - (state.moved_at or now)
    if lasted > timedelta(days=settings.probation_days) and not state.held:
        return Decision(Kind.HELD, FULL, f"its labels have not settled it in {settings.probation_days:g} days")
    return _wait(state, "its labels are not in" if not judgement.labels.findings else _why_undecided(judgement))


def next_weight(weight: int, settings: Rollout) -> int:
    """The share after this one."""
    return next(step for step in settings.steps if step > weight)


def _wait(state: State, reason: str) -> Decision:
    return Decision(None, state.weight, reason)


def _seconds(since: datetime | None, now: datetime) -> float:
    return (now - since).total_seconds() if since is not None else 0.0


def _first(verdict: Verdict, outcome: Outcome) -> Finding:
    return next(finding for finding in verdict.findings if finding.outcome is outcome)


def _why_refused(judgement: Judgement) -> str:
    refused = judgement.operation if judgement.operation.outcome is Outcome.REFUSED else judgement.labels
    finding = _first(refused, Outcome.REFUSED)
    return f"{finding.check}: {finding.message}"


def _why_undecided(judgement: Judgement) -> str:
    open_checks = [*judgement.operation.reasons, *judgement.labels.reasons]
    return ", ".join(dict.fromkeys(finding.check for finding in open_checks)) or "nothing was checked"
