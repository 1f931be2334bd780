"""A witness that hangs, dies or lies is told as none, exit code 3, by the judge's commands and by the court."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from fake_engine import DEEDS, make_engine

from parity import __main__ as command_line
from parity import witness_live
from parity.trace import write_request
from parity_tests.probes import RECORDED_CASES
from parity_tests.recorded import trace_path

ROOT = Path(__file__).parents[2]
RECORDED = trace_path(RECORDED_CASES[0])


def told(deed: str, text: str) -> None:
    """Raise unless the reason stands in a text, all of whose lines can be shown."""
    assert re.search(DEEDS[deed][1], " ".join(text.split())), text[-3000:]
    assert "Traceback" not in text


@pytest.mark.parametrize("deed", DEEDS)
def test_the_command_says_no_witness(
    deed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`parity record` ends with 3, says why in one paragraph, and leaves no trace."""
    given = make_engine(tmp_path / "bin", deed, python=sys.executable, recorded=RECORDED)
    request, trace = tmp_path / "request.npz", tmp_path / "trace.npz"
    write_request(request, {"dtype": "float64"}, {})
    for name in ("PATH", "SAR2NDVI_CACHE"):
        monkeypatch.setenv(name, given[name])
    monkeypatch.setattr(witness_live, "PAIR_S", 1.5 if deed == "hangs" else 60.0)
    monkeypatch.setattr(witness_live, "START_S", 0.0 if deed == "hangs" else 60.0)
    home = tmp_path / "bin" / "cache" / "home"
    monkeypatch.setattr("parity.witness_container.ContainerWitness._home", lambda _: home)
    home.mkdir(parents=True)
    (home / "stack.json").write_text('{"python": "3.9.2"}', encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["parity", "record", str(request), str(trace), "--witness=container"])
    with pytest.raises(SystemExit) as end:
        command_line.main()
    told(deed, capsys.readouterr().err)
    assert end.value.code == command_line.NO_WITNESS
    assert not trace.exists()
    assert RECORDED.is_file()
    assert [left.name for left in (tmp_path / "bin" / "cache").iterdir()] == ["home"]


@pytest.mark.parametrize("deed", ["dies", "writes half", "links elsewhere"])
def test_the_court_says_no_witness(deed: str) -> None:
    """The parity tests end with 3 too, and their last lines say why."""
    with tempfile.TemporaryDirectory() as folder:
        given = make_engine(Path(folder) / "bin", deed, python=sys.executable, recorded=RECORDED)
        court = ["parity_tests/test_recorded_traces.py", "-k", "still_match", "-q", "-p", "no:cacheprovider"]
        command = [sys.executable, "-m", "pytest", *court, "--witness=container", f"--report={folder}/report"]
        done = subprocess.run(command, cwd=ROOT, env=given, capture_output=True, encoding="utf-8", timeout=240)
    assert done.returncode == command_line.NO_WITNESS, done.stdout[-3000:] + done.stderr[-2000:]
    last = done.stdout[done.stdout.rindex("no witness: ") :]
    told(deed, last)
