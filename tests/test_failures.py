"""A failing case is told: what is to blame, why, and the command that shows it again; nothing hides the failure."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from parity.compare import Comparison
from parity.findings import Verdict
from parity.graph import Node
from parity.stages import judge_stages
from parity.trace import read_request, read_trace, write_request, write_trace
from parity_tests.failures import failing, investigate
from parity_tests.probes import Case
from parity_tests.proceedings import Files, evenly

FIRST, SECOND = Case("SAR", "scaled", "float64"), Case("OPTI", "scaled", "float64")
NODES = (Node("batch", "given"), Node("conv1/out", "rectify", ("batch",)))


@dataclass
class Heard:
    """Proceedings before the recorded witness: the first case passes, the second is wrong, or passes too."""

    directory: Path
    wrong: bool
    witness: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(name="recorded"))
    cases: tuple[Case, ...] = (FIRST, SECOND)

    def __post_init__(self) -> None:
        """Record and compare."""
        self.comparisons = {case: self._compared(case) for case in self.cases}

    def files(self, case: Case) -> Files:
        """A request, and the traces of both sides."""
        return Files(*(self.directory / f"{case.id}.{kind}.npz" for kind in ("request", "legacy", "port")))

    def _compared(self, case: Case) -> Comparison:
        """A rectifier, which a wrong port leaves out."""
        files, values = self.files(case), np.linspace(-2, 3, 24).reshape(1, 2, 3, 4)
        sound = np.maximum(values, 0)
        told = {"dtype": "float64", "graph": [node.as_json() for node in NODES]}
        write_request(files.request, {}, {"batch": values})
        write_trace(files.legacy, told, {"batch": values, "conv1/out": sound})
        wrong = self.wrong and case is SECOND
        write_trace(files.port, told, {"batch": values, "conv1/out": values if wrong else sound})
        legacy, port = read_trace(files.legacy), read_trace(files.port)
        return Comparison(legacy, port, tuple(judge_stages(legacy, port, request=None, truth={})), {})


def test_first_failing_case_is_told(tmp_path: Path) -> None:
    """The stage, a diagnosis and a command; a recorded witness answers no smaller request, which is said."""
    proceedings = Heard(tmp_path, wrong=True)
    lines = investigate(proceedings, tmp_path / "report")
    saved = tmp_path / "report" / "failures" / f"{SECOND.id}.npz"
    assert failing(proceedings) == [SECOND]
    assert lines[0] == f"recorded: 1 of 2 cases fail; first {SECOND.id}"
    assert lines[1] == "  to blame: conv1/out"
    assert lines[2].startswith("  diagnosis: conv1/out: ")
    assert lines[-2:] == [
        "  not reduced: a recorded witness answers no other request",
        f"  see it fail again: python -m parity judge {saved} --witness=recorded",
    ]
    assert read_request(saved).sha256 != ""
    told = json.loads(saved.with_suffix(".json").read_text(encoding="utf-8"))
    assert (told["case"], told["blamed"][0]) == (SECOND.id, "conv1/out")


def test_of_failing_cases_those_in_float64_are_told_first() -> None:
    """A wrong update is named from a run that shows what is meant; in float32 rounding hides it. Else in order."""
    names = [("SAR", "float32"), ("OPTI", "float64"), ("SOPTI", "float32"), ("SAR", "float64"), ("OPTII", "float64")]
    cases = [Case(variant, "scaled", dtype) for variant, dtype in names]
    verdicts = {case: SimpleNamespace(verdict=Verdict.FAIL) for case in cases} | {
        cases[3]: SimpleNamespace(verdict=Verdict.PASS)
    }
    assert failing(SimpleNamespace(comparisons=verdicts)) == [cases[1], cases[4], cases[0], cases[2]]


def test_where_nothing_fails_nothing_is_left(tmp_path: Path) -> None:
    """What an earlier run left is taken away."""
    (tmp_path / "failures").mkdir()
    (tmp_path / "failures" / "old.npz").write_bytes(b"old")
    assert investigate(Heard(tmp_path, wrong=False), tmp_path) == []
    assert not (tmp_path / "failures").exists()


def test_failure_that_cannot_be_reduced_is_still_told(tmp_path: Path) -> None:
    """What goes wrong on the way takes a line of its own, and no error hides the case."""
    proceedings = Heard(tmp_path, wrong=True)
    proceedings.files(SECOND).port.unlink()
    lines = investigate(proceedings, tmp_path / "report")
    assert lines[0].endswith(SECOND.id)
    assert lines[1].startswith("  this failure could not be reduced: ")


def test_shares_of_the_work_are_even_and_whole() -> None:
    """Each case is in one share, and what is compiled once stays together."""
    cases = [Case(variant, probe, dtype) for variant in ("SAR", "OPTI", "SOPTI") for probe in ("initial", "scaled")
             for dtype in ("float64", "float32")]  # fmt: skip
    shares = evenly(cases, by=lambda case: (case.variant, case.dtype))
    assert sorted(case.id for share in shares for case in share) == sorted(case.id for case in cases)
    assert not {(case.variant, case.dtype) for case in shares[0]} & {(case.variant, case.dtype) for case in shares[1]}
    seconds = [sum(5.0 if case.dtype == "float64" else 2.5 for case in share) for share in shares]
    assert abs(seconds[0] - seconds[1]) <= 5.0
