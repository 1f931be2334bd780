"""A harness gives a reader bytes: it takes them or raises its own error, soon and within bounds, and nothing else."""

import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

SECONDS = 5.0
"""Of a processor, that one input may take; the slowest sound one takes a fiftieth."""
MEMORY_KB = 300 << 10
"""One input may add to the most that the process ever held: what a packed archive may unpack to, and some."""
MESSAGE = 4000
"""Letters that an error's message may have."""

Mutate = Callable[[bytes, Random], bytes]


class CrashError(Exception):
    """A reader that took too long, too much memory, or raised an error that cannot be shown."""


@dataclass(frozen=True)
class Harness:
    """One format.

    Attributes:
        name: of the format, and of its folder in the corpus.
        read: writes the bytes into a folder and has the product read them.
        errors: what the product may raise.
        seeds: sound files.
        mutate: makes a file of the format of another, not always a sound one.
        share: of all inputs of a campaign; a slow reader gets fewer.
    """

    name: str
    read: Callable[[bytes, Path], object]
    errors: tuple[type[Exception], ...]
    seeds: Sequence[bytes]
    mutate: Mutate
    share: float = 1.0


def try_input(harness: Harness, content: bytes, folder: Path) -> str | None:
    """Have a reader read some bytes; gives its error's message, None where it took them.

    Raises:
        CrashError: it took too long or too much memory, or its message cannot be shown.
        Exception: whatever else it raised.
    """
    held, started, message = peak_kb(), time.process_time(), None
    try:
        harness.read(content, folder)
    except harness.errors as error:
        message = str(error)
    seconds, more = time.process_time() - started, peak_kb() - held
    if seconds > SECONDS or more > MEMORY_KB:
        raise CrashError(f"{harness.name}: took {seconds:.1f} s and {more >> 10} MiB more than it ever held")
    if message is not None and not (0 < len(message) < MESSAGE and _can_be_shown(message)):
        raise CrashError(f"{harness.name}: the error of {len(message)} letters cannot be shown: {message[:200]!a}")
    return message


def _can_be_shown(message: str) -> bool:
    """Whether it steers no terminal and is whole letters."""
    return message.replace("\n", "").replace("\t", "").isprintable()


def peak_kb() -> int:
    """The most that this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
