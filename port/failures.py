"""A failure is an error as the user is told of it: one paragraph, and the exit code."""

import errno
import logging
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from port.errors import Sar2NdviError

REFUSED = 2
"""Exit code where an input or setting is refused, as for a wrong option."""
BUG = 70
"""Exit code where the program itself is wrong: EX_SOFTWARE of sysexits.h."""
_ROOM = Path(__file__).parent
_OF_PATHS = {
    errno.ENAMETOOLONG: "give a shorter path",
    errno.EACCES: "make it accessible, or give another",
    errno.ELOOP: "give one whose links lead somewhere",
}
"""What the system refuses wherever a path is first touched, and what helps: never the program's doing."""


def failure(error: Exception) -> tuple[str, int]:
    """What is told of an error, in one line, and the exit code."""
    if isinstance(error, Sar2NdviError):
        return "; ".join((str(error), *getattr(error, "__notes__", ()))), REFUSED
    if isinstance(error, MemoryError) or "DefaultCPUAllocator" in str(error):  # so PyTorch says it, as RuntimeError
        said = _one_line(error) or "no more is left"
        return f"the memory does not suffice ({said}); give a smaller scene or region, or a computer with more", REFUSED
    if isinstance(error, OSError) and error.errno in _OF_PATHS:
        return f"{error.filename}: {error.strerror}; {_OF_PATHS[error.errno]}", REFUSED
    return (
        f"this is a mistake of the program, not yours: {type(error).__name__}: {_one_line(error) or 'no words'} "
        f"({_place(error)}); please report it with what the same command prints after sar2ndvi --debug"
    ), BUG


@contextmanager
def quiet_gdal() -> Iterator[None]:
    """A context in which GDAL's own remarks are not printed: what matters of them becomes an error of ours.

    rasterio logs them, and Python prints what nobody handles. It fails to log one that quotes bytes of a damaged file,
    which Python shows twice: as an exception nobody caught, and as one that cannot be raised.
    """
    log, handler = logging.getLogger("rasterio"), logging.NullHandler()
    uncaught, unraisable = sys.excepthook, sys.unraisablehook

    def on_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if kind is not UnicodeDecodeError:
            uncaught(kind, error, trace)

    def on_unraisable(what: Any) -> None:
        if what.object != "rasterio._env.log_error":
            unraisable(what)

    log.addHandler(handler)
    sys.excepthook, sys.unraisablehook = on_uncaught, on_unraisable
    try:
        yield
    finally:
        sys.excepthook, sys.unraisablehook = uncaught, unraisable
        log.removeHandler(handler)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _place(error: Exception) -> str:
    """The last line of ours that ran, such as `port/scenes.py, line 70`."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).parent == _ROOM]
    if not ours:
        return "outside the program's own files"
    return f"port/{Path(ours[-1].filename).name}, line {ours[-1].lineno}"
