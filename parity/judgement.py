"""A judgement from a request alone: both sides record it, in processes of their own, and the traces are compared."""

import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from parity.errors import ParityError, WitnessError
from parity.witness import Witness
from parity.witness_process import Say, run, silent

PORT = "python -m port record"
"""Takes REQUEST TRACE --teacher=LEGACY, as any port's recorder must."""
PORT_TIMEOUT_S = 1800.0


@dataclass(frozen=True)
class Files:
    """A request, and where the traces of both sides go."""

    request: Path
    legacy: Path
    port: Path

    @classmethod
    def within(cls, folder: Path, request: Path) -> "Files":
        """The traces legacy.npz and port.npz in a folder, which is made where it is not there."""
        folder.mkdir(parents=True, exist_ok=True)
        return cls(request, folder / "legacy.npz", folder / "port.npz")


def record_both(files: Files, witness: Witness, *, port: str = PORT, say: Say = silent) -> None:
    """Let the witness answer a request, then the port, which is given the witness's trace as teacher.

    Args:
        files: the request, and where the traces go.
        witness: who testifies for the original.
        port: the port's recorder, a command; `python` is the one that runs this.
        say: takes each line of progress.

    Raises:
        WitnessError: the witness cannot answer.
        ParityError: the port's command fails.
    """
    witness.record([(files.request, files.legacy)])
    record_port(files, port=port, say=say)


def record_port(files: Files, *, port: str = PORT, say: Say = silent) -> None:
    """Let the port answer a request, with the trace that lies there as the original's as teacher.

    An older answer is taken away first, so that none is mistaken for this one.

    Raises:
        ParityError: the port's command fails, or writes no trace.
    """
    command = [*recorder(port), str(files.request), str(files.port), f"--teacher={files.legacy}"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    files.port.unlink(missing_ok=True)
    try:
        run(command, what=f"the port ({port})", timeout_s=PORT_TIMEOUT_S, say=say, env=environment)
    except WitnessError as error:
        raise ParityError(f"{error}; it must take REQUEST TRACE --teacher=LEGACY and write the trace") from error
    if not files.port.is_file():
        raise ParityError(f"the port ({port}) ended well and wrote no trace; it must write the second file it is given")


def port_file(command: str) -> Path | None:
    """The program that a port's command runs, where it is another's: its first word that ends in .py."""
    return next((Path(word) for word in recorder(command) if word.endswith(".py")), None)


def recorder(command: str) -> Sequence[str]:
    """The words of a command; `python` is the interpreter that runs this.

    Raises:
        ParityError: there are none, or a quotation has no end.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise ParityError(f"the port's command {command!r} cannot be read ({error}); quote it once, whole") from error
    if not words:
        raise ParityError(f"the port's command is empty; give one such as {PORT!r}")
    return [sys.executable, *words[1:]] if words[0] == "python" else words
