"""A request is trained for once: a storm of triggers, a process that is killed, a person, a failure."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from types import SimpleNamespace

import pytest
from windsock.contracts.errors import EXIT_REFUSED, InputError
from windsock.contracts.lock import held
from windsock.contracts.monitoring import Raised, Request
from windsock.contracts.monitoring_settings import Retraining

from pipelines.ledger import DirectoryShelf, Kind, Ledger, known
from pipelines.retrain import Place, ask, take
from pipelines.summary import Ended

JUNE = "2013-06-01T00:00:00Z"
REQUEST = Request("drift-1", "drift", JUNE, "harm", "sha256:a", JUNE)


class Trainer:
    """Counts what it is asked to train, and ends as it is told."""

    def __init__(self, exit_code: int = 0) -> None:
        self.trained, self.exit_code, self.words = [], exit_code, "release sha256:b"

    def __call__(self, request: Request) -> Ended:
        self.trained.append(request.request_id)
        return Ended(self.exit_code, self.words)


@pytest.fixture
def place(tmp_path) -> Place:
    use_case = SimpleNamespace(retraining=Retraining(), tables=("flights",))
    return Place(Ledger(DirectoryShelf(tmp_path)), use_case, list, lambda: "sha256:a", Trainer())


def watch(place: Place, request: Request | None = REQUEST) -> None:
    said = {"raised": asdict(Raised(JUNE, "sha256:a")), "request": asdict(request) if request else None}
    place.ledger.append(Kind.WATCHED, JUNE, said)


def test_nothing_waits(place):
    assert take(place) == Ended(0, "none is asked for")
    watch(place, None)
    take(place)
    assert place.train.trained == []


@pytest.mark.parametrize(
    "exit_code,outcome", [(0, "proposed"), (EXIT_REFUSED, "refused"), (1, "failed"), (2, "failed")]
)
def test_what_becomes_of_a_request_is_noted(place, exit_code, outcome):
    watch(place)
    place.train.exit_code = exit_code
    assert take(place).exit_code == exit_code
    (request,) = known(place.ledger.entries()).requests
    assert (request.outcome, request.result) == (outcome, "release sha256:b")
    take(place)
    assert place.train.trained == ["drift-1"]


def test_a_storm_of_a_thousand_triggers_trains_once(place, tmp_path):
    """Each trigger is a monitoring run that asks, and a process that takes."""
    begun = threading.Barrier(16)

    def trigger(number: int) -> None:
        if number < 16:
            begun.wait()
        watch(place)
        with held(tmp_path / "retrain.lock") as first:
            if first:
                take(place)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(trigger, range(1000)))
    assert place.train.trained == ["drift-1"]


def test_who_was_killed_in_training_is_taken_up_by_the_next(place):
    watch(place)

    def killed(request: Request) -> Ended:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        take(Place(place.ledger, place.use_case, list, place.production, killed))
    take(place)
    assert place.train.trained == ["drift-1"]


def test_a_failure_is_taken_once_more_only_when_asked(place):
    watch(place)
    place.train.exit_code = 1
    take(place)
    take(place)
    place.train.exit_code = 0
    take(place, again=True)
    assert place.train.trained == ["drift-1", "drift-1"]
    assert known(place.ledger.entries()).requests[0].outcome == "proposed"
    take(place, again=True)
    assert len(place.train.trained) == 2


def test_a_refusal_is_final(place):
    watch(place)
    place.train.exit_code = EXIT_REFUSED
    take(place)
    take(place, again=True)
    assert place.train.trained == ["drift-1"]


def test_a_person_asks_once_for_the_same_and_not_without_end(place):
    asked = ask(place, "2013-06-02", "new runway")
    assert (asked.by, asked.as_of, asked.reason) == ("hand", "2013-06-02T00:00:00Z", "new runway")
    take(place)
    assert place.train.trained == [asked.request_id]
    with pytest.raises(InputError, match="it has its request already"):
        ask(place, "2013-06-02", "new runway")
    ask(place, "2013-06-03", "again")
    with pytest.raises(InputError, match="at most 2 are allowed"):
        ask(place, "2013-06-04", "and again")
