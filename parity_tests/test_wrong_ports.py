"""The judge can fail: before every witness wrong ports are caught, at the stage where the mistake was planted.

`tox -e zoo` plants all known mistakes; these three show that this court, too, can tell.
"""

from dataclasses import replace
from pathlib import Path

import pytest

from parity.findings import Verdict
from parity_tests.judging import compare_files
from parity_tests.mutation import Mutation
from parity_tests.planting import mutation_of, record_planted
from parity_tests.proceedings import Proceedings

PLANTED = [mutation_of(name) for name in ("filters-not-flipped", "conv2-filters-not-flipped", "dem-in-metres")]


@pytest.mark.parametrize("mutation", PLANTED, ids=lambda mutation: mutation.id)
def test_wrong_port_is_caught(proceedings: Proceedings, mutation: Mutation, tmp_path: Path) -> None:
    """A port with this one mistake fails, and the judge blames the right stage."""
    scaled = {case.variant: case for case in reversed(proceedings.cases) if case.probe == "scaled"}
    case = scaled.get("SARp", scaled["SOPTIIp"])  # of those with a DEM the one that takes least
    assert proceedings.comparison(case).verdict is not Verdict.FAIL
    files = proceedings.files(case)
    trace = tmp_path / "wrong.npz"
    workshop, truth = proceedings.workshop, proceedings.truth(case)
    workshop.port("wrong ports: run", record_planted, mutation.id, files.request, trace, files.legacy)
    judged = workshop.judge("wrong ports: are judged", compare_files, replace(files, port=trace), truth, False)
    assert judged.verdict is Verdict.FAIL
    assert judged.first_bad is not None
    assert judged.first_bad.stage == mutation.stage
