"""A pair of small traces of one two-layer network, computed by the reference, to be spoilt in one place and judged."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from parity import reference, steps
from parity.compare import Comparison, compare
from parity.findings import Check, Finding
from parity.graph import Graph, Node
from parity.trace import code_sha256, read_request, read_trace, write_request, write_trace
from parity.training import Training

Entries = dict[str, np.ndarray]
DIVISOR = 1000.0
CHANNELS = (2, 0)
TRAINING = {"steps": 4, "recorded": [1, 4], "batch_size": 2, "batches": 2, "learning_rate": 0.005, "momentum": 0.9}
TOLD = Training.from_manifest({"training": TRAINING}, where="here")
PARAMETERS = ("conv1/W", "conv1/b", "conv2/W", "conv2/b")
FORWARD = [
    Node("batch/raw", "rows", ("patches/raw",), {"start": 0, "stop": 2}),
    Node("target/raw", "rows", ("targets/raw",), {"start": 0, "stop": 2}),
    Node("batch/normalised", "divide", ("batch/raw",), {"divisor": DIVISOR}),
    Node("target/normalised", "divide", ("target/raw",), {"divisor": DIVISOR}),
    Node("batch/selected", "select", ("batch/normalised",), {"axis": 1, "indices": list(CHANNELS)}),
    Node("conv1/pre", "convolution_valid", ("batch/selected", "weight/conv1/W", "weight/conv1/b")),
    Node("conv1/out", "rectify", ("conv1/pre",)),
    Node("conv2/pre", "convolution_valid", ("conv1/out", "weight/conv2/W", "weight/conv2/b")),
    Node("output", "identity", ("conv2/pre",)),
    Node("loss", "mean_absolute_error", ("output", "target/normalised")),
]
BACKWARD = [
    Node("grad/output", "mean_absolute_error_gradient", ("output", "target/normalised")),
    Node("grad/conv2/pre", "identity", ("grad/output",)),
    Node("grad/conv2/W", "convolution_valid_gradient_weights", ("conv1/out", "grad/conv2/pre")),
    Node("grad/conv2/b", "bias_gradient", ("grad/conv2/pre",)),
    Node("grad/conv1/out", "convolution_valid_gradient_input", ("weight/conv2/W", "grad/conv2/pre")),
    Node("grad/conv1/pre", "rectify_gradient", ("conv1/pre", "grad/conv1/out"), {"at_zero": 0.5}),
    Node("grad/conv1/W", "convolution_valid_gradient_weights", ("batch/selected", "grad/conv1/pre")),
    Node("grad/conv1/b", "bias_gradient", ("grad/conv1/pre",)),
    Node("grad/input", "convolution_valid_gradient_input", ("weight/conv1/W", "grad/conv1/pre")),
]
STEPS = [
    Node(f"step/{step:04d}/{of}", "trajectory", (), {"step": step, "of": of})
    for step in TRAINING["recorded"]
    for of in ("loss", *(f"velocity/{name}" for name in PARAMETERS), *(f"weight/{name}" for name in PARAMETERS))
]
CURVE = [Node("loss/curve", "trajectory", (), {"of": "loss"})]
GIVEN = [Node(name, "given") for name in (*(f"weight/{p}" for p in PARAMETERS), "patches/raw", "targets/raw")]
NODES = (*GIVEN, *FORWARD, *BACKWARD, *STEPS, *CURVE)
COMPUTED = tuple(node.stage for node in (*FORWARD, *BACKWARD))

Wrong = Mapping[str, Callable[..., np.ndarray]]


def given_entries(seed: int = 7) -> Entries:
    """Weights in steps of 1/64, five patches and targets; the first patch is all zeros and meets its target once.

    The first filter's bias is 0 and the others' are not, so over zeros one pre-activation is exactly 0 and the output
    is a sum of products of 64ths: exact in float32 in any order, and equal to the target set there.
    """
    random = np.random.default_rng(seed)

    def sixty_fourths(*shape: int) -> np.ndarray:
        return random.integers(-40, 41, shape) / 64

    weights = {
        "weight/conv1/W": sixty_fourths(3, 2, 3, 2),
        "weight/conv1/b": np.array([0.0, 0.25, -0.5]),
        "weight/conv2/W": sixty_fourths(1, 3, 2, 3),
        "weight/conv2/b": np.array([0.125]),
    }
    patches = random.integers(-1500, 1500, (5, 3, 8, 7)).astype(float)
    patches[0] = 0
    targets = random.integers(-900, 900, (5, 1, 5, 4)).astype(float)
    over_zeros = 0.125 + (weights["weight/conv2/W"][0] * np.array([0.0, 0.25, 0.0])[:, None, None]).sum()
    targets[0, 0, 1, 2] = DIVISOR * over_zeros
    return weights | {"patches/raw": patches, "targets/raw": targets}


def run(nodes: Sequence[Node], given: Mapping[str, np.ndarray], dtype: str, *, wrong: Wrong | None = None) -> Entries:
    """What a program of that dtype records: each stage from the recorded ones before it, rounded once.

    Args:
        nodes: the stages.
        given: the given entries.
        dtype: float32 or float64.
        wrong: stage to the function that a wrong program has there, from the arrays of the node's inputs.
    """
    values: Entries = {}
    for node in nodes:
        if node.operation == "given":
            values[node.stage] = given[node.stage].astype(dtype)
        elif wrong and node.stage in wrong:
            values[node.stage] = wrong[node.stage](*(values[name] for name in node.inputs)).astype(dtype)
        elif node.operation != "trajectory":
            values[node.stage] = reference.compute(node, values).astype(dtype)
    if any(node.operation == "trajectory" for node in nodes):
        truth = steps.trajectory(Graph(tuple(nodes)), given, TOLD)
        values |= {node.stage: truth[node.stage].astype(dtype) for node in nodes if node.operation == "trajectory"}
    return {node.stage: values[node.stage] for node in nodes}


@dataclass
class Side:
    """One side's entries and the fields of its manifest that the judge reads."""

    arrays: Entries
    manifest: dict[str, Any]


@dataclass
class Pair:
    """Two traces of one request, sound until a test spoils one; `judge` writes, reads and compares them."""

    folder: Path
    legacy: Side
    port: Side
    request: Path = field(init=False)

    given: Entries = field(default_factory=given_entries)

    def __post_init__(self) -> None:
        """Write the request and two rooms whose code is what the traces tell."""
        self.request = self.folder / "request.npz"
        for side in (self.legacy, self.port):
            room = self.rooms / side.manifest["side"]
            room.mkdir(parents=True)
            (room / "network.py").write_text(f"# {side.manifest['side']}\n", encoding="utf-8")
            side.manifest["code_sha256"] = code_sha256(room)
        self.ask(self.given)

    def ask(self, given: Entries) -> None:
        """Write the request, and tell it in both traces."""
        write_request(self.request, {"dtype": self.legacy.manifest["dtype"]}, given)
        request = read_request(self.request)
        for side in (self.legacy, self.port):
            side.manifest |= {"request_sha256": request.sha256, "request": dict(request.manifest)}

    @property
    def rooms(self) -> Path:
        """Where the code that should have run stands."""
        return self.folder / "rooms"

    def write(self) -> tuple[Path, Path]:
        """The two traces' files; a forced port tells the hash of the legacy's file unless the test says another."""
        paths = self.folder / "legacy.npz", self.folder / "port.npz"
        write_trace(paths[0], self.legacy.manifest, self.legacy.arrays)
        if any(name.startswith("forced/") for name in self.port.arrays):
            self.port.manifest.setdefault("teacher_sha256", read_trace(paths[0]).sha256)
        write_trace(paths[1], self.port.manifest, self.port.arrays)
        return paths

    def judge(self) -> Comparison:
        """The comparison of the two files."""
        legacy, port = map(read_trace, self.write())
        return compare(legacy, port, request=read_request(self.request), rooms=self.rooms)

    def spoil(self, stage: str, change: Callable[[np.ndarray], np.ndarray], *, both: bool = False) -> None:
        """Change one entry of the port's trace, or of both, after it was computed."""
        for side in (self.legacy, self.port) if both else (self.port,):
            side.arrays[stage] = change(side.arrays[stage].copy())

    def give(self, stage: str, change: Callable[[np.ndarray], np.ndarray]) -> None:
        """Change one entry of the request, and of both traces, which hold it."""
        self.given = self.given | {stage: change(self.given[stage].copy())}
        self.ask(self.given)
        self.spoil(stage, change, both=True)


MakePair = Callable[..., Pair]
"""The fixture `make`: a function of dtype, forced, wrong and nodes."""


def make_pair(folder: Path, *, dtype: str, forced: bool, wrong: Wrong | None, nodes: Sequence[Node]) -> Pair:
    """Both sides from the reference, the port's with wrong functions at some stages."""
    manifest = {"dtype": dtype, "training": TRAINING, "graph": [node.as_json() for node in nodes]}
    legacy, port = run(nodes, given_entries(), dtype), run(nodes, given_entries(), dtype, wrong=wrong)
    if forced:
        computed = [node for node in nodes if node.stage in COMPUTED]
        port |= {f"forced/{node.stage}": _forced(node, legacy, dtype, wrong or {}) for node in computed}
    return Pair(
        folder,
        Side(legacy, manifest | {"side": "legacy", "process": {"id": "one"}}),
        Side(port, manifest | {"side": "port", "process": {"id": "two"}}),
    )


def _forced(node: Node, legacy: Entries, dtype: str, wrong: Wrong) -> np.ndarray:
    if node.stage in wrong:
        return wrong[node.stage](*(legacy[name] for name in node.inputs)).astype(dtype)
    return reference.compute(node, legacy).astype(dtype)


def finding(comparison: Comparison, stage: str, check: Check) -> Finding:
    """The one finding of that stage and check.

    Raises:
        AssertionError: there is none, or more than one.
    """
    found = [one for one in comparison.findings if (one.stage, one.check) == (stage, check)]
    if len(found) != 1:
        raise AssertionError(f"{len(found)} findings {stage}:{check} in {[one.id for one in comparison.findings]}")
    return found[0]
