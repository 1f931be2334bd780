"""The judge can fail: before every witness wrong ports are caught, at the stage where the mistake was planted.

`tox -e zoo` plants all known mistakes; these three show that this court, too, can tell.
"""

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import replace

import pytest

from parity.compare import Comparison
from parity.findings import Verdict
from parity_tests.judging import compare_files
from parity_tests.mutation import Mutation
from parity_tests.planting import mutation_of, record_planted
from parity_tests.proceedings import Proceedings

PLANTED = [mutation_of(name) for name in ("filters-not-flipped", "conv2-filters-not-flipped", "dem-in-metres")]


@pytest.fixture(scope="module")
def judged(proceedings: Proceedings, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Future[Comparison]]:
    """What the judge says of each wrong port; all are begun together."""
    scaled = {case.variant: case for case in reversed(proceedings.cases) if case.probe == "scaled"}
    case = scaled.get("SARp", scaled["SOPTIIp"])  # of those with a DEM the one that takes least
    assert proceedings.comparison(case).verdict is not Verdict.FAIL
    files, folder = proceedings.files(case), tmp_path_factory.mktemp("wrong")
    workshop, truth = proceedings.workshop, proceedings.truth(case)

    def judge(mutation: Mutation) -> Comparison:
        trace = folder / f"{mutation.id}.npz"
        workshop.port("wrong ports: run", record_planted, mutation.id, files.request, trace, files.legacy)
        return workshop.judge("wrong ports: are judged", compare_files, replace(files, port=trace), truth, False)

    return {mutation.id: workshop.later(judge, mutation) for mutation in PLANTED}


@pytest.mark.parametrize("mutation", PLANTED, ids=lambda mutation: mutation.id)
def test_wrong_port_is_caught(judged: Mapping[str, Future[Comparison]], mutation: Mutation) -> None:
    """A port with this one mistake fails, and the judge blames the right stage."""
    found = judged[mutation.id].result()
    assert found.verdict is Verdict.FAIL
    assert found.first_bad is not None
    assert found.first_bad.stage == mutation.stage
