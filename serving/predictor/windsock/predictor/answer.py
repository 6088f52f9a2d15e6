"""The request path: rows come in; features, model or rules, decision, record; answers go out, inside the deadline."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from windsock.contracts.call import Call
from windsock.contracts.protocol import Answer, Row
from windsock.contracts.record import Prediction, entity_key, new_prediction_id
from windsock.contracts.recorded import CLOCK as RECORDED
from windsock.contracts.recorded import PATIENCE, asked_at
from windsock.contracts.rules import rules_probability
from windsock.predictor.breaker import CLOSED, Breaker
from windsock.predictor.decide import ACT, Decision, decide
from windsock.predictor.metrics import Metrics
from windsock.predictor.plan import Plan
from windsock.predictor.release import Release
from windsock.predictor.store import Reader
from windsock.predictor.workers import FEATURES, Scored, Work, Workers

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Reasons that tell of the store itself, not of one entity: they count against it.
STORE_FAULTS = ("features_slow", "features_down", "features_invalid")


class OverloadError(Exception):
    """More requests are in work than the bound allows; this one is refused at once."""


class Recorder(Protocol):
    """The durable record, as the request path needs it."""

    async def append(self, predictions: Sequence[Prediction], within_s: float) -> None:
        """Returns when the predictions are on disk; raises `NotRecorded` if that cannot be within the time."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The answers of one request, and what was left of its deadline."""

    answers: list[Answer]
    deadline_left_ms: int


def request_time(release: Release, row: Row) -> float:
    """The moment for which a row asks in a replay: its event time less the lead time, in seconds since 1970."""
    request = release.use_case.request
    event_time: datetime = row[request.event_time]
    return event_time.timestamp() - 60 * request.lead_time_minutes


def wall_time(_release: Release, _row: Row) -> float:
    """Now, in seconds since 1970."""
    return time.time()


CLOCKS: dict[str, Callable[[Release, Row], float]] = {
    "real": wall_time,
    "request": request_time,
    RECORDED: request_time,
}


class Answerer:
    """Answers requests with one release at a time; another one takes over between two requests."""

    def __init__(
        self,
        release: Release,
        recorder: Recorder,
        metrics: Metrics,
        open_reader: Callable[[Plan], Reader],
        clock: Callable[[Release, Row], float] = wall_time,
    ) -> None:
        self.release = release
        self.in_work = 0
        self._recorder = recorder
        self._metrics = metrics
        self._clock = clock
        serving = release.use_case.serving
        self.workers = Workers(serving.workers, open_reader)
        self.breaker = Breaker(serving.breaker_failures, serving.breaker_open_ms / 1000)

    @property
    def model_fault(self) -> str:
        """Why the model would not answer now, or empty."""
        if self.release.scorer is None:
            return "rules_release"
        return self.workers.busy or ("features_open" if self.breaker.state != CLOSED else "")

    def take(self, release: Release) -> None:
        """Lets another release answer from the next request on; those in work end with the one they began with."""
        self.release = release

    async def answer(self, rows: Sequence[Row], call: Call, arrived: float) -> Answered:
        """Answers the rows of one request that arrived at `arrived` (monotonic clock of `time`, seconds).

        Raises:
            OverloadError: too many requests are in work.
            NotRecorded: the record cannot be written, so the answer must not leave.
        """
        release = self.release
        if self.in_work >= release.use_case.serving.requests_at_once:
            self._metrics.shed()
            raise OverloadError
        self.in_work += 1
        try:
            deadline_at = arrived + call.deadline_ms / 1000
            scored = await self._scored(release, rows, deadline_at, call.deadline_ms / 1000)
            decisions = [self._decided(release, row, result) for row, result in zip(rows, scored)]
            records = _records(release, rows, scored, decisions, call, arrived)
            reserve_s = release.use_case.serving.reserve_ms / 1000
            await self._recorder.append(records, max(deadline_at - time.monotonic(), reserve_s))
            return self._told(release, records, scored, decisions, deadline_at, arrived)
        finally:
            self.in_work -= 1

    async def _scored(
        self, release: Release, rows: Sequence[Row], deadline_at: float, deadline_s: float
    ) -> list[Scored]:
        """What the model's road gave, or a reason for each row; back in time for the rules in any case."""
        serving = release.use_case.serving
        reason = self._closed_road(release)
        if reason:
            return [Scored(reason=reason) for _ in rows]
        work = Work(release, rows, [self._clock(release, row) for row in rows])
        loop = work.future.get_loop()
        give_up_at = deadline_at - min(serving.reserve_ms / 1000, deadline_s / 2)
        now = time.monotonic()
        loop_now = loop.time()
        timers = [
            loop.call_at(loop_now + serving.features_ms / 1000, self._late_features, work),
            loop.call_at(loop_now + give_up_at - now, self.workers.give_up, work),
        ]
        self.workers.submit(work)
        try:
            scored = await work.future
        finally:
            for timer in timers:
                timer.cancel()
        if release.plan.views:
            self._judge_store(scored[0].reason)
        return scored

    def _closed_road(self, release: Release) -> str:
        """The reason not even to try the model, or empty."""
        if release.scorer is None:
            return "rules_release"
        if self.workers.busy:
            return self.workers.busy
        if release.plan.views and not self.breaker.allows(time.monotonic()):
            return "features_open"
        return ""

    def _late_features(self, work: Work) -> None:
        if work.stage == FEATURES:
            self.workers.give_up(work)

    def _judge_store(self, reason: str) -> None:
        if reason in STORE_FAULTS:
            self.breaker.failed(time.monotonic())
        elif reason not in ("features_busy", "deadline"):
            self.breaker.succeeded()

    def _decided(self, release: Release, row: Row, scored: Scored) -> Decision:
        decision = decide(scored.probability, scored.reason, 0.0, release.threshold)
        if not decision.reason:
            return decision
        return decide(None, decision.reason, rules_probability(release.rules, row), release.threshold)

    def _told(
        self,
        release: Release,
        records: Sequence[Prediction],
        scored: Sequence[Scored],
        decisions: Sequence[Decision],
        deadline_at: float,
        arrived: float,
    ) -> Answered:
        answers = [
            Answer(record.prediction_id, each.probability, each.decision, release.digest, each.answered_by, each.reason)
            for record, each in zip(records, decisions)
        ]
        now = time.monotonic()
        self._metrics.answered(release.digest, answers, scored, now - arrived)
        return Answered(answers, max(0, int((deadline_at - now) * 1000)))


def _records(
    release: Release,
    rows: Sequence[Row],
    scored: Sequence[Scored],
    decisions: Sequence[Decision],
    call: Call,
    arrived: float,
) -> list[Prediction]:
    """The records of one request's answers."""
    predicted_at = datetime.now(UTC)
    patience = PATIENCE if release.recorded else 1
    latency_s = (time.monotonic() - arrived) / patience
    request = release.use_case.request
    return [
        Prediction(
            prediction_id=new_prediction_id(predicted_at),
            request_id=call.request_id,
            release=release.digest,
            assigned_release=call.assigned_release,
            role=call.role,
            answered_by=decision.answered_by,
            reason=decision.reason,
            key=entity_key(row[name] for name in request.key),
            event_time=row[request.event_time],
            request=row,
            features=result.features,
            feature_times={view: at if at is None else _time(at) for view, at in result.times_s.items()},
            row=result.row,
            probability=decision.probability,
            threshold=release.threshold,
            decision=decision.decision == ACT,
            predicted_at=asked_at(request, row[request.event_time]) if release.recorded else predicted_at,
            deadline_s=call.deadline_ms / 1000 / patience,
            latency_s=latency_s,
        )
        for row, result, decision in zip(rows, scored, decisions)
    ]


def _time(seconds: float) -> datetime:
    return EPOCH + timedelta(seconds=seconds)
