"""The committed traces are what a live witness says today. Collected only where one can be had."""

from pathlib import Path

import pytest

from parity.compare import compare
from parity.findings import Verdict
from parity.trace import read_trace
from parity_tests.probes import RECORDED_CASES, Case, make_request
from parity_tests.proceedings import Proceedings
from parity_tests.recorded import RECORDED, trace_path


@pytest.mark.parametrize("kept", RECORDED_CASES, ids=lambda case: case.id)
def test_recorded_traces_still_match(proceedings: Proceedings, kept: Case, tmp_path: Path) -> None:
    """What the witness says today of the same request is what the committed trace says."""
    request, trace = tmp_path / "request.npz", tmp_path / "trace.npz"
    make_request(kept, request)
    proceedings.witness.record([(request, trace)])
    judged = compare(read_trace(trace_path(kept)), read_trace(trace), same_side=True)
    failed = [finding.message for finding in judged.findings if finding.verdict is Verdict.FAIL]
    assert not failed, "\n".join(failed)
    assert judged.tensors


def test_recorded_traces_are_small() -> None:
    """The committed traces take less than 3 MB in all, and there is one for each recorded case."""
    assert {path.name for path in RECORDED.glob("*.npz")} == {trace_path(case).name for case in RECORDED_CASES}
    assert sum(path.stat().st_size for path in RECORDED.glob("*.npz")) < 3_000_000
