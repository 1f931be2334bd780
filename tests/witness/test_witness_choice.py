"""Which witness is found: what is passed over, and why."""

from functools import partial
from pathlib import Path

import pytest
from shell_programs import program

from parity import witness
from parity.errors import WitnessError
from parity.witness_container import working_engine
from parity.witness_recorded import RecordedWitness

NO_ENGINE = "echo 'Cannot connect to the daemon' >&2; exit 1"


def test_a_client_without_an_engine_is_passed_over(path: Path) -> None:
    """That docker is installed proves nothing; the error says why for each engine."""
    program(path / "docker", NO_ENGINE)
    with pytest.raises(WitnessError, match=r"podman: not installed; docker: Cannot connect to the daemon"):
        working_engine()


def test_docker_serves_where_podman_does_not(path: Path) -> None:
    """Either engine will do."""
    program(path / "podman", NO_ENGINE)
    program(path / "docker", "exit 0")
    assert working_engine() == "docker"


def test_an_unknown_witness_is_refused() -> None:
    """A misspelt name is not swallowed."""
    with pytest.raises(WitnessError, match="there is no witness 'contaner'; choose best, container"):
        witness.find("contaner")


def test_best_keeps_why_the_better_ones_were_passed_over(
    path: Path, recorded: RecordedWitness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With no engine and no interpreter, the recorded traces testify, and say so."""
    found = partial(RecordedWitness, directory=recorded.directory, room=recorded.room)
    monkeypatch.setattr(witness, "RecordedWitness", found)
    best = witness.find("best")
    assert best.name == "recorded"
    assert best.description == "recorded (1 traces by container)"
    assert [reason.split(":")[0] for reason in best.reasons] == ["container", "interpreter"]
    (recorded.directory / "any.npz").unlink()
    with pytest.raises(WitnessError, match=r"no witness can be had: container: .*interpreter: .*recorded: no trace"):
        witness.find("best")


def test_a_program_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """Before anything is made."""
    with pytest.raises(WitnessError, match=r"there is no program .*absent\.py; give the file"):
        witness.find("recorded", program=tmp_path / "absent.py")


def test_an_engine_that_cannot_be_started_is_passed_over(path: Path) -> None:
    """Its file is there, but what should run it is not."""
    (path / "podman").write_text("#!/nowhere/sh\n", encoding="utf-8")
    (path / "podman").chmod(0o755)
    with pytest.raises(WitnessError, match=r"podman: \[Errno 2\] No such file .*docker: not installed"):
        working_engine()


def test_an_engine_that_says_nothing_is_told_by_its_exit_code(path: Path) -> None:
    """There is no last line to tell."""
    program(path / "podman", "exit 125")
    with pytest.raises(WitnessError, match="podman: exit code 125; docker: not installed"):
        working_engine()
