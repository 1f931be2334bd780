"""The witness: the legacy program, wherever it can be had on this machine; the best that is found answers."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from parity.errors import WitnessError
from parity.trace import code_sha256
from parity.witness_container import ContainerWitness, working_engine
from parity.witness_interpreter import InterpreterWitness, find_python
from parity.witness_process import Say, silent
from parity.witness_recorded import RecordedWitness

BEST = ("container", "interpreter", "recorded")
"""From the most to the least independent of this machine, live before recorded; period is a second opinion, by name."""

__all__ = ["BEST", "Witness", "code_sha256", "find"]


@runtime_checkable
class Witness(Protocol):
    """What every witness can be asked."""

    reasons: tuple[str, ...]

    @property
    def name(self) -> str:
        """container, interpreter, period or recorded."""

    @property
    def description(self) -> str:
        """One line for the head of a report."""

    def prepare(self) -> None:
        """Make ready; raises WitnessError when it cannot answer."""

    def record(self, pairs: Sequence[tuple[Path, Path]], *, timeout_s: float | None = None) -> None:
        """Write a trace for each (request, trace) pair; raises WitnessError and leaves none when it fails."""


def find(name: str = "best", *, threads: int = 1, say: Say = silent, program: Path | None = None) -> Witness:
    """A witness, prepared: the one named, or the best there is, which keeps why each better one could not be had.

    Args:
        name: best, container, interpreter, period or recorded.
        threads: BLAS threads of a live witness.
        say: takes each line of progress; making an environment takes minutes the first time.
        program: what it is to run in place of this project's original (see `legacy/observe.py`); only a live one can.

    Raises:
        WitnessError: it cannot be had; for best, none can.
    """
    if program is not None and not program.is_file():
        raise WitnessError(f"there is no program {program}; give the file that makes the original's network")
    reasons: list[str] = []
    for candidate in BEST if name == "best" else (name,):
        try:
            witness = _make(candidate, threads, say, program)
            witness.prepare()
        except WitnessError as error:
            reasons.append(f"{candidate}: {error}")
        else:
            witness.reasons = tuple(reasons)
            return witness
    raise WitnessError("no witness can be had: " + "; ".join(reasons))


def _make(name: str, threads: int, say: Say, program: Path | None) -> Witness:
    makers: dict[str, Callable[[], Witness]] = {
        "container": lambda: ContainerWitness(program=program, threads=threads, say=say, engine=working_engine()),
        "period": lambda: ContainerWitness(
            program=program, threads=threads, say=say, engine=working_engine(), target="period"
        ),
        "interpreter": lambda: _interpreter(threads, say, program),
        "recorded": lambda: _recorded(say, program),
    }
    if name not in makers:
        raise WitnessError(f"there is no witness {name!r}; choose best, {', '.join(makers)}")
    return makers[name]()


def _interpreter(threads: int, say: Say, program: Path | None) -> Witness:
    python, version = find_python()
    return InterpreterWitness(program=program, threads=threads, say=say, python=python, version=version)


def _recorded(say: Say, program: Path | None) -> Witness:
    if program is not None:
        raise WitnessError(
            f"its traces are of this project's original, not of {program.name}; a live witness runs that"
        )
    return RecordedWitness(say=say)
