"""Probe sets: weights and inputs built so that a wrong port cannot pass, written as requests.

Three sets of weights (the original start, trained scale, trained), each with a size of its own, two not square. The
nine channels of the first batch separate hypotheses: a tag per channel, a ramp, a single bright pixel, an area of exact
zeros with ties in the target, noise. All numbers come from exact arithmetic on uniform ones, so a request is the same
bytes on any machine; only the trained weights depend on the machine that trains them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from parity.trace import write_request
from port.bands import Band
from port.network import BORDER_PX, LAYERS

PROBES = ("initial", "scaled", "trained")
DTYPES = ("float64", "float32")
CHANNELS: Mapping[str, tuple[int, ...]] = {
    "SAR": (2, 3),
    "SARp": (2, 3, 8),
    "OPTI": (6,),
    "OPTII": (6, 7),
    "SOPTI": (0, 1, 2, 3, 6),
    "SOPTIp": (0, 1, 2, 3, 6, 8),
    "SOPTII": (0, 1, 2, 3, 4, 5, 6, 7),
    "SOPTIIp": (0, 1, 2, 3, 4, 5, 6, 7, 8),
}
"""The published table, written out again: the original is told these, the port must know them by itself."""
SIDES_PX: Mapping[str, tuple[int, int]] = {"initial": (25, 23), "scaled": (25, 25), "trained": (23, 21)}
SMALL_PX = (19, 18)
BATCH, SMALL_BATCH = 3, 2
BATCHES = 2  # and an incomplete last one
STEPS = 200
RECORDED = (1, 2, STEPS)  # float64 shows what a step means; float32 how rounding grows, after the last
STORED = 1000.0  # the original divides every channel by it, so a stored 1000 is a 1 the network sees
TARGETS_STORED = (-300.0, 900.0)  # on both sides of any output


@dataclass(frozen=True)
class Case:
    """A request's name in parts: variant, probe set and dtype."""

    variant: str
    probe: str
    dtype: str
    output: str = "linear"
    small: bool = False
    """For a recorded trace: the smallest patches, and weights after the last step only."""
    scene: str = ""
    """A scene of `data_path.JOBS`: from its GeoTIFFs to a GeoTIFF; else patches are given."""

    @property
    def id(self) -> str:
        """The name of its files and tests."""
        marks = [self.output] * (self.output != "linear") + ["small"] * self.small + [self.scene] * bool(self.scene)
        return "-".join([self.variant, self.probe, self.dtype, *marks])


CASES = (
    *(Case(variant, probe, dtype) for dtype in DTYPES for probe in PROBES for variant in CHANNELS),
    # the public program's output: the original start reaches 0 exactly, trained scale both signs
    *(Case("SOPTIIp", probe, dtype, output="rectify") for dtype in DTYPES for probe in ("initial", "scaled")),
)
RECORDED_CASES = (
    Case("SOPTIIp", "scaled", "float32", small=True),  # all nine channels
    Case("OPTI", "initial", "float64", small=True),  # few weights, so that float64 fits; ties and exact zeros
)
"""What the committed traces answer: under 3 MB in all, and requests that any machine makes to the same byte."""


def make_request(
    case: Case,
    path: Path,
    *,
    trained: Mapping[str, np.ndarray] | None = None,
    divisor: float = STORED,
    settings: Mapping[str, Any] | None = None,
) -> None:
    """Write the request of a case.

    Args:
        case: what is probed.
        path: where the request goes.
        trained: weight/conv1/W, ... in Lasagne's orientation, patches/raw and targets/raw, for probe `trained`.
        divisor: what the original divides every channel by.
        settings: entries of the request's `training` in place of the usual ones.
    """
    random = np.random.RandomState(sorted(CHANNELS).index(case.variant) * len(PROBES) + PROBES.index(case.probe))
    seed = int(random.get_state()[1][0])
    channels = CHANNELS[case.variant]
    side, batch = (SMALL_PX, SMALL_BATCH) if case.small else (SIDES_PX[case.probe], BATCH)
    if case.probe == "trained":
        arrays = dict(trained or {})
    else:
        weights = initial_weights if case.probe == "initial" else scaled_weights
        arrays = {**weights(random, len(channels)), **patches(random, side, BATCHES * batch + 1)}
    manifest = {
        "kind": "network",
        "probe": case.probe,
        "variant": case.variant,
        "channels": list(channels),
        "dtype": case.dtype,
        "divisor": divisor,
        "output": case.output,
        "seed": seed,
        "training": {
            "steps": STEPS,
            "recorded": list(RECORDED) if case.dtype == "float64" and not case.small else [STEPS],
            "batch_size": batch,
            "learning_rate": 0.005,
            "momentum": 0.9,
            **(settings or {}),
        },
    }
    write_request(path, manifest, {name: as_float32_values(array) for name, array in arrays.items()})


def as_float32_values(array: np.ndarray) -> np.ndarray:
    """The nearest float32 values, stored as float64: both dtypes start from the same numbers."""
    return array.astype(np.float32).astype(np.float64)


def _normal(random: np.random.RandomState, shape: tuple[int, ...], deviation: float) -> np.ndarray:
    """Nearly normal numbers, the sum of twelve uniform ones: exact arithmetic, no logarithm of some C library."""
    return (sum(random.random_sample(shape) for _ in range(12)) - 6.0) * deviation


def _weights(
    random: np.random.RandomState, channels: int, deviation: float | None, bias: float
) -> dict[str, np.ndarray]:
    """Filters of a given deviation, or sqrt(2 / inputs) for None; biases uniform in +-bias."""
    arrays = {}
    inputs = channels
    for number, (filters, side) in enumerate(LAYERS, start=1):
        scale = (2.0 / (inputs * side * side)) ** 0.5 if deviation is None else deviation
        arrays[f"weight/conv{number}/W"] = _normal(random, (filters, inputs, side, side), scale)
        arrays[f"weight/conv{number}/b"] = (2 * random.random_sample(filters) - 1) * bias
        inputs = filters
    return arrays


def initial_weights(random: np.random.RandomState, channels: int) -> dict[str, np.ndarray]:
    """The original start: N(0, 0.001), biases 0."""
    return _weights(random, channels, 0.001, 0.0)


def scaled_weights(random: np.random.RandomState, channels: int) -> dict[str, np.ndarray]:
    """Activations of order 1 in every layer, and a dead unit in conv1 and conv2: its pre-activation is exactly 0."""
    arrays = _weights(random, channels, None, 0.1)
    for layer in ("conv1", "conv2"):
        arrays[f"weight/{layer}/W"][3] = 0.0
        arrays[f"weight/{layer}/b"][3] = 0.0
    return arrays


def patches(random: np.random.RandomState, side_px: tuple[int, int], count: int) -> dict[str, np.ndarray]:
    """The patch list: one of tags and ramps, one of zeros with one bright pixel, the others noise."""
    rows, cols = side_px
    raw = _normal(random, (count, len(Band), rows, cols), STORED / 2)
    ramp = np.arange(rows)[:, None] * 8.0 - np.arange(cols)[None, :] * 5.0
    raw[0] = [ramp * (1 + band % 3) + 100.0 * (band + 1) for band in Band]
    raw[1] = 0.0
    raw[1, :, rows - 2, 7] = [STORED * (1 + band / 4) for band in Band]  # off the diagonal and near an edge
    inner = (rows - 2 * BORDER_PX, cols - 2 * BORDER_PX)
    low, high = TARGETS_STORED
    targets = low + (high - low) * random.random_sample((count, 1, *inner))
    targets[1, 0, : (inner[0] + 1) // 2, : inner[1] // 2] = 0.0  # ties, where the output is exactly 0
    return {"patches/raw": raw, "targets/raw": targets}
