import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from windsock.contracts.errors import InputError
from windsock.contracts.verdict import FILE, Finding, Outcome, Verdict, judge, worst

FLOATS = st.none() | st.floats(allow_nan=False, allow_infinity=False)
FINDINGS = st.builds(
    Finding,
    check=st.text(),
    outcome=st.sampled_from(Outcome),
    message=st.text(),
    effect=FLOATS,
    sample_size=st.none() | st.integers(0),
    interval=st.none() | st.tuples(st.floats(-1, 0), st.floats(0, 1)),
    threshold=FLOATS,
    threshold_origin=st.text(),
    owner=st.text(),
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("verdict")


@given(findings=st.lists(FINDINGS, max_size=5))
def test_a_verdict_reads_back_as_it_was_written(place, findings):
    verdict = judge("data", findings)
    verdict.write(place)
    assert Verdict.read(place) == verdict


@given(st.lists(st.sampled_from(Outcome)))
def test_the_worst_finding_decides(outcomes):
    found = judge("data", [Finding("check", outcome, "") for outcome in outcomes]).outcome
    if Outcome.REFUSED in outcomes:
        assert found is Outcome.REFUSED
    elif Outcome.INCONCLUSIVE in outcomes or not outcomes:
        assert found is Outcome.INCONCLUSIVE
    else:
        assert found is Outcome.PASSED


def test_a_gate_that_checked_nothing_did_not_pass():
    assert judge("data", []).outcome is Outcome.INCONCLUSIVE
    assert worst([]) is Outcome.INCONCLUSIVE


def test_the_reasons_are_what_stands_against_passing():
    findings = [Finding(outcome, outcome, "") for outcome in Outcome]
    assert {finding.outcome for finding in judge("data", findings).reasons} == {Outcome.REFUSED, Outcome.INCONCLUSIVE}


GOOD = {"check": "a", "outcome": "refused", "message": "no"}


@pytest.mark.parametrize(
    "content, expected",
    [
        ([], "a gate, an outcome and findings"),
        ({"gate": "data", "outcome": "passed"}, "a gate, an outcome and findings"),
        ({"gate": "data", "outcome": "fine", "findings": []}, "'fine' is not a valid Outcome"),
        ({"gate": "data", "outcome": "refused", "findings": [{**GOOD, "outcome": "no"}]}, "not a valid Outcome"),
        ({"gate": "data", "outcome": "refused", "findings": [{**GOOD, "extra": 1}]}, "unexpected keyword"),
        ({"gate": "data", "outcome": "refused", "findings": [{"check": "a"}]}, "'outcome'"),
        ({"gate": "data", "outcome": "refused", "findings": [[]]}, "a gate, an outcome and findings"),
        ({"gate": "data", "outcome": "refused", "findings": ["no"]}, "a gate, an outcome and findings"),
        ({"gate": "data", "outcome": "passed", "findings": [GOOD]}, "'refused', as its findings say"),
        ({"gate": "data", "outcome": "passed", "findings": []}, "'inconclusive', as its findings say"),
    ],
)
def test_what_is_no_verdict_or_contradicts_itself_is_one_line(tmp_path, content, expected):
    (tmp_path / FILE).write_text(json.dumps(content))
    with pytest.raises(InputError, match=expected) as error:
        Verdict.read(tmp_path)
    assert str(error.value).startswith("verdict")
    assert "\n" not in str(error.value)


def test_a_missing_verdict_is_one_line(tmp_path):
    with pytest.raises(InputError, match=r"^verdict: got '.*', expected a file that exists"):
        Verdict.read(tmp_path)
