import pytest
from hypothesis import given
from hypothesis import strategies as st
from windsock.contracts.errors import SHOWN_LIMIT, InputError


def test_the_message_names_field_value_and_what_was_expected():
    error = InputError("volume.tolerance", -1, "a number from 0 to 1")
    assert str(error) == "volume.tolerance: got -1, expected a number from 0 to 1"
    assert (error.field, error.value, error.expected) == ("volume.tolerance", -1, "a number from 0 to 1")


@given(st.text(), st.one_of(st.text(), st.binary(), st.lists(st.text())), st.text())
def test_the_message_is_one_line_whatever_was_given(field, value, expected):
    assert len(str(InputError(field, value, expected)).splitlines()) == 1


@pytest.mark.parametrize("value", ["x" * 10_000, list(range(10_000))])
def test_a_long_value_is_cut(value):
    assert len(str(InputError("field", value, "less"))) < SHOWN_LIMIT + 50
