from windsock.predictor.breaker import CLOSED, OPEN, TRYING, Breaker


def opened(at=0.0):
    breaker = Breaker(failures=3, open_s=1.0)
    for _ in range(3):
        breaker.failed(at)
    return breaker


def test_it_opens_after_failures_in_a_row_only():
    breaker = Breaker(failures=3, open_s=1.0)
    breaker.failed(0)
    breaker.failed(0)
    breaker.succeeded()
    breaker.failed(0)
    breaker.failed(0)
    assert breaker.state == CLOSED
    breaker.failed(0)
    assert breaker.state == OPEN
    assert not breaker.allows(0.99)


def test_after_the_pause_one_read_is_the_trial():
    breaker = opened()
    assert breaker.allows(1.0)
    assert breaker.state == TRYING
    assert not breaker.allows(1.5)


def test_a_good_trial_closes_and_a_bad_one_opens_again():
    breaker = opened()
    assert breaker.allows(1.0)
    breaker.succeeded()
    assert breaker.allows(1.0)
    breaker = opened()
    assert breaker.allows(1.0)
    breaker.failed(1.1)
    assert not breaker.allows(2.0)
    assert breaker.allows(2.1)


def test_a_trial_that_never_comes_back_is_followed_by_another():
    breaker = opened()
    assert breaker.allows(1.0)
    assert breaker.allows(2.0)
