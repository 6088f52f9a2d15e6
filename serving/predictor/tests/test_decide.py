import math

import pytest
from windsock.predictor.decide import Decision, decide

THRESHOLD, RULES = 0.3, 0.1


@pytest.mark.parametrize(
    "model, reason, rules, expected",
    [
        (0.9, "", RULES, Decision(0.9, "act", "model", "")),
        (0.3, "", RULES, Decision(0.3, "act", "model", "")),
        (0.29, "", RULES, Decision(0.29, "skip", "model", "")),
        (0.0, "", 0.9, Decision(0.0, "skip", "model", "")),
        (1.0, "", RULES, Decision(1.0, "act", "model", "")),
        (0.9, "features_stale", RULES, Decision(RULES, "skip", "rules", "features_stale")),
        (0.1, "features_stale", 0.3, Decision(0.3, "act", "rules", "features_stale")),
        (None, "model_slow", 0.5, Decision(0.5, "act", "rules", "model_slow")),
        (None, "", RULES, Decision(RULES, "skip", "rules", "model_invalid")),
        (math.nan, "", RULES, Decision(RULES, "skip", "rules", "model_invalid")),
        (math.inf, "", RULES, Decision(RULES, "skip", "rules", "model_invalid")),
        (-0.001, "", RULES, Decision(RULES, "skip", "rules", "model_invalid")),
        (1.001, "", 0.5, Decision(0.5, "act", "rules", "model_invalid")),
    ],
)
def test_the_table_of_decisions(model, reason, rules, expected):
    assert decide(model, reason, rules, THRESHOLD) == expected
