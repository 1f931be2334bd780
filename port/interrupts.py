"""A signal that asks a program to stop: raised as an exception that ends it in order, or left to its parent to answer.

Ctrl-C reaches a whole group of processes; those started while it is unheard leave the answer to their parent.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

ASKING = (signal.SIGINT, signal.SIGTERM)
"""What Ctrl-C sends, and what `kill`, a shutdown or a scheduler of jobs do."""


class Stopped(KeyboardInterrupt):
    """One of the signals that ask to stop has come."""

    def __init__(self, number: signal.Signals) -> None:
        super().__init__(number.name)
        self.number = number

    @property
    def exit_code(self) -> int:
        """What a shell gives for a program that the signal ended: 130, 143."""
        return 128 + self.number


@contextmanager
def heard() -> Iterator[None]:
    """Raise Stopped where a signal asks to stop; once, for those that follow are ignored while the program ends.

    Only the main thread can.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        for asking in ASKING:
            signal.signal(asking, signal.SIG_IGN)
        raise Stopped(signal.Signals(number))

    before = {number: signal.signal(number, stop) for number in ASKING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def unheard(number: signal.Signals = signal.SIGINT) -> Iterator[None]:
    """Ignore a signal meanwhile; processes started then ignore it for good. Only the main thread can."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(number, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(number, before)
