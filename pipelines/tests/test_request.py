"""One run a request: many at once, a claimer that died before or after it started a run, one that was slow."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from windsock.contracts.errors import InputError

from pipelines.execute import execute
from pipelines.request import ATTEMPTS, Runs, request_run
from pipelines.run import parse_options


class Store:
    """Objects with a conditional write, as an S3 server has it."""

    def __init__(self, **objects):
        self.objects, self.lock = objects, threading.Lock()

    def create(self, name, content):
        with self.lock:
            taken = name in self.objects
            self.objects.setdefault(name, content)
            return not taken

    def read(self, name):
        return self.objects.get(name)


class Place:
    """Runs by their id, and the names that they were started under."""

    def __init__(self):
        self.started, self.ended, self.lock = {}, [], threading.Lock()

    def submit(self, name):
        with self.lock:
            run = f"run-{len(self.started) + 1}"
            self.started[run] = name
            return run

    def find(self, name):
        return next((run for run, known in self.started.items() if known == name), None)

    @property
    def runs(self):
        return Runs(self.submit, self.find, self.ended.append)


def no_time(seconds):
    """Passes at once."""


def test_a_storm_of_a_thousand_starts_one_run():
    store, place = Store(), Place()
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: request_run("drift-7", store, place.runs), range(1000)))
    assert len(place.started) == 1
    assert {run for run, _ in answers} == {"run-1"}
    assert sum(new for _, new in answers) == 1


def test_another_request_is_another_run():
    store, place = Store(), Place()
    assert request_run("a", store, place.runs) == ("run-1", True)
    assert request_run("b", store, place.runs) == ("run-2", True)
    assert request_run("a", store, place.runs) == ("run-1", False)


def test_who_died_before_starting_is_followed_by_another():
    store, place = Store(**{"requests/a/claim-1.json": b"gone"}), Place()
    assert request_run("a", store, place.runs, no_time) == ("run-1", True)


def test_a_run_whose_starter_died_before_noting_it_is_found():
    store, place = Store(**{"requests/a/claim-1.json": b"gone"}), Place()
    place.submit("a")
    assert request_run("a", store, place.runs, no_time) == ("run-1", False)
    assert len(place.started) == 1


def test_a_claimer_that_was_slow_ends_its_own_run():
    store, place = Store(), Place()

    def slow(name):
        store.create("requests/a/run.json", b'{"run": "another"}')
        return place.submit(name)

    assert request_run("a", store, Runs(slow, place.find, place.ended.append)) == ("another", False)
    assert place.ended == ["run-1"]


def test_claims_without_end_are_an_error():
    store, place = Store(**{f"requests/a/claim-{n}.json": b"gone" for n in range(1, ATTEMPTS + 1)}), Place()
    with pytest.raises(TimeoutError, match="request a: 10 claims and no run"):
        request_run("a", store, place.runs, no_time)


@pytest.mark.parametrize("name", ["", "../x", "A", "a/b", "a" * 101])
def test_a_name_that_is_no_folder_is_refused(name):
    with pytest.raises(InputError, match="--request"):
        request_run(name, Store(), Place().runs)


def test_a_request_on_this_machine_is_refused_before_anything_runs():
    with pytest.raises(InputError, match="--request: got 'mine', expected nothing on this machine"):
        execute(parse_options(["training", "--as-of", "2013-07-01", "--request", "mine"]))
