"""Figures for Prometheus, counted on the event loop as plain numbers and laid out when they are asked for."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from windsock.contracts.protocol import Answer
from windsock.predictor.workers import Scored

LATENCY_BOUNDS_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.5, 1.0)
# Series are one a release, and a process that is never restarted meets many: the oldest ones go.
RELEASES_AT_MOST = 4
NAME_LENGTH = 19
Gauges = Callable[[], dict[str, float]]


def short(digest: str) -> str:
    """A release's name in metrics: `sha256:` and twelve digits."""
    return digest[:NAME_LENGTH]


class Metrics(Collector):
    """All series of the predictor. Labels are from closed lists: answered_by, reason, view; and a few releases."""

    def __init__(self, gauges: Gauges) -> None:
        self._gauges = gauges
        self._answers: dict[str, Counter[tuple[str, str]]] = {}
        self._responses: Counter[tuple[str, str]] = Counter()
        self._latencies = [0] * (len(LATENCY_BOUNDS_S) + 1)
        self._latency_sum_s = 0.0
        self._ages_s: dict[str, float] = {}
        self._shed = 0
        self._refused = 0
        self._release = ""
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def serves(self, digest: str) -> None:
        """Another release answers from now on."""
        self._release = digest
        self._answers.pop(digest, None)
        self._answers[digest] = Counter()
        for old in list(self._answers)[:-RELEASES_AT_MOST]:
            del self._answers[old]

    def refused(self) -> None:
        """A release was refused."""
        self._refused += 1

    def shed(self) -> None:
        """A request was shed."""
        self._shed += 1

    def responded(self, protocol: str, status: int) -> None:
        """A response left: over `v1`, `v2`, `grpc` or `other`, with this HTTP status."""
        self._responses[protocol, str(status)] += 1

    def answered(self, digest: str, answers: Sequence[Answer], scored: Sequence[Scored], latency_s: float) -> None:
        """A request's answers are on their way."""
        counts = self._answers.get(digest)
        if counts is not None:
            for answer in answers:
                counts[answer.answered_by, answer.reason] += 1
        self._latencies[bisect_left(LATENCY_BOUNDS_S, latency_s)] += 1
        self._latency_sum_s += latency_s
        for result in scored:
            self._ages_s.update(result.ages_s)

    def render(self) -> bytes:
        """The exposition in Prometheus's text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterable[Metric]:
        """All series, as the Prometheus client wants them."""
        answers = CounterMetricFamily(
            "windsock_answers",
            "Rows answered, by release, by whom and for which reason.",
            labels=("release", "answered_by", "reason"),
        )
        for digest, counts in self._answers.items():
            for (answered_by, reason), count in counts.items():
                answers.add_metric((short(digest), answered_by, reason), count)
        yield answers
        responses = CounterMetricFamily(
            "windsock_responses", "Responses, by protocol and status.", labels=("protocol", "status")
        )
        for labels, count in self._responses.items():
            responses.add_metric(labels, count)
        yield responses
        yield CounterMetricFamily("windsock_shed", "Requests refused because too many were in work.", value=self._shed)
        yield CounterMetricFamily(
            "windsock_release_refused", "Releases that were not let in; the one before serves.", value=self._refused
        )
        yield self._latency()
        yield InfoMetricFamily("windsock_release", "The release that answers.", value={"release": short(self._release)})
        ages = GaugeMetricFamily(
            "windsock_feature_age_seconds", "Age of the values last read, by feature view.", labels=("view",)
        )
        for view, age_s in self._ages_s.items():
            ages.add_metric((view,), age_s)
        yield ages
        for name, value in self._gauges().items():
            yield GaugeMetricFamily(f"windsock_{name}", name.replace("_", " ").capitalize() + ".", value=value)

    def _latency(self) -> Metric:
        total = 0
        buckets: list[tuple[str, float]] = []
        for bound, count in zip((*map(str, LATENCY_BOUNDS_S), "+Inf"), self._latencies):
            total += count
            buckets.append((bound, total))
        return HistogramMetricFamily(
            "windsock_answer_seconds",
            "From a request's arrival to its answer, the record included.",
            buckets=buckets,
            sum_value=self._latency_sum_s,
        )
