"""How a layer lays down its weights, read off from its answer to single lit inputs.

Each image has single pixels of 1 and is 0 elsewhere, so far apart that no window sees two, and each lights one map:
what comes out is that map's kernels, with the bias of each filter. It is compared with the kernels in every orientation
that their shape allows, with the biases and without: one must fit, the right one.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from parity import bounds
from parity.data_operations import transformed
from parity.graph import Node
from parity.symmetries import NAMES, symmetries

LAYERS = ("convolution_valid", "correlation_valid", "dense")
"""Operations with parameters: their inputs are what they read, W and b."""
RIGHT, EXCHANGED, NO_BIAS = "as it should be", "in and out exchanged", "bias left out"
MOST_FEATURES = 64
"""Inputs of a dense layer that are lit, at most, spread over all; of a convolution all are."""

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Orientation:
    """What the lit inputs of one layer show.

    Attributes:
        fits: the orientations that explain the answer.
        share: the largest error of the right one, in units of its bound.
        next_best: the other orientation of the weights that comes nearest; without one, that without the biases.
        next_share: its largest error, in units of its bound.
        alike: the orientations that these weights cannot be told from.
        lit: how many of the inputs were lit.
        inputs: how many there are.
    """

    fits: tuple[str, ...]
    share: float
    next_best: str
    next_share: float
    alike: tuple[str, ...]
    lit: int
    inputs: int


def images_needed(node: Node, shape: Shape, W: np.ndarray) -> int:
    """How many images light each input once of a layer that reads images of this shape (of a dense one, some)."""
    if node.operation == "dense":
        return min(len(W), MOST_FEATURES)
    return -(-int(W.shape[1]) // len(_corners(shape, W)))


def lit(node: Node, shape: Shape, W: np.ndarray) -> np.ndarray:
    """An input of that shape, in float64, in which each map, or as many features as there are rows, is lit once."""
    values = np.zeros(shape)
    for image, channel, row, col in _places(node, shape, W):
        if node.operation == "dense":
            values[image, channel] = 1.0
        else:
            values[image, channel, row + W.shape[2] - 1, col + W.shape[3] - 1] = 1.0
    return values


def _places(node: Node, shape: Shape, W: np.ndarray) -> list[tuple[int, int, int, int]]:
    """For each lit input the image, the input, and the corner of its kernels in the result."""
    if node.operation == "dense":
        count = min(shape[0], len(W))
        return [(n, int(feature), 0, 0) for n, feature in enumerate(np.linspace(0, len(W) - 1, count))]
    corners = _corners(shape, W)
    return [(n // len(corners), n, *corners[n % len(corners)]) for n in range(W.shape[1])]


def _corners(shape: Shape, W: np.ndarray) -> list[tuple[int, int]]:
    """Where in the result of one image kernels fit side by side; none fits whole in a very small one."""
    steps = W.shape[2:]
    ends = [max(length - 2 * side + 2, 1) for length, side in zip(shape[2:], steps, strict=True)]
    return [(row, col) for row in range(0, ends[0], steps[0]) for col in range(0, ends[1], steps[1])]


def read_off(node: Node, shape: Shape, W: np.ndarray, b: np.ndarray, answer: np.ndarray) -> Orientation:
    """Which orientations explain the answer of a layer to its lit input.

    Args:
        node: the layer.
        shape: of the lit input.
        W: its weights as the original stores them, in the dtype of the answer.
        b: its biases.
        answer: what the port made of the lit input.
    """
    places, unit = _places(node, shape, W), bounds.unit_roundoff(answer.dtype)
    ways = list(_ways(node, W.astype(np.float64), b.astype(np.float64)))
    told = {name: _response(node, places, answer.shape, *way) for name, way in ways}
    magnitude = {n: _response(node, places, answer.shape, *map(np.abs, way)) for n, way in ways}
    factor = bounds.sum_factor((W.size // W.shape[1] if node.operation == "dense" else W[0].size) + 1) * unit
    shares = {name: _largest(np.abs(answer - told[name]), factor * magnitude[name]) for name in told}
    others = {name: share for name, share in shares.items() if name != RIGHT}
    nearest = min(others, key=lambda name: (name == NO_BIAS, others[name]))
    apart = {n: np.abs(told[n] - told[RIGHT]) > factor * (magnitude[n] + magnitude[RIGHT]) for n in others}
    return Orientation(
        fits=tuple(name for name, share in shares.items() if share <= 1),
        share=shares[RIGHT],
        next_best=nearest,
        next_share=others[nearest],
        alike=tuple(name for name, seen in apart.items() if not seen.any()),
        lit=len(places),
        inputs=len(W) if node.operation == "dense" else W.shape[1],
    )


def _ways(node: Node, W: np.ndarray, b: np.ndarray) -> Iterator[tuple[str, tuple[np.ndarray, np.ndarray]]]:
    """Each orientation's name, weights and biases: the right one first, then those that a port might take instead."""
    exchangeable = W.shape[0] == W.shape[1] > 1
    sides = W.shape[2:]
    for number in (0, *(symmetries(*sides) if sides else ())):
        turned = transformed(W, number) if sides else W
        for exchanged in (False, True)[: 1 + exchangeable]:
            laid = turned.swapaxes(0, 1) if exchanged else turned
            for bias in (b, 0 * b):
                parts = [NAMES.get(number, ""), EXCHANGED * exchanged, NO_BIAS * (bias is not b)]
                yield ", ".join(filter(None, parts)) or RIGHT, (laid, bias)


def _response(
    node: Node, places: list[tuple[int, int, int, int]], shape: Shape, W: np.ndarray, b: np.ndarray
) -> np.ndarray:
    """What a layer of such weights makes of the lit input."""
    if node.operation == "dense":
        result = np.tile(b, (shape[0], 1))
        for image, feature, _, _ in places:
            result[image] += W[feature]
        return result
    result = np.broadcast_to(b[:, None, None], shape).copy()
    laid = W if node.operation == "convolution_valid" else W[:, :, ::-1, ::-1]
    for image, channel, row, col in places:
        seen = result[image, :, row : row + W.shape[2], col : col + W.shape[3]]
        seen += laid[:, channel, : seen.shape[1], : seen.shape[2]]
    return result


def _largest(error: np.ndarray, bound: np.ndarray) -> float:
    """The largest error in units of its bound; infinite where a bound of 0 is exceeded, or a number is none."""
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.where(error == 0, 0.0, error / bound)
    return float(np.nan_to_num(shares, nan=np.inf).max(initial=0.0))
