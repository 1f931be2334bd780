"""A failure is an error as the user is told of it: one paragraph, and the exit code."""

import traceback
from pathlib import Path

from port.errors import Sar2NdviError

REFUSED = 2
"""Exit code where an input or setting is refused, as for a wrong option."""
BUG = 70
"""Exit code where the program itself is wrong: EX_SOFTWARE of sysexits.h."""
_ROOM = Path(__file__).parent


def failure(error: Exception) -> tuple[str, int]:
    """What is told of an error, in one line, and the exit code."""
    if isinstance(error, Sar2NdviError):
        return str(error), REFUSED
    if isinstance(error, MemoryError):
        said = _one_line(error) or "no more is left"
        return f"the memory does not suffice ({said}); give a smaller scene or region, or a computer with more", REFUSED
    return (
        f"this is a mistake of the program, not yours: {type(error).__name__}: {_one_line(error) or 'no words'} "
        f"({_place(error)}); please report it with what the same command prints after sar2ndvi --debug"
    ), BUG


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _place(error: Exception) -> str:
    """The last line of ours that ran, such as `port/scenes.py, line 70`."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).parent == _ROOM]
    if not ours:
        return "outside the program's own files"
    return f"port/{Path(ours[-1].filename).name}, line {ours[-1].lineno}"
