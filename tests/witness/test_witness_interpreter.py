"""The witness on an old interpreter: which is taken, and the environment that is made of it."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from shell_programs import program

from parity import witness, witness_interpreter
from parity.errors import WitnessError
from parity.trace import read_trace, write_trace
from parity.witness_interpreter import find_python
from parity.witness_live import cache
from parity.witness_recorded import RecordedWitness


def test_a_pyenv_shim_that_runs_nothing_is_passed_over(path: Path, tmp_path: Path) -> None:
    """A python3.9 on the PATH that fails gives way to one of pyenv's, newest first."""
    program(path / "g++", "exit 0")
    program(path / "python3.9", "echo 'pyenv: python3.9: command not found' >&2; exit 127")
    program(tmp_path / "pyenv/versions/3.8.18/bin/python", "echo 3.8.18")
    program(tmp_path / "pyenv/versions/3.9.2/bin/python", "echo 3.9.2")
    assert find_python() == (tmp_path / "pyenv/versions/3.9.2/bin/python", "3.9.2")


def test_no_interpreter_is_told_with_all_that_was_tried(path: Path) -> None:
    """The reason of each candidate stands in the error."""
    program(path / "g++", "exit 0")
    program(path / "python3.9", "echo 'No module named ensurepip' >&2; exit 1")
    program(path / "python3.8", "echo 3.12.1")
    with pytest.raises(WitnessError, match=r"python3.9: No module named ensurepip; .*python3.8: says it is 3.12.1"):
        find_python()


def test_the_interpreter_needs_a_compiler(path: Path) -> None:
    """Theano without g++ would take hours; it is refused at once."""
    program(path / "python3.9", "echo 3.9.18")
    with pytest.raises(WitnessError, match=r"compiles with g\+\+, which is not on the PATH"):
        find_python()


def test_our_own_pins_do_not_reach_the_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its pip installs versions of another decade, for which our constraints have no room; the user's mirrors stay."""
    monkeypatch.setenv("PIP_CONSTRAINT", "constraints.txt")
    monkeypatch.setenv("PIP_INDEX_URL", "https://index.example/simple")
    monkeypatch.setenv("PYTHONPATH", "ours")
    assert not {"PIP_CONSTRAINT", "PYTHONPATH"} & set(witness_interpreter._clean())
    assert witness_interpreter._clean()["PIP_INDEX_URL"] == "https://index.example/simple"


def test_the_probe_of_an_interpreter_runs_on_this_one() -> None:
    """The few lines every candidate is asked are sound: this interpreter answers with its version or a reason."""
    answer = subprocess.run(
        [sys.executable, "-c", witness_interpreter.PROBE],
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )
    assert (answer.stdout.strip() or answer.stderr.strip().splitlines()[-1]) in (
        sys.version.split()[0],
        "its header Python.h is missing",
    )


PYTHON = """
case "$*" in
  "-c"*) echo {version} ;;
  "-m venv"*) mkdir -p "$3/bin"; cp "$0" "$3/bin/python" ;;
  "-m pip"*) echo "$@" >> {log}; {pip} ;;
  "-m legacy.stack"*) echo '{{"python": "3.9.2"}}' ;;
  "-m legacy.record"*) cp {trace} "$4"; echo "$@" >> {log} ;;
esac
"""
"""A Python 3.9 that makes environments of itself, and testifies with a trace that lies ready."""


@pytest.fixture
def python(
    path: Path, tmp_path: Path, recorded: RecordedWitness, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Path]:
    """A function that puts such an interpreter, and a compiler, on the path; `pip` is what its pip does."""
    monkeypatch.setenv("PATH", f"{path}:/usr/bin:/bin")
    manifest = dict(read_trace(recorded.directory / "any.npz").manifest)
    told = {name: value for name, value in manifest.items() if name not in ("format", "order", "content_sha256")}
    write_trace(tmp_path / "ready.npz", told | {"witness": "interpreter"}, {"loss": np.zeros(1)})
    program(path / "g++", "exit 0")

    def made(pip: str = "true") -> Path:
        script = PYTHON.format(version="3.9.2", log=tmp_path / "log", pip=pip, trace=tmp_path / "ready.npz")
        return program(path / "python3.9", script)

    return made


def test_an_interpreter_testifies_from_an_environment_of_its_own(python: Callable[..., Path], tmp_path: Path) -> None:
    """It is made once, of pinned versions by their hashes; the trace is what that environment wrote."""
    python()
    lines: list[str] = []
    found = witness.find("interpreter", say=lines.append)
    assert (found.name, found.description) == ("interpreter", "interpreter (python 3.9.2)")
    assert lines[0].startswith("making an environment on ")
    found.record([(tmp_path / "request.npz", tmp_path / "out.npz")])
    assert (tmp_path / "out.npz").read_bytes() == (tmp_path / "ready.npz").read_bytes()
    *installed, recorded = (tmp_path / "log").read_text(encoding="utf-8").splitlines()
    assert [line.split()[-1].rpartition("/")[2] for line in installed] == [
        "requirements-build.txt", "requirements-interpreter.txt"
    ]  # fmt: skip
    assert all("--require-hashes" in line and "--no-deps" in line for line in installed)
    assert recorded.startswith("-m legacy.record /")
    witness.find("interpreter", say=lines.append)
    assert sum(line.startswith("making") for line in lines) == 1


def test_an_environment_is_there_whole_or_not_at_all(python: Callable[..., Path]) -> None:
    """Where its pip fails nothing is left in its place, nor beside it."""
    python(pip="echo 'no matching distribution'; exit 1")
    with pytest.raises(WitnessError, match="interpreter: pip install: exit code 1; it wrote last: no matching"):
        witness.find("interpreter")
    assert list(cache().iterdir()) == []


def test_the_faster_of_two_processes_makes_the_environment(python: Callable[..., Path]) -> None:
    """What another has made meanwhile stays."""
    found = witness_interpreter.InterpreterWitness(python=python(), version="3.9.2")
    python(pip=f"mkdir -p {found._home()}/bin; touch {found._home()}/theirs")
    found._make()
    assert [path.name for path in cache().iterdir()] == [found._home().name]
    assert (found._home() / "theirs").is_file()


def test_another_program_has_its_own_path_for_an_interpreter(tmp_path: Path) -> None:
    """It stands where it stands: nothing is mounted."""
    found = witness_interpreter.InterpreterWitness(program=tmp_path / "lenet.py")
    assert found._module() == ["legacy.observe", str(tmp_path / "lenet.py")]
