"""A pace tells an observer what is done, and how long the rest will take if it goes on as it went so far."""

from time import perf_counter

from port.observer import Observer


class Pace:
    """Counts `steps` of a stage whose sizes sum to `total`; a step's time is taken to go with its size."""

    def __init__(self, stage: str, steps: int, total: int, observer: Observer) -> None:
        self._stage, self._steps, self._total, self._observer = stage, steps, total, observer
        self._done, self._size, self._began = 0, 0, perf_counter()

    def tell(self, word: str, size: int) -> None:
        """One more step of this size is done; `word` says what it gave."""
        self._done += 1
        self._size += size
        left = (self._total / self._size - 1) * (perf_counter() - self._began)
        self._observer.step(self._stage, self._done, self._steps, f"{word}; about {duration(left)} left")


def duration(seconds: float) -> str:
    """Seconds up to two minutes, minutes up to two hours, then hours."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
