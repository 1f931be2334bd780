"""The time that is left of a stage is what is still to be done, at the rate of what was done since it began."""

from collections.abc import Callable
from datetime import timedelta
from time import monotonic


class Remaining:
    """An estimate that starts when it is made.

    Args:
        done: what was done before, which took none of the time.
        clock: seconds that never go back.
    """

    def __init__(self, done: int, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._begun, self._start = done, clock()

    def told(self, done: int, total: int) -> str:
        """`0:01:30 left`; empty as long as nothing is known, and at the end."""
        since = done - self._begun
        if since <= 0 or done >= total:
            return ""
        seconds = (self._clock() - self._start) * (total - done) / since
        return f"{timedelta(seconds=round(seconds))} left"
