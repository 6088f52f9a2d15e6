"""An override that could lift nothing is refused before anything runs."""

import json

import pytest
from windsock.contracts.errors import InputError

from pipelines.execute import COMPILED
from pipelines.override import check_override, gates_of

TRAINING = (COMPILED / "training.yaml").read_text()
MATERIALIZATION = (COMPILED / "materialization.yaml").read_text()


def test_the_gates_are_the_steps_that_write_a_verdict():
    assert gates_of(TRAINING) == ["evaluate_model", "validate_data"]
    assert gates_of(MATERIALIZATION) == ["validate_data"]


@pytest.mark.parametrize(
    "text", ["", json.dumps([{"check": "validate_data/rule/x"}, {"check": "evaluate_model/cost"}])]
)
def test_an_entry_for_a_gate_of_the_pipeline_is_left_to_that_gate(text):
    check_override(text, TRAINING)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "override: got '{', expected nothing, or a JSON list"),
        ("{}", "override: got '{}', expected a JSON list of entries"),
        ("[1]", r"override: got '\[1\]', expected a JSON list of entries"),
        ('[{"check": "validate_dta/x"}]', r"override\[0\].check: got 'validate_dta/x', expected GATE/FINDING"),
        ('[{"why": "x"}]', r"override\[0\].check: got None, expected GATE/FINDING.*evaluate_model, validate_data"),
    ],
)
def test_what_could_lift_nothing_is_refused_by_name(text, said):
    with pytest.raises(InputError, match=said):
        check_override(text, TRAINING)


def test_a_gate_of_another_pipeline_is_none_here():
    with pytest.raises(InputError, match=r"validate_data$"):
        check_override('[{"check": "evaluate_model/cost"}]', MATERIALIZATION)
