"""The judge can fail: wrong ports are caught, at the stage where the mistake was planted."""

from pathlib import Path

import pytest

from parity.compare import compare
from parity.findings import Verdict
from parity.trace import read_request, read_trace
from parity_tests.mutants import MUTANTS
from parity_tests.proceedings import Proceedings, run_port


@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_is_caught(proceedings: Proceedings, name: str, tmp_path: Path) -> None:
    """A port with this one mistake fails, and the judge names the right stage."""
    case = next(case for case in proceedings.cases if case.variant == "SOPTIIp" and case.probe == "scaled")
    assert proceedings.comparisons[case].verdict is not Verdict.FAIL
    files = proceedings.files(case)
    trace = tmp_path / "mutant.npz"
    run_port([name, files.request, trace, f"--teacher={files.legacy}"], module=["parity_tests.mutants"])
    judged = compare(read_trace(files.legacy), read_trace(trace), request=read_request(files.request), truth=None)
    assert judged.verdict is Verdict.FAIL
    assert judged.first_bad is not None
    assert judged.first_bad.stage == MUTANTS[name].stage
