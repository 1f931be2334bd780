"""Operations of other networks in numpy, forward and backward: dense layers, pooling, squashing, softmax and its loss.

Shapes: images (batch, channel, row, col); a dense layer's W (in, out), as Lasagne stores it; `delta` is the gradient of
the loss with respect to a stage's result. Windows of a pool are (batch, channel, row, col, height, width): of a pool's
size, a stride apart; what sticks out of the image where the border is kept counts for nothing.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Shaped

Images = Float[np.ndarray, "batch channel row col"]
Pooled = Float[np.ndarray, "batch channel pooled_row pooled_col"]
Windows = Shaped[np.ndarray, "batch channel pooled_row pooled_col height width"]
Features = Float[np.ndarray, "batch in"]
Dense = Float[np.ndarray, "batch out"]
Weights = Float[np.ndarray, "in out"]
Labels = Shaped[np.ndarray, "batch"]
"""The number of each image's class, whole numbers of any dtype."""
Size = Sequence[int]
"""Rows and columns."""

TIES = ("all", "first")
"""Who gets the gradient of several equal maxima: Theano each of them, PyTorch the first in reading order."""
COUNTS = ("exc_pad", "inc_pad")
"""What a mean is divided by: the pixels that there are, or the size of the pool."""


def dense(features: Features, W: Weights, b: Float[np.ndarray, "out"]) -> Dense:
    """out[n, o] = b[o] + sum over i of features[n, i] W[i, o]."""
    return np.asarray(features @ W + b)


def dense_gradient_weights(features: Features, delta: Dense) -> Weights:
    """dW[i, o] = sum over n of features[n, i] delta[n, o]."""
    return np.asarray(features.T @ delta)


def dense_gradient_input(W: Weights, delta: Dense) -> Features:
    """dfeatures[n, i] = sum over o of W[i, o] delta[n, o]."""
    return np.asarray(delta @ W.T)


def flatten(images: Float[np.ndarray, "batch *shape"]) -> Features:
    """Each image's numbers in reading order: channel, row, col."""
    return images.reshape(len(images), -1)


def flatten_gradient(images: Float[np.ndarray, "batch *shape"], delta: Features) -> Float[np.ndarray, "batch *shape"]:
    """Delta in the shape of the images."""
    return delta.reshape(images.shape)


def max_pool(images: Images, *, size: Size, stride: Size, ignore_border: bool = True) -> Pooled:
    """The largest number of each window."""
    return np.asarray(windows(images, -np.inf, size, stride, ignore_border).max(axis=(4, 5)))


def max_pool_gradient(
    images: Images, delta: Pooled, *, size: Size, stride: Size, ties: str, ignore_border: bool = True
) -> Images:
    """Delta at each window's maximum: at every one that ties, or at the first in reading order; else 0."""
    won = winners(images, size=size, stride=stride, ties=ties, ignore_border=ignore_border)
    return scattered(delta[..., None, None] * won, images.shape, stride)


def mean_pool(
    images: Images, *, size: Size, stride: Size, ignore_border: bool = True, count: str = "exc_pad"
) -> Pooled:
    """The mean of each window."""
    summed = windows(images, 0.0, size, stride, ignore_border).sum(axis=(4, 5))
    return np.asarray(summed / divisors(images, size, stride, ignore_border, count))


def mean_pool_gradient(
    images: Images, delta: Pooled, *, size: Size, stride: Size, ignore_border: bool = True, count: str = "exc_pad"
) -> Images:
    """Each window's delta, divided as its mean was, at each of its pixels."""
    shared = delta / divisors(images, size, stride, ignore_border, count)
    return scattered(np.broadcast_to(shared[..., None, None], (*delta.shape, *size)), images.shape, stride)


def tanh(before: np.ndarray) -> np.ndarray:
    """The hyperbolic tangent."""
    return np.asarray(np.tanh(before))


def tanh_gradient(after: np.ndarray, delta: np.ndarray) -> np.ndarray:
    """Delta (1 - tanh^2), from the tangent itself."""
    return np.asarray(delta * (1 - after**2))


def sigmoid(before: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), written so that nothing overflows and nothing cancels."""
    power = np.exp(-np.abs(before))
    return np.asarray(np.where(before >= 0, 1, power) / (1 + power))


def sigmoid_gradient(after: np.ndarray, delta: np.ndarray) -> np.ndarray:
    """Delta s (1 - s), from the sigmoid itself."""
    return np.asarray(delta * after * (1 - after))


def softmax(before: Dense) -> Dense:
    """exp(x) over the sum of all of the row, each less the row's largest, so that nothing overflows."""
    powers = np.exp(before - before.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def categorical_cross_entropy(probability: Dense, label: Labels) -> np.ndarray:
    """The mean over the batch of -log of each label's probability."""
    return np.asarray(-np.log(probability[one_hot(probability, label) == 1]).mean())


def softmax_cross_entropy_gradient(probability: Dense, label: Labels) -> Dense:
    """With respect to what the softmax read: (probability - 1 at the label) / batch."""
    return np.asarray((probability - one_hot(probability, label)) / len(probability))


def one_hot(probability: Dense, label: Labels) -> Dense:
    """1 at each row's label, else 0, in the shape of the probabilities.

    Raises:
        ValueError: a label is no whole number from 0 to the number of classes less 1.
    """
    classes = np.arange(probability.shape[1])
    marked = label[:, None] == classes
    if not marked.any(axis=1).all():
        raise ValueError(f"a label is not one of 0 to {len(classes) - 1}: {np.unique(label).tolist()}")
    return np.asarray(marked, probability.dtype)


def pooled_length(length: int, size: int, stride: int, ignore_border: bool) -> int:
    """How many windows there are along an axis; with the border kept the last may stick out."""
    if ignore_border:
        return max(0, (length - size) // stride + 1)
    if stride >= size:
        return (length - 1) // stride + 1
    return max(0, (length - 1 - size) // stride + 1) + 1


def windows(images: Images, outside: float, size: Size, stride: Size, ignore_border: bool) -> Windows:
    """All windows of a pool: a view, of the images filled up with a number where one sticks out."""
    if min(*size, *stride) < 1:
        raise ValueError(f"a pool of {tuple(size)}, {tuple(stride)} apart, is none")
    counts = [pooled_length(images.shape[2 + axis], size[axis], stride[axis], ignore_border) for axis in (0, 1)]
    if min(counts) < 1:
        raise ValueError(f"a pool of {tuple(size)} has no window in {images.shape[2:]}")
    ends = [(counts[axis] - 1) * stride[axis] + size[axis] for axis in (0, 1)]
    over = [(0, max(0, ends[axis] - images.shape[2 + axis])) for axis in (0, 1)]
    filled = np.pad(images, [(0, 0), (0, 0), *over], constant_values=outside)[:, :, : ends[0], : ends[1]]
    every = np.lib.stride_tricks.sliding_window_view(filled, tuple(size), axis=(2, 3))
    return every[:, :, :: stride[0], :: stride[1]]


def winners(
    images: Images, *, size: Size, stride: Size, ties: str, ignore_border: bool = True
) -> Bool[np.ndarray, "batch channel pooled_row pooled_col height width"]:
    """Which pixels of each window get the gradient of its maximum."""
    if ties not in TIES:
        raise ValueError(f"ties is {ties!r}, expected one of {', '.join(TIES)}")
    seen = windows(images, -np.inf, size, stride, ignore_border)
    if ties == "all":
        return np.asarray(seen == seen.max(axis=(4, 5), keepdims=True))
    flat = seen.reshape(*seen.shape[:4], -1)
    first = flat.argmax(axis=-1)[..., None] == np.arange(flat.shape[-1])
    return np.asarray(first.reshape(seen.shape))


def scattered(shares: Windows, shape: Sequence[int], stride: Size) -> Images:
    """What each pixel of images of that shape gets of the windows that it lies in, summed."""
    counts, (height, width) = shares.shape[2:4], shares.shape[4:]
    ends = [max(shape[2 + axis], (counts[axis] - 1) * stride[axis] + shares.shape[4 + axis]) for axis in (0, 1)]
    filled = np.zeros((*shape[:2], *ends), shares.dtype)
    for row in range(height):
        for col in range(width):
            rows = slice(row, row + (counts[0] - 1) * stride[0] + 1, stride[0])
            cols = slice(col, col + (counts[1] - 1) * stride[1] + 1, stride[1])
            filled[:, :, rows, cols] += shares[..., row, col]
    return np.asarray(filled[:, :, : shape[2], : shape[3]])


def divisors(
    images: Images, size: Size, stride: Size, ignore_border: bool, count: str
) -> Float[np.ndarray, "1 1 pooled_row pooled_col"]:
    """What the sum of each window is divided by."""
    if count not in COUNTS:
        raise ValueError(f"count is {count!r}, expected one of {', '.join(COUNTS)}")
    there = windows(np.ones_like(images[:1, :1]), 0.0, size, stride, ignore_border).sum(axis=(4, 5))
    return np.asarray(there if count == "exc_pad" else np.full_like(there, size[0] * size[1]))


def ignored(
    images: Images, *, size: Size, stride: Size, ignore_border: bool = True, **_: str
) -> Bool[np.ndarray, "row col"]:
    """Which pixels lie beyond the last windows; those between windows that are far apart are left out on purpose."""
    far = np.zeros(images.shape[2:], bool)
    for axis in (0, 1):
        count = pooled_length(images.shape[2 + axis], size[axis], stride[axis], ignore_border)
        np.moveaxis(far, axis, 0)[(count - 1) * stride[axis] + size[axis] :] = True
    return far


def overlap(size: Size, stride: Size) -> int:
    """In how many windows a pixel may lie."""
    return int(np.prod([-(-length // step) for length, step in zip(size, stride, strict=True)]))
