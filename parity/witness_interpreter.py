"""The witness on a Python 3.9 or 3.8 found on the machine: a pinned virtual environment, made once."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from parity.errors import WitnessError
from parity.witness_live import ROOT, LiveWitness, cache, key
from parity.witness_process import run

VERSIONS = ("3.9", "3.8")
INSTALL_S = 1800.0
REQUIREMENTS = ("requirements-build.txt", "requirements-theano.txt", "requirements-interpreter.txt")
PROBE = """
import ensurepip, os, sys, sysconfig, venv
header = os.path.join(sysconfig.get_paths()["include"], "Python.h")
if not os.path.exists(header):
    sys.exit("its header Python.h is missing")
print(sys.version.split()[0])
"""
"""What an interpreter must show: its version, and that it can make environments and compile extensions."""


STEERING = ("PYTHON", "THEANO", "VIRTUAL_ENV", "PIP_CONSTRAINT", "PIP_BUILD_CONSTRAINT")
"""Beginnings of the names of what would steer the other interpreter, its pip (whose versions are pinned) or Theano."""


@dataclass
class InterpreterWitness(LiveWitness):
    """Theano-PyMC on an interpreter of this machine.

    Its BLAS is numpy's own OpenBLAS, which Theano calls through numpy where ``blas__ldflags`` is empty: no library of
    the machine is looked for, and a step takes some 15 % longer than with OpenBLAS linked. Its GDAL is the one in
    rasterio's wheel, which there is for x86_64 only: elsewhere a request for a whole scene is refused.

    Attributes:
        python: the interpreter, probed.
        version: what it says it is.
    """

    python: Path = field(default=Path("python3.9"))
    version: str = ""

    @property
    def name(self) -> str:
        """'interpreter'."""
        return "interpreter"

    def _home(self) -> Path:
        files = [ROOT / "legacy" / name for name in REQUIREMENTS]
        return cache() / f"interpreter-{key(*files, str(self.python.resolve()), self.version)}"

    def _make(self) -> None:
        """Make the environment beside its place and rename it, so that it is there whole or not at all."""
        if self._home().is_dir():
            return
        self.say(f"making an environment on {self.python} (a minute, once)")
        beside = self._home().with_name(f"{self._home().name}.{os.getpid()}")
        try:
            self._install(beside)
            if not self._home().is_dir():  # another process may have been faster
                beside.rename(self._home())
        finally:
            shutil.rmtree(beside, ignore_errors=True)

    def _install(self, beside: Path) -> None:
        legacy = ROOT / "legacy"
        run([str(self.python), "-m", "venv", str(beside)], what="interpreter: venv", timeout_s=INSTALL_S, env=_clean())
        pip = [str(beside / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--no-deps"]
        for arguments in (
            ["-r", str(legacy / "requirements-build.txt")],
            ["--no-build-isolation", "-r", str(legacy / "requirements-interpreter.txt")],
        ):
            command = [*pip, "--require-hashes", *arguments]
            run(command, what="interpreter: pip install", timeout_s=INSTALL_S, say=self.say, env=_clean())

    def _inside(self, exchange: Path, name: str) -> str:
        return str(exchange / name)

    def _program(self, program: Path) -> str:
        return str(program.resolve())

    def _launch(self, module: Sequence[str], exchange: Path, *, what: str, timeout_s: float) -> list[str]:
        settings = self._settings(str(self._home() / "compiled"), "blas__ldflags=")
        env = _clean() | settings | {"PYTHONPATH": str(ROOT), "TMPDIR": str(exchange)}
        command = [str(self._home() / "bin" / "python"), "-m", *module]
        return run(command, what=what, timeout_s=timeout_s, say=self.say, env=env)


def find_python() -> tuple[Path, str]:
    """An interpreter that can make the environment, and its version: on the PATH, else one of pyenv's.

    Raises:
        WitnessError: there is none, or no C++ compiler; says what was tried.
    """
    if shutil.which("g++") is None:
        raise WitnessError("Theano compiles with g++, which is not on the PATH; install it, or choose another witness")
    reasons = []
    for python in _candidates():
        answer = subprocess.run(
            [str(python), "-c", PROBE], capture_output=True, encoding="utf-8", check=False, timeout=60, env=_clean()
        )
        version = answer.stdout.strip()
        if answer.returncode == 0 and version.startswith(VERSIONS):
            return python, version
        lines = answer.stderr.strip().splitlines()
        reasons.append(f"{python}: {lines[-1] if lines else f'says it is {version}'}")
    tried = "; ".join(reasons) or "none on the PATH, none of pyenv's"
    raise WitnessError(f"no Python 3.9 or 3.8 works ({tried}); install one, or choose another witness")


def _candidates() -> Iterator[Path]:
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    for version in VERSIONS:
        found = shutil.which(f"python{version}")
        if found:
            yield Path(found)
    for version in VERSIONS:
        yield from sorted(pyenv.glob(f"{version}.*/bin/python"), reverse=True)


def _clean() -> dict[str, str]:
    """Our environment without what is meant for our own Python."""
    return {name: value for name, value in os.environ.items() if not name.startswith(STEERING)}
