"""The exported file: every stage that ONNX Runtime computes from it is the original's; a wrong file is named."""

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper

from parity.compare import Comparison
from parity.findings import Check, Verdict
from parity.trace import Record, read_request, read_trace
from parity_tests.exported_port import ExportedPort, answering, exported
from parity_tests.forward import compare_forward
from parity_tests.probes import RECORDED_CASES, Case
from parity_tests.proceedings import Proceedings
from parity_tests.requirements import of, require
from port.record import record
from port.recording import given_network
from port.requested import requested_recipe
from port.rounding import rounding_bound

pytestmark = pytest.mark.first_witness
JUDGED = (
    Case("SOPTIIp", "scaled", "float32"),
    Case("SOPTIIp", "scaled", "float32", output="rectify"),
    Case("SOPTIIp", "initial", "float32"),
    Case("OPTI", "trained", "float32"),
    *(case for case in RECORDED_CASES if case.dtype == "float32"),  # ONNX Runtime has no convolution in float64
)
LAYERS = ("conv1/", "conv2/", "conv3/", "output")


@dataclass(frozen=True)
class Answer:
    """A file's answer to a case: the file, the request, the trace, and what the judge says of it."""

    port: ExportedPort
    request: Record
    trace: Record
    comparison: Comparison


class Bench:
    """The judged cases that a witness knows."""

    def __init__(self, proceedings: Proceedings, folder: Path) -> None:
        self.cases = [case for case in JUDGED if case in proceedings.cases]
        assert self.cases
        self._answered, self._files, self._folder = proceedings.answered, proceedings.files, folder
        self._exported = cache(self._export)

    def answer(self, case: Case, alter: Callable[[onnx.ModelProto], None] = lambda model: None) -> Answer:
        """Let the exported file answer, altered if asked to, and judge."""
        files, path = self._files(case), self._folder / f"{case.id}.npz"
        legacy = read_trace(self._answered(case))
        request = read_request(files.request)
        model = copy.deepcopy(self._exported(case))
        alter(model)
        port = ExportedPort(model)
        with answering(port, case.variant)():
            record(files.request, path, files.legacy)
        trace = read_trace(path)
        return Answer(port, request, trace, compare_forward(legacy, trace, request))

    def _export(self, case: Case) -> onnx.ModelProto:
        """The case's network, as the product exports it."""
        return exported(read_request(self._files(case).request), self._folder / f"{case.id}.onnx")


@pytest.fixture(scope="module")
def bench(proceedings: Proceedings, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """The cases before one witness."""
    return Bench(proceedings, tmp_path_factory.mktemp("exported"))


@pytest.fixture(scope="module")
def answers(bench: Bench) -> Mapping[Case, Answer]:
    """The answer of the exported file to each case."""
    return {case: bench.answer(case) for case in bench.cases}


def test_inputs_are_exact(answers: Mapping[Case, Answer]) -> None:
    """The file divides each stored channel as the original does, bit for bit."""
    for answer in answers.values():
        require(answer.comparison, Check.FORCED, Check.FREE, where=of("batch/"))


def test_each_layer_on_the_originals_input(answers: Mapping[Case, Answer]) -> None:
    """Each layer of the file, fed what the original's layer was fed, gives what the original gave."""
    for answer in answers.values():
        require(answer.comparison, Check.FORCED, where=of(*LAYERS), stages=6)


def test_whole_network(answers: Mapping[Case, Answer]) -> None:
    """From the stored input on its own, the file's activations and the loss are the original's."""
    for answer in answers.values():
        require(answer.comparison, Check.FREE, where=of(*LAYERS, "loss"), stages=7)


def test_nothing_fails(answers: Mapping[Case, Answer]) -> None:
    """The traces may be compared, the weights are the original's, and no stage up to the loss fails in any check."""
    for case, answer in answers.items():
        failed = [found.message for found in answer.comparison.findings if found.verdict is Verdict.FAIL]
        assert not failed, (case.id, failed)


def test_file_as_it_stands_gives_what_was_judged(answers: Mapping[Case, Answer]) -> None:
    """The whole file in one session, stored units in, gives the judged output: its parts are no other program."""
    for answer in answers.values():
        network = given_network(answer.request, requested_recipe(answer.request))
        bound = rounding_bound(network, torch.from_numpy(answer.trace["batch/selected"].copy())).numpy()
        error = np.abs(answer.port.whole(answer.trace["batch/raw"]) - answer.trace["output"])
        assert (error <= bound).all()


def test_trace_names_what_ran(answers: Mapping[Case, Answer]) -> None:
    """The manifest tells ONNX Runtime's version beside PyTorch's."""
    for answer in answers.values():
        assert answer.trace.manifest["stack"]["onnxruntime"] == onnxruntime.__version__


def _unflipped(model: onnx.ModelProto) -> None:
    """conv2's filters as the original stores them."""
    _replace(model, "network.conv2.weight", lambda filters: filters[..., ::-1, ::-1])


def _other_divisor(model: onnx.ModelProto) -> None:
    """The last channel divided by 1."""
    _replace(model, "divisors", lambda divisors: np.concatenate([divisors[:-1], np.ones_like(divisors[-1:])]))


def _bands_exchanged(model: onnx.ModelProto) -> None:
    """The metadata names two bands in each other's place."""
    told = next(entry for entry in model.metadata_props if entry.key == "bands")
    names = json.loads(told.value)
    names[4], names[5] = names[5], names[4]
    told.value = json.dumps(names)


def _not_rectified(model: onnx.ModelProto) -> None:
    """The first rectifier lets everything through."""
    node = next(node for node in model.graph.node if node.op_type == "Relu")
    node.op_type = "Identity"


def _replace(model: onnx.ModelProto, name: str, change: Callable[[np.ndarray], np.ndarray]) -> None:
    """Put other values into a parameter of the file."""
    parameter = next(entry for entry in model.graph.initializer if entry.name == name)
    changed = np.ascontiguousarray(change(numpy_helper.to_array(parameter)))
    parameter.CopyFrom(numpy_helper.from_array(changed, name))


@pytest.mark.parametrize(
    ("alter", "stage"),
    [
        (_unflipped, "conv2/pre"),
        (_other_divisor, "batch/normalised"),
        (_bands_exchanged, "batch/normalised"),
        (_not_rectified, "conv1/out"),
    ],
    ids=["filters-unflipped", "other-divisor", "bands-exchanged", "not-rectified"],
)
def test_wrong_file_is_named(bench: Bench, alter: Callable[[onnx.ModelProto], None], stage: str) -> None:
    """A file that is wrong in one place fails, and that place is blamed first."""
    case = next(case for case in bench.cases if case.variant == "SOPTIIp")
    comparison = bench.answer(case, alter).comparison
    assert comparison.first_bad is not None
    assert comparison.first_bad.stage == stage
