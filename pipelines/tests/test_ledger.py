"""The ledger: what is known is what its entries say, whoever writes at once and whatever was killed."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace

import pytest
from windsock.contracts.errors import InputError
from windsock.contracts.monitoring import Alert, Raised, Request

from pipelines.ledger import FOLDER, DirectoryShelf, Kind, Ledger, known, standing, undelivered, watched

MAY, JUNE, JULY = "2013-05-01T00:00:00Z", "2013-06-01T00:00:00Z", "2013-07-01T00:00:00Z"
REQUEST = Request("drift-1", "drift", JUNE, "harm", "sha256:a", JUNE)


@pytest.fixture
def ledger(tmp_path) -> Ledger:
    return Ledger(DirectoryShelf(tmp_path))


def alert(check: str, ends_at: str = "") -> Alert:
    return Alert({"alertname": "A", "check": check}, JUNE, JUNE, ends_at)


def watch(ledger: Ledger, as_of: str, *alerts: Alert, request: Request | None = None, back: bool = False) -> None:
    said = {"raised": asdict(Raised(as_of, "sha256:a", alerts)), "back": back}
    ledger.append(Kind.WATCHED, as_of, {**said, "request": asdict(request) if request else None})


def test_of_many_writers_each_gets_a_number_of_its_own(ledger):
    with ThreadPoolExecutor(16) as pool:
        numbers = list(pool.map(lambda n: ledger.append(Kind.REQUESTED, JUNE, {"n": n}).number, range(200)))
    assert sorted(numbers) == list(range(1, 201))
    assert sorted(entry.details["n"] for entry in ledger.entries()) == list(range(200))


def test_what_a_killed_writer_left_behind_is_not_read(ledger, tmp_path):
    watch(ledger, JUNE)
    (tmp_path / FOLDER / ".000002.json.partial-1-ab").write_text("{")
    assert len(ledger.entries()) == 1
    assert ledger.append(Kind.REQUESTED, JUNE, {}).number == 2


@pytest.mark.parametrize("content,words", [("{", "000002.json"), ('{"number": 7}', "at"), ("[]", "table")])
def test_a_broken_entry_is_told_by_name(ledger, tmp_path, content, words):
    watch(ledger, JUNE)
    (tmp_path / FOLDER / "000002.json").write_text(content)
    with pytest.raises(InputError, match=words):
        ledger.entries()


def test_a_missing_entry_is_told(ledger, tmp_path):
    for _ in range(3):
        watch(ledger, JUNE)
    (tmp_path / FOLDER / "000002.json").unlink()
    with pytest.raises(InputError, match="entry 2: one is missing"):
        ledger.entries()


def test_known_are_the_open_alerts_of_the_latest_time_and_every_request_with_its_end(ledger):
    watch(ledger, JUNE, alert("a"), alert("b"), request=REQUEST)
    watch(ledger, JULY, alert("b"), alert("a", JULY))
    # A look back, and the same request once more.
    watch(ledger, MAY, alert("c"), request=replace(REQUEST, reason="later"), back=True)
    assert watched(ledger.entries()).as_of == JULY
    before = known(ledger.entries())
    assert [one.labels["check"] for one in before.alerts] == ["b"]
    assert before.requests == (REQUEST,)
    ledger.append(Kind.ENDED, JUNE, {"request_id": "drift-1", "outcome": "refused", "result": "cost"})
    assert known(ledger.entries()).requests == (replace(REQUEST, outcome="refused", result="cost"),)


def test_an_alert_that_is_quiet_stays_open_and_is_told_as_it_is(ledger):
    quiet = replace(alert("a"), quiet_since=JULY)
    watch(ledger, JULY, quiet, alert("b", JULY))
    assert known(ledger.entries()).alerts == (quiet,)
    ledger.append(Kind.DELIVERED, JULY, {"through": 1})
    assert undelivered(ledger.entries()) == [quiet]


def test_an_entry_of_before_alerts_could_be_quiet_is_read(ledger):
    stored = {name: value for name, value in asdict(alert("a")).items() if name != "quiet_since"}
    ledger.append(Kind.WATCHED, JUNE, {"raised": {"as_of": JUNE, "release": "sha256:a", "alerts": [stored]}})
    assert known(ledger.entries()).alerts == (alert("a"),)


def test_an_end_of_what_nobody_asked_for_is_told(ledger):
    ledger.append(Kind.ENDED, JUNE, {"request_id": "drift-9", "outcome": "failed", "result": ""})
    with pytest.raises(InputError, match="drift-9"):
        known(ledger.entries())


def test_what_fires_is_told_at_every_delivery_and_an_end_once(ledger):
    watch(ledger, JUNE, alert("a"), alert("b"))
    assert len(undelivered(ledger.entries())) == 2
    ledger.append(Kind.DELIVERED, JUNE, {"through": 1})
    watch(ledger, JULY, alert("b"), alert("a", JULY))
    told = {one.labels["check"]: one.firing for one in undelivered(ledger.entries())}
    assert told == {"a": False, "b": True}
    ledger.append(Kind.DELIVERED, JULY, {"through": 3})
    assert [one.labels["check"] for one in undelivered(ledger.entries())] == ["b"]
    watch(ledger, MAY, alert("c"), back=True)
    assert set(standing(ledger.entries())) == {alert("a").fingerprint, alert("b").fingerprint}
