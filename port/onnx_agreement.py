"""An agreement is how near ONNX Runtime and the port come on one probe, in units of what rounding explains."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from port.bands import Band
from port.errors import OutputError
from port.network import FusionCNN
from port.normalisation import divisors, normalise
from port.recipes import Scaling
from port.rounding import rounding_bound

_PROBED = (3, 29, 26)  # batch, rows and columns


@dataclass(frozen=True)
class Agreement:
    """The largest difference on the probe, in units of NDVI, and the largest share of its bound."""

    difference: float
    share: float


class Runtime:
    """ONNX Runtime on a file of one input and one output; and on its copy that shows what the last convolution gives.

    Args:
        onnx: the library onnx.
        onnxruntime: the library onnxruntime.
        path: the file.
    """

    def __init__(self, onnx: Any, onnxruntime: Any, path: Path) -> None:
        self._onnx, self._runtime = onnx, onnxruntime
        self._content = path.read_bytes()

    def output(self, stored: Float[np.ndarray, "batch channel row col"]) -> Float[np.ndarray, "batch 1 _ _"]:
        """What the file gives."""
        return self._run(self._content, stored)

    def last_sums(self, stored: Float[np.ndarray, "batch channel row col"]) -> Float[np.ndarray, "batch 1 _ _"]:
        """What its last convolution gives, before any rectifier could hide it."""
        model = self._onnx.ModelProto.FromString(self._content)
        last = [node for node in model.graph.node if node.op_type == "Conv"][-1]
        shown = self._onnx.helper.make_tensor_value_info(last.output[0], self._onnx.TensorProto.FLOAT, None)
        del model.graph.output[:]
        model.graph.output.append(shown)
        return self._run(model.SerializeToString(), stored)

    def _run(self, content: bytes, stored: np.ndarray) -> np.ndarray:
        session = self._runtime.InferenceSession(content, providers=["CPUExecutionProvider"])
        (given,) = session.run(None, {session.get_inputs()[0].name: stored})
        return np.asarray(given)


def agreement(runtime: Runtime, network: FusionCNN, bands: tuple[Band, ...], scaling: Scaling) -> Agreement:
    """Compare a file with the network it was made from, on a probe in which every channel counts alike once divided.

    Raises:
        OutputError: they differ by more than rounding explains.
    """
    batch, rows, cols = _PROBED
    uniform = np.random.default_rng(0).random((batch, len(bands), rows, cols))
    stored = (uniform * divisors(scaling, bands)[:, None, None]).astype(np.float32)
    images = torch.from_numpy(normalise(stored, bands, scaling))
    with torch.inference_mode():
        stages = network.stages(images)
    bound = rounding_bound(network, images).numpy()
    last = [name for name in stages if name.endswith("/pre")][-1]
    found = [
        _within(what, expected=stages[what].numpy(), actual=actual, bound=bound)
        for what, actual in ((last, runtime.last_sums(stored)), ("output", runtime.output(stored)))
    ]
    return Agreement(max(one.difference for one in found), max(one.share for one in found))


def _within(what: str, *, expected: np.ndarray, actual: np.ndarray, bound: np.ndarray) -> Agreement:
    """Raise OutputError where a number is over its bound, or none."""
    error = np.abs(actual.astype(np.float64) - expected)
    share = np.where(error == 0, 0.0, error / np.maximum(bound, np.finfo(np.float64).tiny))
    worst = tuple(map(int, np.unravel_index(int(share.argmax()), share.shape)))  # NaN counts as the largest
    if not share[worst] <= 1:
        raise OutputError(
            f"{what}: ONNX Runtime gives {actual[worst]:.8g} where the port gives {expected[worst]:.8g}, "
            f"{share[worst]:.3g} x what rounding explains ({bound[worst]:.3g}) at {worst} of a probe; no file is "
            "written; check that the weights are finite, or try other versions of onnxruntime and torch"
        )
    return Agreement(float(error.max()), float(share.max()))
