"""How many threads a database may use."""

import pytest
from windsock.contracts.errors import InputError
from windsock.contracts.threads import threads


@pytest.mark.parametrize("said,number", [({}, None), ({"WINDSOCK_THREADS": ""}, None), ({"WINDSOCK_THREADS": "2"}, 2)])
def test_the_environment_says_how_many(said, number):
    assert threads(said) == number


@pytest.mark.parametrize("said", ["0", "-1", "all", "1.5", "²", "12345"])
def test_what_is_no_number_of_threads_is_refused_by_name(said):
    with pytest.raises(InputError, match=f"WINDSOCK_THREADS: got '{said}'"):
        threads({"WINDSOCK_THREADS": said})
