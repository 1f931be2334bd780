"""The gate trains what it is about, prints what it gated and what it did not, and fails in its exit code."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from benchmarks.accuracy import METRICS, ONE_SYNTHETIC, Row, compared, methods
from gate_tests import trainings
from gate_tests.errors import GateError
from gate_tests.trainings import Trainings
from gate_tests.verdicts import Verdicts, table, write_json

ROOT = Path(__file__).parents[1]


def test_missing_scene_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Before anything is trained, with the variable to set."""
    monkeypatch.setattr(trainings, "DATA", tmp_path)
    with pytest.raises(GateError, match=r"no scene place in .*; set SAR2NDVI_DATA to the folder"):
        Trainings([Row("place", "SOPTII", "corrected", (0,))])


@pytest.mark.usefixtures("quick_runs")
def test_training_is_the_products_run() -> None:
    """In a process of its own it gives what it gives here, each once however many rows ask."""
    row = Row(ONE_SYNTHETIC, "OPTI", "corrected", (3,), {"epochs": 1, "stride_px": 32})
    found = Trainings([row, replace(row, seeds=(3,))])
    try:
        assert found.of(row) == [methods(compared(row, 3)["all"])]
        assert found.done(row)
        assert len(found._found) == 1
    finally:
        found.stop()
    assert {*found.of(row)[0]["prediction"]} == {*METRICS}


def test_failed_training_fails() -> None:
    """With the product's own message; it is not taken for done."""
    row = Row(ONE_SYNTHETIC, "OPTI", "corrected", (3,), {"stride_px": 1000})
    found = Trainings([row])
    try:
        with pytest.raises(Exception, match="fewer than one batch"):
            found.of(row)
        assert not found.done(row)
    finally:
        found.stop()


# --- the table


def test_table_says_what_was_gated_and_what_was_not() -> None:
    """What failed first; a family in one line; what is not gated last, with its reason; and the count of all."""
    verdicts = Verdicts()
    with verdicts.gated("channels.SAR", 2, "paper") as line:
        line.actual = 2
    with verdicts.gated("channels.OPTI", 1, "paper") as line:
        line.actual = 1
    with pytest.raises(GateError), verdicts.gated("border", 8, "program"):
        raise GateError
    verdicts.not_gated("cells.SAR.cc", "not at hand", "no table")
    head, failed, held, left = (" ".join(row.split()) for row in table(verdicts.lines))
    assert head == "what expected the port why so"
    assert failed == "FAILED border 8 program"
    assert held == "held channels (2) 2 1 2 1 paper"
    assert left == "not gated cells.SAR.cc not at hand no table"
    assert verdicts.closing(3) == "gate: 3 gated, 1 FAILED; 1 not gated, each with its reason"


@pytest.mark.parametrize(
    ("asked", "errors", "said"),
    [
        (1, 0, "gate: 1 gated, all hold; 0 not"),
        (0, 0, "gate: 0 gated, nothing was held; 0 not"),
        (3, 0, "gate: 3 gated, 2 WITHOUT A VERDICT; 0 not"),
        (3, 2, "gate: 3 gated, 2 WITHOUT A VERDICT, 2 ERRORS; 0 not"),
        (1, 1, "gate: 1 gated, 1 ERRORS; 0 not"),
    ],
)
def test_closing_tells_what_never_came_to_a_verdict(asked: int, errors: int, said: str) -> None:
    """Nothing holds that was not judged, and all of it only if nothing went amiss beside."""
    verdicts = Verdicts()
    if asked:
        with verdicts.gated("border", 8, "program"):
            pass
    assert verdicts.closing(asked, errors).startswith(said)


SPOIL = """
from dataclasses import replace
from port import recipes
wrong = replace(recipes.RECIPES["original"], learning_rate=0.006)
recipes.RECIPES = {**recipes.RECIPES, "original": wrong}
"""


def gate(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The gate's own command, on a few numbers; what it writes is not kept, so that a real run's verdicts stay."""
    with TemporaryDirectory() as folder:
        own = ["-p", "no:cacheprovider", f"--gate-report={folder}"]
        command = [sys.executable, "-m", "pytest", "gate_tests", *own, *words]
        return subprocess.run(
            command, cwd=ROOT, env=os.environ | environment, capture_output=True, encoding="utf-8", timeout=300
        )


def test_gate_ends_in_its_table() -> None:
    """What held, what is not gated and why, and one sentence."""
    done = gate("-k", "learning_rates or border")
    assert done.returncode == 0, done.stdout
    assert "held       border" in done.stdout
    assert "no cell is ever invented" in done.stdout
    assert "gate: 2 gated, all hold;" in done.stdout


def test_gate_fails_with_both_values(tmp_path: Path) -> None:
    """A recipe with another learning rate ends it in exit code 1, the paper's rate and the port's."""
    (tmp_path / "spoil.py").write_text(SPOIL, encoding="utf-8")
    done = gate("-k", "learning_rates or border", "-p", "spoil", PYTHONPATH=str(tmp_path))
    assert done.returncode == 1, done.stdout
    assert "learning_rates: the paper has [0.005, 0.005, 0.005]" in done.stdout
    assert "the port [0.006, 0.006, 0.006]" in done.stdout
    assert "FAILED     learning_rates" in done.stdout
    assert "gate: 2 gated, 1 FAILED;" in done.stdout


BREAK = """
from gate_tests import trainings
def trained(row, seed):
    raise RuntimeError("this training broke")
trainings._trained = trained
"""


def test_failed_training_is_a_failed_gate(tmp_path: Path) -> None:
    """Each thing that hangs on it is a line that failed, and is counted."""
    (tmp_path / "breaks.py").write_text(BREAK, encoding="utf-8")
    done = gate("-k", "border or (synthetic and psnr and causal)", "-p", "breaks", PYTHONPATH=str(tmp_path))
    assert done.returncode == 1, done.stdout
    assert "this training broke" in done.stdout
    assert "FAILED     synthetic, scene 0 SOPTIIp corrected: psnr against causal" in done.stdout
    assert "FAILED     synthetic, scene 0: baseline psnr.causal" in done.stdout
    assert "gate: 3 gated, 2 FAILED; " in done.stdout


def test_gate_that_cannot_begin_holds_nothing(tmp_path: Path) -> None:
    """Without the real scenes no training is begun; what waits for one has no verdict, and that is said."""
    done = gate("-k", "border or (synthetic and psnr and causal)", SAR2NDVI_DATA=str(tmp_path))
    assert done.returncode == 1, done.stdout
    assert "set SAR2NDVI_DATA to the folder" in done.stdout
    assert "gate: 3 gated, 2 WITHOUT A VERDICT, 2 ERRORS; " in done.stdout
    assert "all hold" not in done.stdout


def test_verdicts_are_written_for_the_report(tmp_path: Path) -> None:
    """How many ended how, and every line with what was expected and what the port said."""
    verdicts = Verdicts()
    with verdicts.gated("border", 8, "program") as line:
        line.actual = 8
    with pytest.raises(GateError), verdicts.gated("mae", 0.04321987, "record"):
        raise GateError("worse")
    verdicts.not_gated("cells.SAR.cc", "not at hand", "no table")
    write_json(tmp_path / "gate" / "gate.json", verdicts)
    told = json.loads((tmp_path / "gate" / "gate.json").read_text(encoding="utf-8"))
    assert (told["held"], told["failed"], told["not_gated"]) == (1, 1, 1)
    assert told["rows"][:2] == [
        {"id": "border", "value": "8", "measured": "8", "verdict": "held"},
        {"id": "mae", "value": "0.0432199", "measured": "", "verdict": "FAILED"},
    ]
