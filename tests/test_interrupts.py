"""A signal that asks to stop is raised once, in the main thread, and answered as before afterwards."""

import signal
import threading

import pytest

from port.interrupts import ASKING, Stopped, heard


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_is_raised(number: signal.Signals, code: int) -> None:
    """It tells its name and the exit code that a shell knows; Ctrl-C's own exception catches it."""
    before = [signal.getsignal(asking) for asking in ASKING]
    with pytest.raises(KeyboardInterrupt, match=f"^{number.name}$") as raised, heard():
        signal.raise_signal(number)
    assert isinstance(raised.value, Stopped)
    assert raised.value.exit_code == code
    assert [signal.getsignal(asking) for asking in ASKING] == before


def test_those_that_follow_are_ignored() -> None:
    """An impatient second Ctrl-C does not break off what the first began."""
    ended = False

    def stopped_twice() -> None:
        nonlocal ended
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            signal.raise_signal(signal.SIGINT)
            ended = True

    with pytest.raises(Stopped, match="SIGTERM"), heard():
        stopped_twice()
    assert ended


def test_another_thread_leaves_signals_alone() -> None:
    """Python lets only the main thread set what answers them."""
    seen: list[object] = []

    def listen() -> None:
        with heard():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=listen)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGTERM)]
