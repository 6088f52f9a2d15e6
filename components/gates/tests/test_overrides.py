import json
from datetime import UTC, datetime
from typing import Any

import pytest
from windsock.contracts.errors import InputError
from windsock.contracts.verdict import Finding, Outcome, Verdict, judge
from windsock.gates.overrides import decide, parse_overrides, refusal

AS_OF = datetime(2020, 4, 1, tzinfo=UTC)
GOOD = {"check": "validate_data/volume/orders/low", "who": "J. Doe", "why": "strike", "until": "2020-04-15"}


def verdict(**outcomes: Outcome) -> Verdict:
    names = {"volume": "volume/orders/low", "keys": "keys/orders", "mean": "mean/orders/revenue"}
    return judge("validate_data", [Finding(names[name], outcome, name) for name, outcome in outcomes.items()])


def entries(*changes: dict[str, Any]) -> str:
    return json.dumps([{**GOOD, **change} for change in changes])


@pytest.mark.parametrize("text", ["", "  ", "[]"])
def test_nothing_is_an_answer(text: str) -> None:
    assert parse_overrides(text) == ()


@pytest.mark.parametrize(
    "text, named",
    [
        ("yes", "override"),
        ("{}", "override"),
        ("true", "override"),
        ("[1]", "override[0]"),
        (json.dumps([{"check": "a/b"}]), "override[0].who"),
        (entries({"who": ""}), "override.who"),
        (entries({"why": "  "}), "override.why"),
        (entries({"check": ""}), "override.check"),
        (entries({"check": "everything"}), "override.check"),
        (entries({"until": "soon"}), "override.until"),
        (entries({"until": "[[ScheduledTime]]"}), "override.until"),
        (entries({"forever": True}), "override[0].forever"),
        (entries({}, {"who": "A. N. Other"}), "override.check"),
        ("[" * 100_000, "override"),
    ],
)
def test_a_bad_entry_is_refused_by_name(text: str, named: str) -> None:
    with pytest.raises(InputError) as error:
        parse_overrides(text)
    assert error.value.field == named


def test_a_signed_exception_lifts_exactly_its_finding() -> None:
    judged = verdict(volume=Outcome.REFUSED, keys=Outcome.REFUSED, mean=Outcome.PASSED)
    decision = decide(judged, parse_overrides(entries({})), AS_OF)
    assert not decision.passed
    assert [finding.check for finding in decision.standing] == ["keys/orders"]
    assert [(finding.check, entry.who) for finding, entry in decision.lifted] == [("volume/orders/low", "J. Doe")]


def test_all_reasons_signed_is_passed() -> None:
    judged = verdict(volume=Outcome.REFUSED, keys=Outcome.INCONCLUSIVE)
    both = parse_overrides(entries({}, {"check": "validate_data/keys/orders"}))
    assert decide(judged, both, AS_OF).passed


@pytest.mark.parametrize("until, lifts", [("2020-04-01", True), ("2020-03-31T23:59:59Z", False), ("2020-07-02", True)])
def test_it_ends(until: str, lifts: bool) -> None:
    decision = decide(verdict(volume=Outcome.REFUSED), parse_overrides(entries({"until": until})), AS_OF)
    assert decision.passed is lifts
    assert bool(decision.expired) is not lifts


def test_it_cannot_last_for_ever() -> None:
    with pytest.raises(InputError, match="at most 92 days"):
        decide(verdict(volume=Outcome.REFUSED), parse_overrides(entries({"until": "2020-07-03"})), AS_OF)


@pytest.mark.parametrize("check", ["volume/orders", "volume/orders/low/", "volume/*", "VOLUME/orders/low"])
def test_only_exact_names_are_known(check: str) -> None:
    overrides = parse_overrides(entries({"check": f"validate_data/{check}"}))
    with pytest.raises(InputError, match="exact name"):
        decide(verdict(volume=Outcome.REFUSED), overrides, AS_OF)


def test_another_gate_is_left_alone() -> None:
    overrides = parse_overrides(entries({"check": "evaluate_model/volume/orders/low"}))
    decision = decide(verdict(volume=Outcome.REFUSED), overrides, AS_OF)
    assert not decision.passed
    assert decision.lifted == decision.expired == decision.unneeded == ()


def test_what_passed_needs_no_signature() -> None:
    decision = decide(verdict(volume=Outcome.PASSED), parse_overrides(entries({})), AS_OF)
    assert decision.passed
    assert [entry.who for entry in decision.unneeded] == ["J. Doe"]


def test_a_gate_that_checked_nothing_never_passes() -> None:
    empty = judge("validate_data", [])
    decision = decide(empty, (), AS_OF)
    assert not decision.passed
    assert refusal(empty, decision) == "validate_data checked nothing"


def test_the_reasons_are_one_line_with_refusals_first() -> None:
    judged = verdict(mean=Outcome.INCONCLUSIVE, volume=Outcome.REFUSED)
    line = refusal(judged, decide(judged, parse_overrides(entries({"until": "2020-03-01"})), AS_OF))
    assert line.startswith("validate_data stopped the run for 2 reasons: volume/orders/low (refused): volume; mean/")
    assert "the override of volume/orders/low ended 2020-03-01" in line
    assert "\n" not in line
