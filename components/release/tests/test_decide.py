"""Keep, go back, or the rules: the choice, its reason, and what would flip it."""

import numpy as np
import pytest
from simulated import COSTS
from windsock.release.decide import KEEP, PREVIOUS, RULES, Case, choose, render

HEALTHY = {KEEP: 1.0, PREVIOUS: 1.0, RULES: 1.0}


def cases(keep_errs, previous_errs=0.1, rules_errs=0.25, count=4_000, labelled=True):
    """Events of which a quarter come true; each path decides wrongly so often, independently."""
    generator = np.random.default_rng(1)
    positive = generator.random(count) < 0.25
    wrong = {name: generator.random(count) < share for name, share in
             ((KEEP, keep_errs), (PREVIOUS, previous_errs), (RULES, rules_errs))}  # fmt: skip
    return [
        Case(
            0.9 if positive[n] else 0.05,
            {name: bool(positive[n] ^ errs[n]) for name, errs in wrong.items()},
            bool(positive[n]) if labelled else None,
        )
        for n in range(count)
    ]


@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize("keep_errs,expected", [(0.1, KEEP), (0.02, KEEP), (0.4, PREVIOUS)])
def test_the_cheapest_is_chosen_where_it_surely_is(keep_errs, expected, labelled):
    choice = choose(cases(keep_errs, labelled=labelled), HEALTHY, COSTS)
    assert choice.name == expected
    assert choice.from_labels is labelled


def test_few_cases_change_nothing():
    choice = choose(cases(0.2, count=40), HEALTHY, COSTS)
    assert choice.name == KEEP
    assert "may be chance" in choice.why


def test_a_release_that_does_not_answer_is_left_for_the_cheapest_that_does():
    choice = choose(cases(0.02), {**HEALTHY, KEEP: 0.1}, COSTS)
    assert choice.name == PREVIOUS
    assert "10%" in choice.why
    assert choose(cases(0.02), {KEEP: 0.1, PREVIOUS: 0.2, RULES: 1.0}, COSTS).name == RULES


def test_the_release_before_was_not_asked():
    known = [Case(case.probability, {**case.decisions, PREVIOUS: None}, case.positive) for case in cases(0.4)]
    choice = choose(known, HEALTHY, COSTS)
    assert choice.name == RULES
    assert next(option for option in choice.options if option.name == PREVIOUS).cases == 0


def test_it_says_why_what_flips_it_and_how_sure_it_is():
    text = render(choose(cases(0.1, labelled=False), HEALTHY, COSTS), COSTS)
    assert text.startswith("keep: ")
    assert "flips if: " in text
    assert "estimate" in text
    choice = choose(cases(0.1), HEALTHY, COSTS)
    for option in choice.options:
        assert option.interval[0] <= option.cost <= option.interval[1]
        assert option.dearer_interval[0] <= option.dearer <= option.dearer_interval[1]
