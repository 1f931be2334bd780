"""Ctrl-C reaches a whole group of processes; those started while it is unheard leave the answer to their parent."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


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
