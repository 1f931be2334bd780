"""A foreign program, run with a limit on its time: its lines are passed on as they come, its end is checked."""

import os
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from parity.errors import WitnessError

Say = Callable[[str], None]
"""Takes one line of progress."""
TAIL_LINES = 12
LINE_LIMIT = 4096
"""Letters of one line; a longer one, which may have no end, is taken in parts."""
OUTPUT_LIMIT = 2 << 20
"""Letters in all; making an environment takes a tenth."""
SHOWN = 300
"""Letters of a line that stand in a message."""
MEMORY = ", as where memory ends"
"""What a kill most often means."""


def silent(_line: str) -> None:
    """Drop a line of progress."""


def run(
    command: Sequence[str],
    *,
    what: str,
    timeout_s: float,
    say: Say = silent,
    env: Mapping[str, str] | None = None,
    stop: Callable[[], None] | None = None,
) -> list[str]:
    """Run a command to its end and return the last lines it wrote, on either stream.

    Args:
        command: the program and its arguments; it gets no input.
        what: what it does, for the message.
        timeout_s: after so many seconds it and its children are killed.
        say: takes each line.
        env: its whole environment; ours when None.
        stop: ends what killing the command leaves running (a container).

    Raises:
        WitnessError: it cannot be started, takes too long or ends with an exit code other than 0.
    """
    tail: deque[str] = deque(maxlen=TAIL_LINES)
    late = threading.Event()
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            encoding="utf-8", errors="replace", env=env, start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        raise WitnessError(f"{what}: {command[0]} cannot be started ({error})") from error
    timer = threading.Timer(timeout_s, _end, (process, late))
    timer.start()

    def take(line: str) -> None:
        tail.append(line)
        say(line)

    try:
        with process:
            _listen(process, late, take)
    except WitnessError as error:
        raise WitnessError(f"{what}: {error}") from error
    finally:
        timer.cancel()
        if late.is_set() and stop is not None:
            stop()
    if late.is_set() or process.returncode != 0:
        end = f"no end after {timeout_s:g} s" if late.is_set() else _told(process.returncode)
        raise WitnessError(f"{what}: {end}; it wrote last: {' | '.join(line[:SHOWN] for line in tail) or 'nothing'}")
    return list(tail)


def _listen(process: subprocess.Popen[str], late: threading.Event, take: Callable[[str], object]) -> None:
    """Take each line as it comes; whatever interrupts the listening ends the process too."""
    try:
        letters = 0
        while process.stdout and (line := process.stdout.readline(LINE_LIMIT)):
            letters += len(line)
            if letters > OUTPUT_LIMIT:
                raise WitnessError(f"it wrote more than {OUTPUT_LIMIT} letters, last {_printable(line[:SHOWN])}")
            take(_printable(line.rstrip()))
    except BaseException:
        _end(process, late)
        raise


def _printable(line: str) -> str:
    """A line without what would steer a terminal."""
    return "".join(letter if letter.isprintable() or letter == "\t" else "\N{REPLACEMENT CHARACTER}" for letter in line)


def _told(code: int) -> str:
    """An exit code, with the signal that ended the program where one did: 128 and more where a container tells it."""
    number = -code if code < 0 else code - 128
    name = next((each.name for each in signal.Signals if each == number), None)
    return f"exit code {code}" + (f" ({name}{MEMORY if name == 'SIGKILL' else ''})" if name else "")


def _end(process: subprocess.Popen[str], late: threading.Event) -> None:
    """Note that it did not end by itself, and kill it."""
    late.set()
    _kill(process)


def _kill(process: subprocess.Popen[str]) -> None:
    """End the process and its children, which share its session."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
