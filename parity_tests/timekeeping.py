"""Where the time of a court goes: the processor's seconds of each kind of work, whichever process did it."""

import os
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

Answer = TypeVar("Answer")

PROGRESS = re.compile(r"started ([\d.]+) s, network ([\d.]+) s, \d+ steps ([\d.]+) s")
"""What a live witness says of each request that it has answered, in seconds of its processor."""
ORIGINAL = (
    "the original: starts",
    "the original: Theano compiles, or loads what is compiled",
    "the original: runs",
)


class Clock:
    """Seconds by kind of work; of work done side by side they are added up."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._seconds: Counter[str] = Counter()
        self._times: Counter[str] = Counter()
        self._lock = threading.Lock()

    def add(self, kind: str, seconds: float) -> None:
        """Count seconds, from any thread; none are no work."""
        if seconds:
            with self._lock:
                self._seconds[kind] += seconds
                self._times[kind] += 1

    def hear(self, line: str) -> None:
        """Count what a live witness says of a request."""
        told = PROGRESS.search(line)
        for kind, seconds in zip(ORIGINAL, told.groups() if told else (), strict=False):
            self.add(kind, float(seconds))

    @contextmanager
    def own(self, kind: str) -> Iterator[None]:
        """Count what this thread computes meanwhile."""
        began = time.thread_time()
        try:
            yield
        finally:
            self.add(kind, time.thread_time() - began)

    def lines(self, cores: int) -> list[str]:
        """A line of the whole, and one for each kind of work, the longest first."""
        passed, worked = time.monotonic() - self._began, sum(self._seconds.values())
        return [
            f"where the time went: {passed:.0f} s by the clock; {worked:.0f} s of {cores} processors, of which",
            *(
                f"{seconds:8.1f} s {seconds / worked:4.0%}  {kind} ({self._times[kind]} times)"
                for kind, seconds in self._seconds.most_common()
            ),
        ]


def timed(work: Callable[..., Answer], *arguments: object) -> tuple[Answer, float]:
    """What work gives, and the seconds of processors that it took of this process and of those it started."""
    began = sum(os.times()[:4])
    return work(*arguments), sum(os.times()[:4]) - began
