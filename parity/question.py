"""A question to both sides of a stranger's port: weights and images built to separate hypotheses, as a request."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from parity.trace import write_request


def probe_weights(shapes: Mapping[str, Sequence[int]], random: np.random.RandomState) -> dict[str, np.ndarray]:
    """Weights as Lasagne stores them, of which every mistake in their layout shows.

    Activations are of order 1, no bias equals another, and one unit of each layer but the last is dead: its
    pre-activation is exactly 0, where rectifiers differ and maxima tie.

    Args:
        shapes: by layer that of W: (out, in, row, col) of a convolution, (in, out) of a dense layer.
        random: where the numbers come from.
    """
    given: dict[str, np.ndarray] = {}
    for layer, shape in shapes.items():
        W = random.normal(size=shape) * (2 / np.prod(shape[1:] if len(shape) == 4 else shape[:1])) ** 0.5
        b = random.normal(size=shape[0] if len(shape) == 4 else shape[1]) / 10
        if layer != list(shapes)[-1]:
            np.moveaxis(W, 0 if len(shape) == 4 else 1, 0)[-1] = b[-1] = 0
        given |= {f"weight/{layer}/W": W, f"weight/{layer}/b": b}
    return given


def probe_images(shape: Sequence[int], random: np.random.RandomState) -> np.ndarray:
    """Noise; before it a ramp, then zeros with a single pixel that is not.

    Args:
        shape: (image, channel, row, col), of at least three images.
        random: where the noise comes from.
    """
    images = random.normal(size=shape)
    channel, row, col = np.ogrid[: shape[1], : shape[2], : shape[3]]
    images[0] = (channel + 1) * (row / shape[2] - col / shape[3] / 2)
    images[1] = 0
    images[1, :, shape[2] // 2, shape[3] // 3] = np.arange(shape[1]) + 1
    return np.asarray(images)


def write_question(path: str | Path, given: Mapping[str, ArrayLike], *, dtype: str, seed: int = 0, **told: Any) -> None:
    """Write the request.

    Args:
        path: the file, .npz.
        given: `weight/LAYER/W` and `/b` as Lasagne stores them, then the list of images, then that of targets or
            labels. Numbers are rounded to float32, so that a float32 run starts from the same ones.
        dtype: float64, which shows what is meant, or float32, which shows how it rounds.
        seed: told in the request; nothing is drawn from it here.
        told: of the training: steps, recorded (the steps whose weights are told), batch_size, learning_rate, momentum.
    """
    arrays = {name: np.asarray(value) for name, value in given.items()}
    rounded = {n: v.astype(np.float32).astype(np.float64) if v.dtype.kind == "f" else v for n, v in arrays.items()}
    write_request(Path(path), {"kind": "program", "dtype": dtype, "seed": seed, "training": told}, rounded)
