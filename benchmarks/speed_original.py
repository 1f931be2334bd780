"""The original's side of the race: its forward pass and its training step, timed by the live witness.

The witness starts anew each round; starting, compiling and the first call are not counted. It runs twice: as its
environment is, with the kernels that its OpenBLAS detects, and tuned, with those that are fastest on this processor. On
one younger than itself it detects slow ones.
"""

import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.speed_ratios import ORIGINAL, TUNED
from parity import witness
from parity.errors import WitnessError
from parity.trace import write_request
from parity.witness_live import DETECTED, LiveWitness
from parity_tests.probes import as_float32_values, patches, scaled_weights
from port.bands import Band

KERNELS = (DETECTED, "Haswell", "SkylakeX", "Zen")
"""OpenBLAS kernels that are tried; where the machine lacks the instructions of one, the witness dies: it has lost."""
WORK: Mapping[str, Sequence[str]] = {"batch": ("forward", "step"), "region": ("forward",)}
"""What is timed of each request: a batch's are called as they are, the region's forward pass is work `region`."""
SEED = 0


@dataclass(frozen=True)
class Problem:
    """What both sides compute: weights in Lasagne's orientation, a batch, a region; in the network's scaled units."""

    weights: Mapping[str, np.ndarray]
    inputs: np.ndarray
    targets: np.ndarray
    region: np.ndarray
    learning_rate: float = 0.005
    momentum: float = 0.9


def make_problem(batch: int, side_px: int, region_px: tuple[int, int]) -> Problem:
    """Weights of trained scale, noise patches of nine channels and a region of noise, float32.

    No unit is dead: where a pre-activation is exactly 0 the two sides' gradients differ, as the ledger tells.
    """
    random = np.random.RandomState(SEED)
    drawn = {**scaled_weights(random, len(Band)), **patches(random, (side_px, side_px), batch)}
    for name in ("weight/conv1/b", "weight/conv2/b"):
        drawn[name][drawn[name] == 0] = 0.1
    arrays = {name: as_float32_values(array).astype(np.float32) for name, array in drawn.items()}
    return Problem(
        inputs=arrays.pop("patches/raw") / 1000,
        targets=arrays.pop("targets/raw") / 1000,
        weights=arrays,
        region=random.uniform(size=(1, len(Band), *region_px)).astype(np.float32),
    )


@dataclass
class Original:
    """The live witness, with the kernels it detects and with those it is fastest with at each kind of work.

    Attributes:
        live: the witness, prepared.
        problem: what it computes.
        minimum_s: how long a measurement repeats its call, at least.
        auditions: seconds a call, by kernels and work.
        answers: what it computed, by kernels: `output` of the batch, `velocity/*` after the first step from rest.
        stacks: what computed it, by kernels, as each answer tells: versions, kernels, threads.
        failures: why it ran with other kernels not at all.
    """

    live: LiveWitness
    problem: Problem
    minimum_s: float
    auditions: dict[str, dict[str, float]] = field(default_factory=dict)
    answers: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)
    stacks: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    def audition(self, kernels: Sequence[str] = KERNELS) -> None:
        """Time each kind of kernel, `detected` among them.

        Raises:
            WitnessError: it cannot run as its environment is.
        """
        for name in kernels:
            try:
                self.auditions[name] = self._time(name, repeats=2)
            except WitnessError as error:
                if name == DETECTED:
                    raise
                self.failures[name] = str(error)

    @property
    def chosen(self) -> dict[str, str]:
        """The kernels that were fastest, by work."""
        works = next(iter(self.auditions.values()))
        return {work: min(self.auditions, key=lambda name: self.auditions[name][work]) for work in works}

    def round(self) -> dict[str, dict[str, float]]:
        """Seconds a call of each work: of the original as it is, and tuned."""
        timed = {name: self._time(name, repeats=1) for name in {DETECTED, *self.chosen.values()}}
        return {
            ORIGINAL: timed[DETECTED],
            TUNED: {work: timed[name][work] for work, name in self.chosen.items()},
        }

    def raced(self) -> dict[str, list[dict[str, np.ndarray]]]:
        """What was computed by the original as it is, and tuned."""
        kernels = {ORIGINAL: {DETECTED}, TUNED: set(self.chosen.values())}
        return {name: [self.answers[each] for each in chosen] for name, chosen in kernels.items()}

    def told(self) -> dict[str, Any]:
        """What ran: the witness, its stack as its container is, its threads, the auditions and who won them."""
        told = {"witness": self.live.name, "stack": self.stacks[DETECTED], "threads": self.live.threads}
        return {**told, "auditions": self.auditions, "failures": self.failures, "kernels": self.chosen}

    def _time(self, kernels: str, repeats: int) -> dict[str, float]:
        """Seconds a call of each work, by `repeats` measurements the fastest."""
        found: dict[str, float] = {}
        for of in WORK:
            answer = self._asked(of, kernels, repeats)
            for work in WORK[of]:
                found[work if of == "batch" else of] = float(answer[f"seconds/{work}"].min())
            if of == "batch":
                kept = {name: value for name, value in answer.items() if name.startswith(("output", "velocity/"))}
                self.answers[kernels] = kept
        return found

    def _asked(self, of: str, kernels: str, repeats: int) -> dict[str, np.ndarray]:
        """What the witness says of the batch, or of the region; what it runs on is kept."""
        with tempfile.TemporaryDirectory() as folder, _environment(OPENBLAS_CORETYPE=kernels):
            request, answer = Path(folder) / "request.npz", Path(folder) / "answer.npz"
            timing = {"repeats": repeats, "minimum_s": self.minimum_s, "works": list(WORK[of])}
            _write(request, self.problem, of, timing)
            self.live.ask("legacy.timing", request, answer)
            with np.load(answer, allow_pickle=False) as found:
                arrays = {name: found[name] for name in found}
        self.stacks[kernels] = json.loads(arrays.pop("manifest").tobytes())["stack"]
        return arrays


def find_original(name: str, problem: Problem, *, threads: int, minimum_s: float) -> Original:
    """The original before the named witness, or the best live one.

    Raises:
        WitnessError: there is none that runs; recorded traces cannot be timed.
    """
    found = witness.find(name, threads=threads)
    if not isinstance(found, LiveWitness):
        raise WitnessError(f"{found.name}: traces cannot be timed; give a witness that runs: container or interpreter")
    return Original(found, problem, minimum_s)


def _write(path: Path, problem: Problem, of: str, timing: Mapping[str, Any]) -> None:
    """The request: a network's, its values as they are (divided by 1), with what is to be timed."""
    inputs = problem.inputs if of == "batch" else problem.region
    border = sum(value.shape[-1] - 1 for name, value in problem.weights.items() if name.endswith("W"))
    targets = (
        problem.targets if of == "batch" else np.zeros((1, 1, *(n - border for n in inputs.shape[2:])), np.float32)
    )
    training = {"learning_rate": problem.learning_rate, "momentum": problem.momentum, "steps": 1, "recorded": []}
    manifest = {
        "kind": "network",
        "channels": list(range(inputs.shape[1])),
        "dtype": "float32",
        "divisor": 1.0,
        "output": "linear",
        "training": {**training, "batch_size": len(inputs)},
        "timing": dict(timing),
    }
    write_request(path, manifest, {**problem.weights, "patches/raw": inputs, "targets/raw": targets})


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    """These environment variables, for a while."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
