"""A question to both sides of a stranger's port: weights and images built to separate hypotheses, as a request."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from parity.errors import ParityError
from parity.trace import write_request

DTYPES = ("float32", "float64")


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

    Raises:
        ParityError: an entry of these is missing, or is none that both sides can be asked for.
    """
    arrays = {name: np.asarray(value) for name, value in given.items()}
    _require(dtype in DTYPES, "dtype", dtype, " or ".join(DTYPES))
    _check_training(told, {name: array for name, array in arrays.items() if not name.startswith("weight/")})
    rounded = {n: v.astype(np.float32).astype(np.float64) if v.dtype.kind == "f" else v for n, v in arrays.items()}
    write_request(Path(path), {"kind": "program", "dtype": dtype, "seed": seed, "training": told}, rounded)


def _check_training(told: Mapping[str, Any], lists: Mapping[str, np.ndarray]) -> None:
    """Raise ParityError unless this is training of these lists that the original, the port and the judge can follow."""
    for name in ("steps", "batch_size", "learning_rate", "momentum", "recorded"):
        _require(name in told, name, "missing", "it among the arguments")
    for name in ("steps", "batch_size"):
        _require(_is_count(told[name]), name, told[name], "a whole number from 1 on")
    rate, kept, recorded = told["learning_rate"], told["momentum"], told["recorded"]
    _require(_is_number(rate) and 0 <= rate < np.inf, "learning_rate", rate, "a finite number from 0 on")
    _require(_is_number(kept) and 0 <= kept < 1, "momentum", kept, "a number from 0 on and below 1")
    right = isinstance(recorded, list | tuple) and all(_is_count(step) and step <= told["steps"] for step in recorded)
    rising = f"a list of rising step numbers from 1 to {told['steps']}, the steps"
    _require(right and list(recorded) == sorted(set(recorded)), "recorded", recorded, rising)
    _require(bool(lists), "the list of images", "missing", "it among what is given, and after it targets or labels")
    for name, array in lists.items():
        rows = sum(array.shape[:1])
        _require(rows >= told["batch_size"], f"the length of {name}", rows, f"at least a batch of {told['batch_size']}")


def _require(right: bool, entry: str, found: object, expected: str) -> None:
    if not right:
        shown = found if found == "missing" else repr(found)
        raise ParityError(
            f"write_question: {entry} is {shown}, expected {expected}; change it and write the question again"
        )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: object) -> bool:
    """Whether it is a whole number from 1 on, as JSON tells one."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
