"""Both sides of a request are recorded by programs of their own; what each must be given, and must give, is told."""

import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from judged_pair import Pair
from test_certificate import answered, legacy_of
from test_parity_command_line import Run, empty, run  # noqa: F401

from parity import witness
from parity.errors import ParityError
from parity.judgement import Files, port_file, record_both, record_port, recorder
from parity.rooms import ROOMS, program_rooms
from parity.trace import code_sha256

COPY = "import pathlib, shutil, sys\nassert sys.argv[3] == {teacher!r}\nshutil.copy({trace!r}, sys.argv[2])\n"
"""A port's recorder that hands on a trace which lies ready."""


@dataclass
class Ready:
    """A witness whose trace lies ready."""

    trace: Path
    name: str = "container"
    description: str = "container (of paper)"
    reasons: tuple[str, ...] = ("period: not today",)
    asked: list[Path] = field(default_factory=list)

    def prepare(self) -> None:
        """It is ready."""

    def record(self, pairs: list[tuple[Path, Path]], *, timeout_s: float | None = None) -> None:
        """Hand it on."""
        for request, trace in pairs:
            self.asked.append(request)
            shutil.copy(self.trace, trace)


@pytest.fixture
def ready(pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ready:
    """The only witness there is, which has the pair's original."""
    pair.legacy.manifest["code_sha256"] = code_sha256(ROOMS / "legacy")
    legacy, _ = pair.write()
    found = Ready(Path(shutil.copy(legacy, tmp_path / "ready.npz")))
    monkeypatch.setattr(witness, "find", lambda name, **_: found)
    return found


def port_of(trace: Path, folder: Path, teacher: Path) -> str:
    """The command of a port that hands on a trace, and checks that it is told of that teacher."""
    script = folder / "port" / "port.py"
    script.parent.mkdir()
    script.write_text(COPY.format(trace=str(trace), teacher=f"--teacher={teacher}"), encoding="utf-8")
    return f"python {script}"


def test_both_sides_are_recorded(pair: Pair, ready: Ready, tmp_path: Path) -> None:
    """The witness first, whose trace the port is given as teacher; an older answer of the port is gone."""
    files = Files.within(tmp_path / "made" / "anew", pair.request)
    files.port.write_text("an older answer", encoding="utf-8")
    port = pair.write()[1]
    record_both(files, ready, port=port_of(port, tmp_path, files.legacy))
    assert ready.asked == [pair.request]
    assert files.legacy.read_bytes() == ready.trace.read_bytes()
    assert files.port.read_bytes() == port.read_bytes()


@pytest.mark.parametrize(
    ("port", "message"),
    [
        (
            "python -c 'raise SystemExit(4)'",
            r"the port \(python -c .*: exit code 4; .* must take REQUEST TRACE --teach",
        ),
        ("python -c 'pass'", "ended well and wrote no trace; it must write the second file it is given"),
        ("", "the port's command is empty; give one such as 'python -m port record'"),
        ("python 'open", r"cannot be read \(No closing quotation\); quote it once, whole"),
    ],
    ids=["fails", "writes nothing", "empty", "open quotation"],
)
def test_port_that_does_not_record_is_no_missing_witness(pair: Pair, tmp_path: Path, port: str, message: str) -> None:
    """The error tells the command, what came of it, and what a recorder must do."""
    with pytest.raises(ParityError, match=message):
        record_port(Files.within(tmp_path, pair.request), port=port)


def test_python_is_the_one_that_runs_this() -> None:
    """Any other program is the one on the path."""
    assert recorder("python -m port record") == [sys.executable, "-m", "port", "record"]
    assert recorder("python3.11 'my port.py'") == ["python3.11", "my port.py"]


def test_program_of_a_port_is_its_first_python_file() -> None:
    """A module of this project is none."""
    assert port_file("python 'my port.py' other.py") == Path("my port.py")
    assert port_file("python -m port record") is None


def test_request_is_judged_in_one_command(pair: Pair, ready: Ready, run: Run, tmp_path: Path) -> None:  # noqa: F811
    """What was passed over is told, both sides are recorded and compared, and the report holds both traces."""
    report = tmp_path / "report"
    command = port_of(tmp_path / "answer.npz", tmp_path, report / "legacy.npz")
    pair.port.manifest |= {
        "program": "port.py",
        "code_sha256": code_sha256(*program_rooms("port", tmp_path / "port" / "port.py", ROOMS)),
    }
    pair.spoil("conv2/pre", lambda values: 1.01 * values)
    shutil.copy(pair.write()[1], tmp_path / "answer.npz")
    done = run("judge", pair.request, "--port", command, "--report", report)
    assert (done.returncode, done.stderr) == (1, "period: not today\n")
    assert "FAIL: " in done.stdout
    assert "diagnosis: conv2/pre: weights and biases scaled by 1.01" in done.stdout
    assert {path.name for path in report.iterdir()} >= {"legacy.npz", "port.npz", "report.html", "diagnosis.json"}


def test_program_of_a_port_that_is_a_module_can_be_told(
    pair: Pair,
    ready: Ready,
    run: Run,  # noqa: F811
    tmp_path: Path,
) -> None:
    """`--port-program` goes before what the command names: here a recorder that is not the program."""
    report, program = tmp_path / "report", tmp_path / "mine" / "network.py"
    program.parent.mkdir()
    program.write_text("# mine\n", encoding="utf-8")
    command = port_of(tmp_path / "answer.npz", tmp_path, report / "legacy.npz")
    told = {"program": "network.py", "code_sha256": code_sha256(*program_rooms("port", program, ROOMS))}
    pair.port.manifest |= told
    shutil.copy(pair.write()[1], tmp_path / "answer.npz")
    words = ("judge", pair.request, "--port", command, "--report", report)
    done = run(*words)
    assert done.returncode == 1
    assert "tells program 'network.py'" in done.stdout
    done = run(*words, "--port-program", program)
    assert (done.returncode, done.stdout.splitlines()[-2][:5]) == (0, "PASS:")


def test_original_alone_is_recorded(pair: Pair, ready: Ready, run: Run, tmp_path: Path) -> None:  # noqa: F811
    """Who wrote it is told beside the standard output."""
    done = run("record", pair.request, tmp_path / "trace.npz")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.splitlines() == ["period: not today", f"container witness wrote {tmp_path / 'trace.npz'}"]
    assert (tmp_path / "trace.npz").read_bytes() == ready.trace.read_bytes()


def test_certificate_need_not_be_written(pair: Pair, run: Run, tmp_path: Path) -> None:  # noqa: F811
    """The ruling is then the last line."""
    legacy = legacy_of(pair)
    script = tmp_path / "port.py"
    answer = answered(legacy, tmp_path)
    script.write_text(f"import shutil, sys\nshutil.copy({str(answer.port)!r}, sys.argv[2])\n", encoding="utf-8")
    done = run("certify", legacy.path, "--port", f"python {script}")
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1].startswith("CERTIFIED: 4 parameters")


@pytest.mark.parametrize("turned", [False, True], ids=["sound", "turned"])
def test_weights_are_certified_in_one_command(pair: Pair, run: Run, tmp_path: Path, turned: bool) -> None:  # noqa: F811
    """A line for each parameter, the ruling last; the certificate holds the same, and the exit code is the ruling's."""
    legacy = legacy_of(pair)
    script = tmp_path / "port.py"
    answer = answered(legacy, tmp_path, lay=lambda name, W: W[:, :, ::-1] if turned and name.endswith("1/W") else W)
    script.write_text(f"import shutil, sys\nshutil.copy({str(answer.port)!r}, sys.argv[2])\n", encoding="utf-8")
    done = run("certify", legacy.path, "--port", f"python {script}", "--out", tmp_path / "certificate.json")
    assert (done.returncode, done.stderr) == (int(turned), "")
    *lines, ruling, wrote = done.stdout.splitlines()
    assert len(lines) == 4
    assert ruling.startswith("FAILED: weight/conv1/W: laid down otherwise: rows" if turned else "CERTIFIED: 4 param")
    assert wrote == f"wrote {tmp_path / 'certificate.json'}"
    assert ('"FAILED"' in (tmp_path / "certificate.json").read_text(encoding="utf-8")) is turned
