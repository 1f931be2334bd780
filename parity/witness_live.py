"""A witness that runs legacy/ anew: how any environment of it is asked, and what it must answer."""

import json
import os
import shutil
import stat
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from parity.errors import TraceError, WitnessError
from parity.json_text import parse
from parity.trace import read_trace
from parity.whole_file import replacing
from parity.witness_process import Say, silent

ROOT = Path(__file__).resolve().parent.parent
"""Where legacy/ and Dockerfile.legacy stand."""
START_S, PAIR_S = 300.0, 120.0
"""Allowed to start and compile, and for each request: about ten times what either takes on one core."""
DETECTED = "detected"
"""The value of OPENBLAS_CORETYPE that leaves the choice of kernels to OpenBLAS."""
MEMORY_MB = 8192
"""Address space a witness may take; it needs less than 2 GB for the requests of the parity run."""


@dataclass
class LiveWitness(ABC):
    """Theano and Lasagne in an environment of their own.

    Attributes:
        reasons: why each better witness could not be had.
        threads: BLAS threads.
        say: takes each line of progress.
        program: what is recorded in place of this project's original: a file that `legacy.observe` understands.
    """

    reasons: tuple[str, ...] = ()
    threads: int = 1
    say: Say = silent
    program: Path | None = None
    stack: Mapping[str, str] = field(default_factory=dict, init=False)

    @property
    @abstractmethod
    def name(self) -> str:
        """The name that the manifest of its traces gives."""

    @property
    def description(self) -> str:
        """One line: its name and what runs there; the versions are known once prepared."""
        told = [f"{key} {self.stack[key]}" for key in ("python", "theano", "lasagne", "numpy") if key in self.stack]
        return f"{self.name} ({', '.join(told)})" if told else self.name

    def prepare(self) -> None:
        """Make the environment where it is missing, and see once that it works.

        Raises:
            WitnessError: it cannot be made, or does not work.
        """
        self._make()
        told = self._home() / "stack.json"
        if not told.is_file():
            with self._exchange() as exchange:
                lines = self._launch(["legacy.stack"], exchange, what=f"{self.name}: first start", timeout_s=START_S)
            told.write_text(json.dumps(self._stack(lines)), encoding="utf-8")
        self.stack = self._stack([told.read_text(encoding="utf-8")])

    def _stack(self, lines: Sequence[str]) -> dict[str, str]:
        """The stack, name to version: the last of the lines that the first start wrote, as JSON."""
        try:
            stack = parse(lines[-1])
            if not isinstance(stack, dict):
                raise ValueError(f"it is a {type(stack).__name__}")
        except (IndexError, ValueError) as error:
            told = [line[:200] for line in lines[-1:]]
            raise WitnessError(
                f"{self.name}: first start: wrote {told}, expected its stack as JSON ({error})"
            ) from error
        return {name: str(version)[:80] for name, version in stack.items()}

    def record(self, pairs: Sequence[tuple[Path, Path]], *, timeout_s: float | None = None) -> None:
        """Record a trace for each (request, trace) pair of paths, all in one process.

        Raises:
            WitnessError: a request is refused, the witness hangs or dies, or a trace is not sound; none is left then.
        """
        allowed = START_S + PAIR_S * len(pairs) if timeout_s is None else timeout_s
        with self._exchange() as exchange:
            names = [(f"{index:03}-{request.name}", f"{index:03}.npz") for index, (request, _) in enumerate(pairs)]
            for (request, _), (copy, _) in zip(pairs, names, strict=True):
                shutil.copyfile(request, exchange / copy)
            self._launch(
                [*self._module(), *(self._inside(exchange, name) for pair in names for name in pair)],
                exchange, what=f"{self.name}: {len(pairs)} requests", timeout_s=allowed,
            )  # fmt: skip
            for (request, _), (_, trace) in zip(pairs, names, strict=True):  # the copy was the witness's to change
                self._check(request, exchange / trace)
            for (_, destination), (_, trace) in zip(pairs, names, strict=True):
                with replacing(destination) as beside:
                    shutil.copyfile(exchange / trace, beside)

    def ask(self, module: str, request: Path, answer: Path, *, timeout_s: float = START_S) -> None:
        """Run another module of the room on a request; what it writes is copied to `answer` as it is.

        Raises:
            WitnessError: it refuses the request, hangs or dies, or writes nothing.
        """
        with self._exchange() as exchange:
            shutil.copyfile(request, exchange / request.name)
            paths = [self._inside(exchange, name) for name in (request.name, "answer.npz")]
            self._launch([module, *paths], exchange, what=f"{self.name}: {module}", timeout_s=timeout_s)
            if (problem := not_a_file(exchange / "answer.npz")) is not None:
                raise WitnessError(
                    f"{self.name}: {module} ended well, but wrote no answer to {request.name}: {problem}"
                )
            shutil.copyfile(exchange / "answer.npz", answer)

    def _module(self) -> list[str]:
        """What is run: this project's original, or a program of another's."""
        return ["legacy.observe", self._program(self.program)] if self.program else ["legacy.record"]

    def _check(self, request: Path, trace: Path) -> None:
        """Raise WitnessError unless a sound trace of the request lies there, and is a file of its own."""
        if (problem := not_a_file(trace)) is not None:
            raise WitnessError(f"{self.name}: wrote no sound trace of {request.name}: {problem}")
        try:
            record = read_trace(trace)
        except TraceError as error:
            raise WitnessError(f"{self.name}: wrote no sound trace of {request.name}: {error}") from error
        program = self.program.name if self.program else None
        expected = {
            "side": "legacy", "witness": self.name, "program": program, "request_sha256": file_sha256(request)
        }  # fmt: skip
        actual = {key: record.manifest.get(key) for key in expected}
        if actual != expected:
            raise WitnessError(f"{self.name}: the trace of {request.name} tells {actual}, expected {expected}")

    def _settings(self, compiled: str, blas: str) -> dict[str, str]:
        """The environment variables of the witness: one place for compiled code, none of the user's Theano settings."""
        return {
            "LEGACY_WITNESS": self.name,
            "LEGACY_MEMORY_MB": str(MEMORY_MB),
            "OMP_NUM_THREADS": str(self.threads),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONNOUSERSITE": "1",
            "PYTHONUNBUFFERED": "1",
            "PYTHONWARNINGS": "ignore::UserWarning",  # Lasagne 0.1 says image_shape where Theano now says input_shape
            "THEANORC": os.devnull,
            "THEANO_FLAGS": f"device=cpu,openmp=False,base_compiledir={compiled},{blas}",
        } | openblas_kernels()

    @contextmanager
    def _exchange(self) -> Iterator[Path]:
        """A directory for one launch, what the witness is given and what it writes; gone after."""
        with tempfile.TemporaryDirectory(dir=cache()) as folder:
            yield Path(folder)

    @abstractmethod
    def _make(self) -> None:
        """Make the environment where it is missing."""

    @abstractmethod
    def _home(self) -> Path:
        """The directory in the cache that belongs to just this environment."""

    @abstractmethod
    def _inside(self, exchange: Path, name: str) -> str:
        """The path that a file of the exchange directory has for the witness."""

    @abstractmethod
    def _program(self, program: Path) -> str:
        """The path that a program has for the witness."""

    @abstractmethod
    def _launch(self, module: Sequence[str], exchange: Path, *, what: str, timeout_s: float) -> list[str]:
        """Run `python -m` module with its arguments there, and return its last lines."""


def not_a_file(path: Path) -> str | None:
    """Why what a witness left is no file of its own: it may be nothing, or a link, pipe or folder; None where it is."""
    try:
        mode = path.lstat().st_mode
    except OSError as error:
        return f"{path.name}: {error.strerror}"
    if stat.S_ISLNK(mode):
        return f"{path.name} is a link to {str(path.readlink())[:80]}, which is not followed"
    return None if stat.S_ISREG(mode) else f"{path.name} is a folder, pipe or device, not a file"


def cache() -> Path:
    """The user's own directory for what can be made again: $SAR2NDVI_CACHE, or below $XDG_CACHE_HOME or ~/.cache."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    path = Path(os.environ.get("SAR2NDVI_CACHE") or Path(home) / "sar2ndvi").resolve()
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def openblas_kernels(cpuinfo: Path = Path("/proc/cpuinfo")) -> dict[str, str]:
    """OPENBLAS_CORETYPE, as the user set it, else Haswell on a CPU with AVX2; nothing where it is set to `detected`.

    The OpenBLAS of these stacks (0.2.18 to 0.3.17) do not know CPUs younger than themselves: they fall back to slow
    kernels, or take AVX-512 ones that are known to compute wrongly.
    """
    chosen = os.environ.get("OPENBLAS_CORETYPE")
    if not chosen and cpuinfo.is_file() and " avx2 " in cpuinfo.read_text(encoding="utf-8"):
        chosen = "Haswell"
    return {"OPENBLAS_CORETYPE": chosen} if chosen and chosen != DETECTED else {}


def file_sha256(path: Path) -> str:
    """The sha256 of a file's bytes."""
    return sha256(path.read_bytes()).hexdigest()


def key(*parts: str | Path) -> str:
    """A short name for all that is given: of a path its bytes."""
    digest = sha256()
    for part in parts:
        content = part.read_bytes() if isinstance(part, Path) else part.encode()
        digest.update(sha256(content).digest())
    return digest.hexdigest()[:16]
