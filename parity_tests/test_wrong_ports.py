"""The judge can fail: before every witness wrong ports are caught, at the stage where the mistake was planted.

`tox -e zoo` plants all known mistakes; these three show that this court, too, can tell.
"""

from pathlib import Path

import pytest

from parity.compare import compare
from parity.findings import Verdict
from parity.trace import read_request, read_trace
from parity_tests.judging import kept_truth
from parity_tests.mutation import Mutation
from parity_tests.proceedings import Proceedings
from parity_tests.zoo import ZOO
from port.record import record

PLANTED = {"filters-not-flipped", "conv2-filters-not-flipped", "dem-in-metres"}


@pytest.mark.parametrize("mutation", [one for one in ZOO if one.id in PLANTED], ids=lambda mutation: mutation.id)
def test_wrong_port_is_caught(proceedings: Proceedings, mutation: Mutation, tmp_path: Path) -> None:
    """A port with this one mistake fails, and the judge blames the right stage."""
    case = next(case for case in proceedings.cases if case.variant == "SOPTIIp" and case.probe == "scaled")
    assert proceedings.comparison(case).verdict is not Verdict.FAIL
    files = proceedings.files(case)
    trace = tmp_path / "wrong.npz"
    with mutation.plant():
        record(files.request, trace, files.legacy)
    truth = kept_truth(proceedings.truth(case))  # of the same request and the same trace of the original
    judged = compare(read_trace(files.legacy), read_trace(trace), request=read_request(files.request), truth=truth)
    assert judged.verdict is Verdict.FAIL
    assert judged.first_bad is not None
    assert judged.first_bad.stage == mutation.stage
