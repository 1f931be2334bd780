"""Engines: each float engine is the original, stage by stage; bfloat16 is as far from it as its rounding explains."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from parity.compare import Comparison, compare
from parity.findings import Check, Verdict
from parity.trace import Record, read_request, read_trace
from parity_tests import bfloat16
from parity_tests.forward import compare_forward
from parity_tests.judging import kept_truth
from parity_tests.probes import RECORDED_CASES, Case
from parity_tests.proceedings import Proceedings, run_port
from parity_tests.requirements import of, require

pytestmark = pytest.mark.first_witness
JUDGED = (Case("SOPTIIp", "scaled", "float32"), Case("OPTI", "initial", "float64"), *RECORDED_CASES)
LAYERS = ("conv1/", "conv2/", "conv3/", "output")
CONVOLUTIONS = tuple(f"conv{number}/pre" for number in (1, 2, 3))
ENGINES = {"compiled": ("float32", "float64"), "eager": ("float32", "float64"), "channels-last": ("float32", "float64")}
ENGINES |= {"bfloat16": ("float32",)}
"""In which dtypes each is asked; what takes longest first."""
Traces = Mapping[Case, Record]


class Bench:
    """The judged cases that a witness knows: what the original says, and what the port says by an engine."""

    def __init__(self, proceedings: Proceedings, folder: Path) -> None:
        self.cases = [case for case in JUDGED if case in proceedings.cases]
        assert {case.dtype for case in self.cases} == {"float32", "float64"}
        self._files, self._folder = proceedings.files, folder
        self.legacy = {case: read_trace(proceedings.answered(case)) for case in self.cases}
        self._begun = {engine: proceedings.workshop.later(self._record, engine) for engine in ENGINES}
        self._truths = {case: kept_truth(proceedings.truth(case)) for case in self.cases}

    def recorded(self, engine: str) -> Traces:
        """What the port computes by an engine; all are begun together."""
        return self._begun[engine].result()

    def _record(self, engine: str) -> Traces:
        """From the command line, as any user would."""
        cases = [case for case in self.cases if case.dtype in ENGINES[engine]]
        paths = {case: self._folder / f"{case.id}-{engine}.npz" for case in cases}
        pairs = [path for case in cases for path in (self._files(case).request, paths[case])]
        teachers = [f"--teacher={self._files(case).legacy}" for case in cases]
        run_port([*pairs, *teachers, f"--engine={engine}"])
        return {case: read_trace(path) for case, path in paths.items()}

    def judged(self, case: Case, port: Record) -> Comparison:
        """What the judge says of it."""
        request = read_request(self._files(case).request)
        return compare(self.legacy[case], port, request=request, truth=self._truths[case])

    def judged_forward(self, case: Case, port: Record) -> Comparison:
        """What it says up to the loss."""
        return compare_forward(self.legacy[case], port, read_request(self._files(case).request))


@pytest.fixture(scope="module")
def bench(proceedings: Proceedings, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """The cases before one witness."""
    return Bench(proceedings, tmp_path_factory.mktemp("engines"))


@pytest.fixture(scope="module")
def rounded(bench: Bench) -> Traces:
    """What the port computes in bfloat16."""
    return bench.recorded("bfloat16")


@pytest.mark.parametrize("engine", ["eager", "channels-last", "compiled"])
def test_float_engine_is_the_original(bench: Bench, engine: str) -> None:
    """Layers, loss, gradients and the weights after training are the original's, teacher-forced and free-running."""
    for case, port in bench.recorded(engine).items():
        assert port.manifest["engine"] == engine
        comparison = bench.judged(case, port)
        failed = [found.message for found in comparison.findings if found.verdict is Verdict.FAIL]
        assert not failed, "\n".join(failed)
        require(comparison, Check.FORCED, where=of(*LAYERS), stages=6)
        require(comparison, Check.FREE, where=of(*LAYERS, "loss"), stages=7)
        require(comparison, Check.FREE, where=of("grad/"), stages=13)
        require(comparison, Check.TRAJECTORY, where=of("step/"))


def test_bfloat16_is_within_its_own_rounding(bench: Bench, rounded: Traces) -> None:
    """Each convolution, fed what the original's was fed, errs by at most what factors of 8 bits explain."""
    for case, port in rounded.items():
        for stage, share in _shares(bench.legacy[case], port, bfloat16.UNIT_ROUNDOFF).items():
            assert share <= 1, (case.id, stage, share)


def test_judge_sees_bfloat16(bench: Bench, rounded: Traces) -> None:
    """Each convolution in bfloat16 is over the bound of float32, and no other stage of its forward pass."""
    for case, port in rounded.items():
        comparison = bench.judged_forward(case, port)
        failed = [finding for finding in comparison.findings if finding.verdict is Verdict.FAIL]
        assert {finding.stage for finding in failed if finding.check is Check.FORCED} == {*CONVOLUTIONS}
        assert failed[0].stage == "conv1/pre"


def test_one_bit_fewer_would_be_seen(bench: Bench, rounded: Traces) -> None:
    """The bound of factors of 9 bits is too small for those of 8: it is no wider than it must be."""
    for case, port in rounded.items():
        assert max(_shares(bench.legacy[case], port, bfloat16.UNIT_ROUNDOFF / 2).values()) > 1


def test_bfloat16_output_is_near_the_originals(bench: Bench, rounded: Traces) -> None:
    """From the input on its own, its root mean square error is below 1 % of the output's root mean square."""
    for case, port in rounded.items():
        expected = bench.legacy[case]["output"].astype(np.float64)
        error = port["output"] - expected
        assert np.sqrt((error**2).mean()) < 0.01 * np.sqrt((expected**2).mean())


def _shares(legacy: Record, port: Record, u: float) -> dict[str, float]:
    """The largest error of each convolution, teacher-forced, in units of the bound of factors with round-off u."""
    shares = {}
    for node in legacy.graph:
        if node.stage in CONVOLUTIONS:
            error = np.abs(port.forced[node.stage].astype(np.float64) - legacy[node.stage])
            allowed = bfloat16.bound(node, legacy.arrays, legacy.dtype, u)
            assert (allowed[error > 0] > 0).all()
            shares[node.stage] = float(np.divide(error, allowed, out=np.zeros_like(error), where=error > 0).max())
    return shares
