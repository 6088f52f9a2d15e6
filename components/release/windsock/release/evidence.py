"""Evidence from prediction records: which release a request was assigned to, how it was answered, what came true.

Requests are counted by the release that the split chose for them, not by the one that answered: a candidate that dies
is blamed for what the rules had to answer in its place.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial

import numpy as np
from windsock.contracts.call import MODEL_REASONS
from windsock.contracts.cost import Costs
from windsock.contracts.record import Prediction
from windsock.contracts.rollout_settings import FULL, Rollout, Slow
from windsock.release.history import Span, State
from windsock.release.judge import (
    SCORE_QUANTILES,
    Evidence,
    Split,
    cost_unit,
    score_name,
    slow_name,
)
from windsock.release.rollout import Look
from windsock.release.tally import (
    Stretch,
    Values,
    day_differences,
    measured,
    pair_counts,
    pair_means,
    split_counts,
    split_means,
)

# The release itself is at fault: it failed, was too slow, or its server did not answer at all.
LOST = ("predictor_failed", "predictor_unavailable")
FAULTS = frozenset({*MODEL_REASONS, *LOST})
# Requests in flight while weights change belong to neither side of the change.
SETTLES = timedelta(seconds=1)
PRIMARY, SHADOW = "primary", "shadow"


@dataclass(frozen=True, slots=True)
class Answer:
    """One request as it went for one release; the release is the one that it was assigned to, or copied to.

    `request` and `key` name it: its identifier, and what it asked about; `answered_by` is the release that answered.
    """

    request: str
    key: str
    answered_by: str
    at: datetime
    release: str
    copy: bool
    failed: bool
    fallback: bool
    lost: bool
    latency_s: float
    score: float
    decision: bool
    event_time: datetime

    @classmethod
    def of(cls, record: Prediction) -> "Answer":
        """Reads a record."""
        copy = record.role == SHADOW
        by_rules = record.answered_by == "rules" and record.reason != "rules_release"
        return cls(
            record.request_id or record.prediction_id,
            record.key,
            record.release,
            record.predicted_at,
            record.release if copy else record.assigned_release or record.release,
            copy,
            record.reason in FAULTS,
            by_rules,
            record.reason in LOST,
            record.latency_s,
            record.probability,
            record.decision,
            record.event_time,
        )


# A request's name and the key of what it asked about.
Name = tuple[str, str]
Mark = Callable[[Answer], bool]


@dataclass
class Answers:
    """All answers by request and key: of several tries the one that tells most against the release is kept.

    `newest` is when each release last answered by itself.
    """

    primary: dict[Name, Answer] = field(default_factory=dict)
    copies: dict[Name, Answer] = field(default_factory=dict)
    newest: dict[str, datetime] = field(default_factory=dict)

    def take(self, answers: Iterable[Answer]) -> None:
        """Takes in more answers; one that comes again changes nothing."""
        for answer in answers:
            known = self.copies if answer.copy else self.primary
            name = (answer.request, answer.key)
            before = known.get(name)
            if before is None or answer.failed > before.failed:
                known[name] = answer
            if not answer.lost:
                self.newest[answer.answered_by] = max(answer.at, self.newest.get(answer.answered_by, answer.at))


@dataclass(frozen=True)
class Labels:
    """What came true, by key, and until when all of it is known: later events are not judged yet."""

    positive: Mapping[str, bool] = field(default_factory=dict)
    until: datetime | None = None


@dataclass(frozen=True)
class Baseline:
    """What the serving release usually does: from when an answer of its is slow, and quartiles of its scores."""

    slow_s: Mapping[str, float]
    scores: Mapping[str, float]

    def to_json(self) -> dict[str, dict[str, float]]:
        """As plain values."""
        return {"slow_s": dict(self.slow_s), "scores": dict(self.scores)}


def measure_baseline(answers: Answers, serving: str, settings: Rollout) -> Baseline | None:
    """Usual figures of the serving release from its newest answers, or None while there are too few.

    Any constant thresholds give valid comparisons; these are where differences show. A release whose answers are not a
    model's has no scores worth a guard.
    """
    own = [answer for answer in answers.primary.values() if answer.release == serving and not answer.lost]
    if len(own) < settings.baseline_requests:
        return None
    newest = sorted(own, key=lambda answer: answer.at)[-10 * settings.baseline_requests :]
    latency = np.asarray([answer.latency_s for answer in newest])
    slow = {
        slow_name(one.quantile): _slow_from_s(float(np.quantile(latency, one.quantile)), one) for one in settings.slow
    }
    scores = np.asarray([answer.score for answer in newest if not answer.fallback])
    guards = len(scores) >= settings.baseline_requests / 2 and len(np.unique(scores)) > settings.baseline_requests / 10
    quartiles = {score_name(one): float(np.quantile(scores, one)) for one in SCORE_QUANTILES} if guards else {}
    return Baseline(slow, quartiles)


def _slow_from_s(usual_s: float, slow: Slow) -> float:
    """The time from which an answer is a slow one: beyond both the slack and the margin."""
    return max(usual_s * (1 + slow.slack), usual_s + slow.margin_ms / 1000)


def known_until(answers: Answers, newest: Mapping[str, datetime], state: State, patience: timedelta) -> datetime | None:
    """Until when the records of all writers are in, so that none is missing because its writer ships later.

    `newest` is each writer's newest record. A writer that is behind the newest of all by more than `patience` is dead
    or idle and is waited for no longer; nor is a release that has not answered since its weight changed.
    """
    if not newest or not state.spans:
        return None
    latest, began_at = max(newest.values()), state.spans[-1].began_at
    marks = list(newest.values())
    own = [answers.newest.get(release) for release in (state.serving, state.candidate)]
    marks += [began_at for at in own if at is None or at < began_at]
    return min(mark for mark in (*marks, latest) if latest - mark <= patience)


def look(
    answers: Answers, labels: Labels, state: State, settings: Rollout, costs: Costs, until: datetime | None = None
) -> Look:
    """What the records say of a rollout; those after `until` are left for later, since not all of them may be in."""
    if state.baseline is None:
        found = measure_baseline(answers, state.serving, settings)
        return Look(Evidence({}), found.to_json() if found else None)
    baseline = Baseline(state.baseline["slow_s"], state.baseline["scores"])
    spans = [_Part.of(answers, span, state, until) for span in state.spans]
    checks: dict[str, list[Stretch]] = {}
    days: dict[str, list[dict[date, Stretch]]] = {}
    for part in spans:
        for name, stretch in part.operation(baseline).items():
            checks.setdefault(name, []).append(stretch)
        for name, (stretch, whole_days) in part.labelled(labels, costs).items():
            checks.setdefault(name, []).append(stretch)
            days.setdefault(name, []).append(whole_days)
    splits = tuple(Split(part.share, len(part.candidate), len(part.serving)) for part in spans)
    copies = spans[-1].copied if spans else (0, 0)
    known = {name: measured(stretches, days.get(name, [])) for name, stretches in checks.items()}
    return Look(Evidence(known, splits, copies))


@dataclass(frozen=True)
class _Part:
    """The answers of one span: by assignment, and as pairs of (candidate, serving) where a copy was answered too."""

    share: float
    candidate: dict[Name, Answer]
    serving: dict[Name, Answer]
    pairs: dict[Name, tuple[Answer, Answer]]
    copied: tuple[int, int]

    @classmethod
    def of(cls, answers: Answers, span: Span, state: State, until: datetime | None) -> "_Part":
        """Picks the answers of a span, up to `until`."""
        begin, end = span.began_at + SETTLES, span.ended_at
        inside = {
            name: answer
            for name, answer in answers.primary.items()
            if begin <= answer.at and (end is None or answer.at < end) and (until is None or answer.at <= until)
        }
        candidate = {name: answer for name, answer in inside.items() if answer.release == state.candidate}
        serving = {name: answer for name, answer in inside.items() if answer.release == state.serving}
        pairs = {}
        for name, answer in inside.items():
            copy = answers.copies.get(name)
            if copy is None or copy.release == answer.release:
                continue
            if (answer.release, copy.release) == (state.serving, state.candidate):
                pairs[name] = (copy, answer)
            elif (answer.release, copy.release) == (state.candidate, state.serving):
                pairs[name] = (answer, copy)
        # The newest second is left out of the count: its copies may still be on their way.
        last = max((answer.at for answer in inside.values()), default=begin)
        due = serving if span.weight < FULL else candidate
        expected = [name for name, answer in due.items() if answer.at < last - SETTLES]
        return cls(
            span.weight / FULL, candidate, serving, pairs, (len(expected), sum(one in pairs for one in expected))
        )

    def operation(self, baseline: Baseline) -> dict[str, Stretch]:
        """The checks without labels: by the split where there is one, else by pairs."""
        checks: dict[str, tuple[Mark, float]] = {"failed": (_failed, 0.0), "fallback": (_fallback, 0.0)}
        for name, threshold in baseline.slow_s.items():
            checks[name] = (_slower_than(threshold), 0.05 if name != slow_name(0.5) else 0.4)
        found = {name: self._counted(bad, centre, False) for name, (bad, centre) in checks.items()}
        for name, threshold in baseline.scores.items():
            found[name] = self._counted(_above(threshold), 0.5, True)
        return {name: stretch for name, stretch in found.items() if stretch is not None}

    def _counted(self, bad: Mark, centre: float, model_only: bool) -> Stretch | None:
        def counts(answers: Iterable[Answer]) -> tuple[int, int]:
            kept = [answer for answer in answers if not (model_only and answer.fallback)]
            return sum(map(bad, kept)), len(kept)

        if 0 < self.share < 1:
            return split_counts(self.share, centre, counts(self.candidate.values()), counts(self.serving.values()))
        both = [pair for pair in self.pairs.values() if not (model_only and (pair[0].fallback or pair[1].fallback))]
        if not both:
            return None
        marks = [(bad(one), bad(other)) for one, other in both]
        ours, theirs, same = (marks.count(kind) for kind in ((True, False), (False, True), (True, True)))
        return pair_counts(ours, theirs, same, len(marks))

    def labelled(self, labels: Labels, costs: Costs) -> dict[str, tuple[Stretch, dict[date, Stretch]]]:
        """Loss and cost of answers whose label is known: on pairs where there are copies, else on the split.

        With each its whole days.
        """

        def due(name: Name, answer: Answer) -> bool:
            return labels.until is not None and answer.event_time <= labels.until and name[1] in labels.positive

        paired = sorted(name for name, (ours, _) in self.pairs.items() if due(name, ours))
        if not paired and not 0 < self.share < 1:
            return {}
        both = zip(*(self.pairs[name] for name in paired)) if paired else ()
        sides = [dict(zip(paired, side)) for side in both] or [
            {name: answer for name, answer in side.items() if due(name, answer)}
            for side in (self.candidate, self.serving)
        ]
        if not all(sides):
            return {}
        found = {}
        for check, values_of in (("loss", _losses), ("cost", partial(_costs, costs=costs))):
            values = [values_of(side.values(), [labels.positive[name[1]] for name in side]) for side in sides]
            stretch = pair_means(*values) if paired else split_means(self.share, 0.15, *values)
            found[check] = (
                stretch,
                day_differences(*(_by_day(side, one, labels.until) for side, one in zip(sides, values))),
            )
        return found


def _by_day(answers: Mapping[Name, Answer], values: Values, until: datetime | None) -> dict[date, Values]:
    """Values by the day (UTC) of what they are about; a day whose last labels are not in is not whole yet."""
    days = [answer.event_time.astimezone(UTC).date() for answer in answers.values()]
    whole = {day for day in set(days) if until is not None and _ends_at(day) <= until}
    return {day: values[[one == day for one in days]] for day in whole}


def _ends_at(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)


def _failed(answer: Answer) -> bool:
    return answer.failed


def _fallback(answer: Answer) -> bool:
    return answer.fallback


def _slower_than(threshold_s: float) -> Mark:
    """An answer that was lost on the way took longer than any threshold, whatever its second try took."""
    return lambda answer: answer.lost or answer.latency_s > threshold_s


def _above(threshold: float) -> Mark:
    return lambda answer: answer.score > threshold


def _losses(answers: Iterable[Answer], truth: Iterable[bool]) -> Values:
    return np.asarray([(answer.score - positive) ** 2 for answer, positive in zip(answers, truth)])


def _costs(answers: Iterable[Answer], truth: Iterable[bool], costs: Costs) -> Values:
    unit = cost_unit(costs)
    return np.asarray([costs.of(answer.decision, positive) / unit for answer, positive in zip(answers, truth)])
