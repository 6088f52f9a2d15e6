"""Answers requests by the rules, and records each answer before it leaves."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime

from windsock.contracts.call import Call
from windsock.contracts.journal import NotRecorded, Recorder
from windsock.contracts.protocol import Answer, Row
from windsock.contracts.record import Prediction, entity_key, new_prediction_id
from windsock.contracts.recorded import PATIENCE, asked_at
from windsock.contracts.rules import rules_probability
from windsock.rules.release import Release

RULES, ACT, SKIP = "rules", "act", "skip"
# The journal always speaks within the time that it was given; this much more is for the way between two threads.
HANDOVER_S = 1.0


class OverloadError(Exception):
    """More requests are in work than the bound allows; this one is refused at once."""


class Service:
    """Safe for any number of threads; the record's event loop runs in another one."""

    def __init__(self, release: Release, recorder: Recorder, loop: asyncio.AbstractEventLoop) -> None:
        self.release = release
        self.draining = False
        self.answers: Counter[str] = Counter()
        self.responses: Counter[tuple[str, int]] = Counter()
        self._recorder = recorder
        self._loop = loop
        self._lock = threading.Lock()
        self._in_work = 0

    @property
    def ready(self) -> bool:
        """Whether requests may be sent here: an answer can be given and recorded."""
        return not self.draining and self._recorder.state().can_record

    @property
    def in_work(self) -> int:
        """How many requests are being answered."""
        return self._in_work

    def responded(self, protocol: str, status: int) -> None:
        """Counts a response."""
        with self._lock:
            self.responses[protocol, status] += 1

    def answer(self, release: Release, rows: Sequence[Row], call: Call, arrived: float) -> list[Answer]:
        """Answers the rows of a request that arrived at `arrived` (monotonic clock, seconds).

        Raises:
            OverloadError: too many requests are in work.
            NotRecorded: the record cannot be written, so the answer must not leave.
        """
        with self._lock:
            if self._in_work >= release.use_case.serving.requests_at_once:
                raise OverloadError
            self._in_work += 1
        try:
            records = _records(release, rows, call, arrived)
            self._record(records, max(call.deadline_ms, release.use_case.serving.reserve_ms) / 1000)
            with self._lock:
                self.answers[_reason(release, call)] += len(records)
            return [_answer(record) for record in records]
        finally:
            with self._lock:
                self._in_work -= 1

    def _record(self, records: Sequence[Prediction], within_s: float) -> None:
        written: Future[None] = asyncio.run_coroutine_threadsafe(self._recorder.append(records, within_s), self._loop)
        try:
            written.result(within_s + HANDOVER_S)
        except TimeoutError as error:
            raise NotRecorded("too_late") from error


def _reason(release: Release, call: Call) -> str:
    """Why the rules answer: as the release that was asked for, or in place of another one."""
    first_choice = call.fallback_reason == "predictor_unavailable" and call.assigned_release == release.digest
    return "rules_release" if release.own and first_choice else call.fallback_reason


def _records(release: Release, rows: Sequence[Row], call: Call, arrived: float) -> list[Prediction]:
    predicted_at = datetime.now(UTC)
    patience = PATIENCE if release.recorded else 1
    request = release.use_case.request
    records = []
    for row in rows:
        probability = rules_probability(release.rules, row)
        records.append(
            Prediction(
                prediction_id=new_prediction_id(predicted_at),
                request_id=call.request_id,
                release=release.digest,
                assigned_release=call.assigned_release,
                role=call.role,
                answered_by=RULES,
                reason=_reason(release, call),
                key=entity_key(row[name] for name in request.key),
                event_time=row[request.event_time],
                request=row,
                features={},
                feature_times={},
                row=(),
                probability=probability,
                threshold=release.threshold,
                decision=probability >= release.threshold,
                predicted_at=asked_at(request, row[request.event_time]) if release.recorded else predicted_at,
                deadline_s=call.deadline_ms / 1000 / patience,
                latency_s=(time.monotonic() - arrived) / patience,
            )
        )
    return records


def _answer(record: Prediction) -> Answer:
    return Answer(
        record.prediction_id,
        record.probability,
        ACT if record.decision else SKIP,
        record.release,
        record.answered_by,
        record.reason,
    )


def render_metrics(service: Service) -> str:
    """The service's figures in Prometheus's text format."""
    release = service.release.digest[:19]
    lines = ["# TYPE windsock_answers counter"]
    lines += [
        f'windsock_answers_total{{release="{release}",answered_by="{RULES}",reason="{reason}"}} {count}'
        for reason, count in sorted(service.answers.items())
    ]
    lines.append("# TYPE windsock_responses counter")
    lines += [
        f'windsock_responses_total{{protocol="{protocol}",status="{status}"}} {count}'
        for (protocol, status), count in sorted(service.responses.items())
    ]
    gauges: Mapping[str, float] = {"windsock_in_work": service.in_work, "windsock_ready": service.ready}
    for name, value in gauges.items():
        lines += [f"# TYPE {name} gauge", f"{name} {float(value)}"]
    return "\n".join(lines) + "\n"
