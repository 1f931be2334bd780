"""The judge's commands: exit codes 0 to 3, and errors that are one paragraph.

Most run in this process, where a warning is an error too; a few as a user runs them, in a process of their own.
"""

import json
import os
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from judged_pair import GIVEN, TRAINING, MakePair, Pair, Side

from parity.__main__ import main
from parity.integrity import ROOMS
from parity.ledger import read_ledger
from parity.trace import code_sha256, read_request, write_request

Run = Callable[..., subprocess.CompletedProcess[str]]
WIDE = {"COLUMNS": "300", "NO_COLOR": "1"}


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """A folder without a program, in which the commands run."""
    folder = tmp_path / "empty"
    folder.mkdir()
    return folder


@pytest.fixture
def run(empty: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """A function that gives the command line these words in an empty folder, with no program on the path."""
    monkeypatch.chdir(empty)
    for name, value in {"PATH": str(empty), "PYENV_ROOT": str(empty), **WIDE}.items():
        monkeypatch.setenv(name, value)

    def ran(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        words = ["parity", *map(str, arguments)]
        monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as end:
            main()
        said = capsys.readouterr()
        return subprocess.CompletedProcess(words, int(end.value.code or 0), said.out, said.err)

    return ran


@pytest.fixture
def process(empty: Path) -> Run:
    """A function that runs `python -m parity` likewise, as a user does, where a warning is an error."""
    kept = {name: value for name, value in os.environ.items() if name in ("HOME", "LANG", "SYSTEMROOT")}
    environment = kept | {"PATH": str(empty), "PYTHONPATH": str(ROOMS), **WIDE}
    environment |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}

    def ran(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-W", "error", "-m", "parity", *map(str, arguments)]
        return subprocess.run(command, cwd=empty, env=environment, capture_output=True, encoding="utf-8", timeout=120)

    return ran


def written(pair: Pair) -> tuple[Path, Path]:
    """The two traces' files, told to be of the code that stands in the rooms today."""
    for side in (pair.legacy, pair.port):
        side.manifest["code_sha256"] = code_sha256(ROOMS / side.manifest["side"])
    return pair.write()


def one_paragraph(text: str, start: str) -> str:
    """The text, which must be one line that starts so, without a traceback."""
    assert text.startswith(start)
    assert text.strip().count("\n") == 0
    assert "Traceback" not in text
    return text


def test_sound_pair_exits_0(pair: Pair, process: Run) -> None:
    """The last line says what was compared."""
    done = process("compare", *written(pair), "--request", pair.request)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1].startswith("PASS: ")
    assert "numbers compared; largest share of its bound" in done.stdout.splitlines()[-1]


def test_wrong_port_exits_1(pair: Pair, run: Run) -> None:
    """The verdict names the stage to blame, and the diagnosis after it what was done there."""
    pair.spoil("conv2/pre", lambda values: 1.01 * values)
    done = run("compare", *written(pair))
    assert (done.returncode, done.stderr) == (1, "")
    verdict, diagnosis = done.stdout.splitlines()[-3:-1]
    assert verdict.startswith("FAIL: ")
    assert "; first bad stage conv2/pre" in verdict
    assert diagnosis.startswith("diagnosis: conv2/pre: weights and biases scaled by 1.01 (within 0.")


def test_diagnosis_needs_no_framework(pair: Pair, process: Run, tmp_path: Path) -> None:
    """Two traces are diagnosed where neither torch nor theano can be imported; the JSON says what was printed."""
    for name in ("torch", "theano", "lasagne"):
        (tmp_path / "empty" / f"{name}.py").write_text("raise ImportError('not here')\n", encoding="utf-8")
    pair.spoil("conv2/pre", lambda values: 1.01 * values)
    pair.spoil("output", lambda values: 1.01 * values)
    done = process("diagnose", *written(pair), "--request", pair.request, "--report", tmp_path / "report")
    assert (done.returncode, done.stderr) == (1, "")
    told = json.loads((tmp_path / "report" / "diagnosis.json").read_text(encoding="utf-8"))
    first = told["explanations"][0]
    assert (first["stage"], first["certain"]) == ("conv2/pre", True)
    (mistake,) = first["candidates"][0]["mistakes"]
    assert mistake["name"] == "layer-scaled"
    assert abs(mistake["dose"] - 1.01) < 1e-9
    assert first["sentence"] in done.stdout.splitlines()
    assert told["tried"] > 1


def test_sound_pair_needs_no_diagnosis(pair: Pair, run: Run) -> None:
    """Nothing is explained where nothing fails."""
    done = run("diagnose", *written(pair), "--request", pair.request)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("PASS: ")
    assert done.stdout.strip().count("\n") == 0


def test_pair_in_doubt_exits_1(pair: Pair, run: Run) -> None:
    """Two traces of one process are not compared."""
    pair.port.manifest["process"] = pair.legacy.manifest["process"]
    done = run("compare", *written(pair))
    assert done.returncode == 1
    assert "FAIL: integrity: process: both traces were written by process one" in done.stdout
    assert "FAIL: 0 tensors, 0 numbers compared" in done.stdout


def test_vacuous_pair_exits_2(make: MakePair, run: Run) -> None:
    """Zeros on both sides prove nothing."""
    pair = make(nodes=tuple(GIVEN))
    pair.spoil("weight/conv1/W", lambda weights: 0 * weights, both=True)
    done = run("compare", *written(pair))
    assert (done.returncode, done.stderr) == (2, "")
    assert done.stdout.splitlines()[-1].startswith("VACUOUS: ")


def test_branch_never_reached_exits_2(pair: Pair, run: Run) -> None:
    """Four patches in batches of two leave no incomplete one."""
    for stage in ("patches/raw", "targets/raw"):
        pair.spoil(stage, lambda values: values[:4], both=True)
    done = run("compare", *written(pair))
    assert (done.returncode, done.stderr) == (2, "")
    assert done.stdout.splitlines()[-1].startswith("NOT EXERCISED: ")


def test_another_request_exits_1(pair: Pair, run: Run, tmp_path: Path) -> None:
    """Traces that come from another request than the one given are not compared."""
    other = tmp_path / "other.npz"
    write_request(other, {"dtype": "float64"}, {"weight/conv1/W": np.ones(3)})
    done = run("compare", *written(pair), "--request", other)
    assert done.returncode == 1
    assert read_request(other).sha256 in done.stdout


def sides(pair: Pair) -> tuple[Side, Side]:
    """The original's, the port's."""
    return pair.legacy, pair.port


def tell_both(pair: Pair, stage: str, **attributes: object) -> None:
    """Let both graphs tell other attributes of a stage."""
    for side in sides(pair):
        nodes = side.manifest["graph"]
        side.manifest["graph"] = [one | ({"attributes": attributes} if one["stage"] == stage else {}) for one in nodes]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda pair: [side.manifest.update(training=TRAINING | {"batch_size": 1000}) for side in sides(pair)],
            "batch/raw: 2 batches of batch_size 1000 need 2000 rows of patches/raw, which has 5; record it again",
        ),
        (
            lambda pair: [side.manifest.update(training=TRAINING | {"steps": 2**62}) for side in sides(pair)],
            f"loss/curve: recorded with shape (4,), its graph gives ({2**62},), one a step; record it again",
        ),
        (
            lambda pair: pair.spoil("patches/raw", lambda values: values[:0], both=True),
            "batch/raw: 2 batches of batch_size 2 need 4 rows of patches/raw, which has 0; record it again",
        ),
        (
            lambda pair: tell_both(pair, "step/0004/loss", of="loss", step=99),
            "step/0004/loss: is told after step 99, the manifest's training tells 4 steps; record it again",
        ),
        (lambda pair: tell_both(pair, "step/0004/loss"), "stage step/0004/loss, after training steps, is of None, st"),
        (
            lambda pair: tell_both(pair, "step/0004/loss", of="velocity/nothing", step=4),
            "stage step/0004/loss, after training steps, is of 'velocity/nothing', step 4; expected of loss",
        ),
    ],
    ids=["batch size", "steps", "empty list", "late", "of nothing", "of no weight"],
)
def test_training_that_cannot_be_exits_1(pair: Pair, run: Run, spoil: Callable[[Pair], object], message: str) -> None:
    """Two traces that are alike malformed are one paragraph, not a traceback."""
    spoil(pair)
    done = run("compare", *written(pair))
    assert (done.returncode, done.stdout) == (1, "")
    assert message in one_paragraph(done.stderr, "FAIL: ")


@pytest.mark.parametrize("value", [np.inf, 1e308])
def test_numbers_that_overflow_are_told_without_warnings(pair: Pair, run: Run, tmp_path: Path, value: float) -> None:
    """Infinite weights on both sides are a verdict, and a page; a warning would be an error here."""
    pair.spoil("weight/conv1/W", lambda weights: np.full_like(weights, value), both=True)
    done = run("compare", *written(pair), "--report", tmp_path / "report")
    assert (done.returncode, done.stderr) == (1, "")
    assert "FAIL: " in done.stdout


def test_report_is_written(pair: Pair, run: Run, tmp_path: Path) -> None:
    """All files lie in the folder asked for, and the exit code is the JSON's."""
    pair.spoil("conv2/pre", lambda values: 1.01 * values)
    done = run("compare", *written(pair), "--report", tmp_path / "report")
    told = json.loads((tmp_path / "report" / "comparison.json").read_text(encoding="utf-8"))
    assert (told["exit_code"], done.returncode) == (1, 1)
    assert sorted(path.name for path in (tmp_path / "report").iterdir()) == [
        "comparison.json",
        "diagnosis.json",
        "exhibits.json",
        "junit.xml",
        "report.html",
        "results.sarif",
    ]


def test_page_is_made_again(pair: Pair, run: Run, tmp_path: Path) -> None:
    """Of a folder, or of the newest below reports/parity; where there is none, the error says what to run."""
    nothing = run("report")
    assert nothing.returncode == 1
    assert "holds no folder with exhibits.json" in one_paragraph(nothing.stderr, "FAIL: ")
    run("compare", *written(pair), "--report", tmp_path / "empty" / "reports" / "parity" / "mine")
    for words in ((), (tmp_path / "empty" / "reports" / "parity" / "mine",)):
        done = run("report", *words, "--out", tmp_path / "again.html")
        assert (done.returncode, done.stderr, done.stdout) == (0, "", f"wrote {tmp_path / 'again.html'}\n")
        assert (tmp_path / "again.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_report_that_cannot_be_written_exits_1(pair: Pair, run: Run, tmp_path: Path) -> None:
    """A file where the folder should be is one paragraph, though the pair is sound."""
    (tmp_path / "report").write_text("", encoding="utf-8")
    done = run("compare", *written(pair), "--report", tmp_path / "report")
    assert done.returncode == 1
    assert str(tmp_path / "report") in one_paragraph(done.stderr, "FAIL: ")


@pytest.mark.parametrize("side", [0, 1], ids=["legacy", "port"])
@pytest.mark.parametrize("content", [None, b"not a zip", b"PK\x03\x04"], ids=["missing", "text", "truncated"])
def test_unreadable_trace_exits_1(pair: Pair, run: Run, side: int, content: bytes | None) -> None:
    """One paragraph names the file; there is no traceback, and no verdict."""
    path = written(pair)[side]
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    done = run("compare", pair.folder / "legacy.npz", pair.folder / "port.npz")
    assert (done.returncode, done.stdout) == (1, "")
    assert "record it again" in one_paragraph(done.stderr, f"FAIL: {path}: cannot be read as a trace or request (")


def test_unknown_operation_exits_1(pair: Pair, run: Run) -> None:
    """A graph that the judge cannot follow is one paragraph that names the stage."""
    for node in pair.legacy.manifest["graph"]:
        if node["stage"] == "conv1/out":
            node["operation"] = "softplus"
    done = run("compare", *written(pair))
    assert (done.returncode, done.stdout) == (1, "")
    one_paragraph(done.stderr, "FAIL: conv1/out: unknown operation 'softplus'; the judge knows convolution_valid")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["comapre", "a.npz", "b.npz"],
        ["compare"],
        ["compare", "a.npz"],
        ["compare", "a.npz", "b.npz", "c.npz"],
        ["compare", "a.npz", "b.npz", "--reprot=out"],
        ["compare", "a.npz", "b.npz", "--tolerance=1"],
        ["compare", "a.npz", "b.npz", "--report"],
        ["record", "a.npz"],
        ["judge"],
        ["judge", "a.npz", "b.npz"],
    ],
    ids=" ".join,
)
def test_usage_error_is_no_verdict(run: Run, arguments: list[str]) -> None:
    """A misspelt command or option is not swallowed, and does not exit 2, which is a verdict."""
    done = run(*arguments)
    assert done.returncode == 1
    assert "Usage: " in done.stdout + done.stderr or "Error" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments", [["--help"], ["compare", "--help"], ["record", "--help"], ["judge", "--help"]], ids=" ".join
)
def test_help_exits_0(run: Run, arguments: list[str]) -> None:
    """Help was asked for and given."""
    done = run(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Usage: " in done.stdout


@pytest.mark.parametrize("witness", ["container", "period", "nonsense"])
def test_no_witness_exits_3(pair: Pair, run: Run, tmp_path: Path, witness: str) -> None:
    """Where no program is on the path there is no container; the paragraph tells which witness was asked for."""
    done = run("record", pair.request, tmp_path / "trace.npz", f"--witness={witness}")
    assert done.returncode == 3
    assert witness in one_paragraph(done.stderr, "no witness: ")
    assert not (tmp_path / "trace.npz").exists()


def test_request_that_cannot_be_read_exits_1(run: Run, tmp_path: Path) -> None:
    """It is the request that is at fault, not the witness, which is not looked for."""
    done = run("record", "absent.npz", tmp_path / "trace.npz", "--witness=nonsense")
    assert done.returncode == 1
    one_paragraph(done.stderr, "FAIL: absent.npz: cannot be read as a trace or request (")


def test_ledger_is_printed(run: Run) -> None:
    """Every entry by its name, with its switch and stage."""
    done = run("ledger")
    assert (done.returncode, done.stderr) == (0, "")
    for entry in read_ledger(ROOMS / "parity_tests" / "ledger.toml"):
        for text in (entry.id, entry.switch, entry.stage):
            assert text in done.stdout


def test_malformed_ledger_exits_1(run: Run, tmp_path: Path) -> None:
    """The message names the file and what is wrong with it."""
    path = tmp_path / "ledger.toml"
    path.write_text("[[deviation]]\nid = 'lone'\n", encoding="utf-8")
    done = run("ledger", "--ledger", path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "ledger.toml, entry 1 (lone) lacks title" in one_paragraph(done.stderr, "FAIL: ")


def test_request_that_no_recorded_trace_answers_exits_3(pair: Pair, run: Run) -> None:
    """The witness that is asked cannot answer it."""
    done = run("judge", pair.request, "--witness=recorded")
    assert (done.returncode, done.stdout) == (3, "")


def test_usage_error_of_a_process_is_no_verdict(process: Run) -> None:
    """Whatever shows the usage, its exit code 2 does not reach the caller."""
    assert process("compare").returncode == 1


def test_diagnosis_is_written_as_it_is_printed(pair: Pair, run: Run, tmp_path: Path) -> None:
    """The last line names the file; its sentence stands above."""
    pair.spoil("conv2/pre", lambda values: 1.01 * values)
    done = run("diagnose", *written(pair), "--report", tmp_path / "report")
    assert (done.returncode, done.stderr) == (1, "")
    verdict, *sentences, wrote = done.stdout.splitlines()
    assert verdict.startswith("FAIL: ")
    assert wrote == f"wrote {tmp_path / 'report' / 'diagnosis.json'}"
    told = json.loads((tmp_path / "report" / "diagnosis.json").read_text(encoding="utf-8"))
    assert [one["sentence"] for one in told["explanations"]] == sentences


def test_file_that_is_run_is_the_command_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As `python -m parity` runs it."""
    monkeypatch.setattr(sys, "argv", ["parity", "--help"])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(ROOMS / "parity" / "__main__.py"), run_name="__main__")
    assert not end.value.code
    assert "Usage: " in capsys.readouterr().out
