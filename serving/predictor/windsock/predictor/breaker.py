"""A circuit breaker: leaves a store alone that has failed several times in a row, and tries it again with one read."""

CLOSED, OPEN, TRYING = "closed", "open", "trying"


class Breaker:
    """Not safe for several threads: it belongs to the event loop. Times are seconds of any monotonic clock."""

    def __init__(self, failures: int, open_s: float) -> None:
        self._failures = failures
        self._open_s = open_s
        self._in_a_row = 0
        self._open_until = 0.0
        self.state = CLOSED

    def allows(self, now: float) -> bool:
        """Whether a read may be sent now. The first one after the pause is the trial, the only one until it ends."""
        if self.state == CLOSED:
            return True
        if now < self._open_until:
            return False
        # A trial that never reports back must not close the road for good: the next one may go after another pause.
        self.state, self._open_until = TRYING, now + self._open_s
        return True

    def succeeded(self) -> None:
        """A read came back in time."""
        self._in_a_row = 0
        self.state = CLOSED

    def failed(self, now: float) -> None:
        """A read was late or failed."""
        self._in_a_row += 1
        if self.state == TRYING or self._in_a_row >= self._failures:
            self.state, self._open_until = OPEN, now + self._open_s
