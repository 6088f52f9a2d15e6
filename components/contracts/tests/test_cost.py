import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from windsock.contracts.cost import Costs
from windsock.contracts.errors import InputError

PRICE = st.floats(0, 1e6)
MORE = st.floats(1, 1e6)


def expected(costs: Costs, act: bool, probability: float) -> float:
    """What a decision costs on average, straight from the table."""
    return probability * costs.of(act, True) + (1 - probability) * costs.of(act, False)


def test_the_threshold_is_that_of_the_formula():
    assert Costs("USD", 120, 60, 250, 0).threshold == pytest.approx(60 / 190)
    assert Costs("USD", 0, 1, 1, 0).threshold == 0.5


@given(PRICE, PRICE, MORE, MORE, st.floats(0, 1))
def test_acting_is_the_cheaper_decision_exactly_from_the_threshold_on(right, idle, missed, vain, probability):
    costs = Costs("EUR", right, idle + vain, right + missed, idle)
    assert 0 < costs.threshold < 1
    assume(abs(probability - costs.threshold) > 1e-6)
    saving = expected(costs, False, probability) - expected(costs, True, probability)
    assert (saving > 0) == (probability > costs.threshold)


@pytest.mark.parametrize(
    "prices, expected",
    [
        ((250, 60, 250, 0), "costs.skip_positive: got 250, expected more than act_positive, else acting never pays"),
        ((120, 0, 250, 0), "costs.act_negative: got 0, expected more than skip_negative, else acting always pays"),
        ((120, float("nan"), 250, 0), "costs.act_negative: got nan"),
        ((120, 60, float("nan"), 0), "costs.skip_positive: got nan"),
    ],
)
def test_a_table_in_which_one_decision_always_wins_is_refused(prices, expected):
    with pytest.raises(InputError, match=f"^{expected}"):
        Costs("USD", *prices)
