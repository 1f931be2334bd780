"""`python -m parity judge`: a request alone becomes a verdict, before the recorded witness and a port's command."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from parity.integrity import ROOMS
from parity_tests.probes import RECORDED_CASES, make_request

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A function that runs `python -m parity` outside the project, in a process in which a warning is an error."""
    environment = {**os.environ, "PYTHONPATH": str(ROOMS), "COLUMNS": "300", "NO_COLOR": "1", "OMP_NUM_THREADS": "1"}

    def ran(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-W", "error", "-m", "parity", *map(str, arguments)]
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8", timeout=300
        )

    return ran


PORTS = {"sound": "python -m port record", "wrong": "python -m parity_tests.wrong_port filters-not-flipped"}


@pytest.fixture(scope="module")
def recorded_request(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A request whose answer is kept with the code."""
    path = tmp_path_factory.mktemp("asked") / "request.npz"
    make_request(RECORDED_CASES[1], path)
    return path


@pytest.mark.parametrize(("port", "code"), [("sound", 2), ("wrong", 1)])
def test_request_is_judged(run: Run, recorded_request: Path, tmp_path: Path, port: str, code: int) -> None:
    """Both sides record it and are compared: one request alone leaves branches unproven, and a wrong port fails."""
    arguments = ["--witness=recorded", f"--port={PORTS[port]}", "--report", tmp_path / "report"]
    done = run("judge", recorded_request, *arguments)
    assert done.returncode == code, done.stderr
    told = json.loads((tmp_path / "report" / "comparison.json").read_text(encoding="utf-8"))
    assert told["exit_code"] == code
    assert told["first_bad"] == (None if port == "sound" else "conv1/pre:own input")
    assert ("diagnosis: " in done.stdout) == (port == "wrong")
    assert {path.name for path in (tmp_path / "report").iterdir()} >= {"legacy.npz", "port.npz", "junit.xml"}


@pytest.mark.parametrize(
    ("port", "told"),
    [
        ("python -m port nothing", "the port (python -m port nothing): exit code "),
        ("absent-recorder", "the port (absent-recorder): absent-recorder cannot be started"),
        ("true", "the port (true) ended well and wrote no trace"),
        ("", "the port's command is empty"),
        ("python 'open", "cannot be read (No closing quotation)"),
    ],
)
def test_port_that_cannot_record_exits_1(
    run: Run, recorded_request: Path, tmp_path: Path, port: str, told: str
) -> None:
    """It is no missing witness: one paragraph tells the command and what it said; no older answer is judged."""
    (tmp_path / "port.npz").write_text("an older answer", encoding="utf-8")
    done = run("judge", recorded_request, "--witness=recorded", f"--port={port}", f"--report={tmp_path}")
    assert (done.returncode, done.stdout) == (1, "")
    assert told in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
