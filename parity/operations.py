"""The network's operations in numpy, forward and backward, free of any framework.

Shapes: images (batch, channel, row, col); filters (out, in, row, col) in Lasagne's orientation, that is flipped by the
convolution as mathematics writes it; `delta` is the gradient of the loss with respect to a convolution's result. Sums
go block by block, so that the windows of a whole scene never stand in memory at once.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float

Images = Float[np.ndarray, "batch in row col"]
Delta = Float[np.ndarray, "batch out valid_row valid_col"]
Filters = Float[np.ndarray, "out in height width"]
Biases = Float[np.ndarray, "out"]
Number = float | int
"""An attribute, which a manifest may write either way."""

BLOCK_BYTES = 1 << 20
"""How much of an image's windows is laid out at a time: what a core's own cache holds, from which BLAS then reads."""


def _channels_last(images: Images) -> np.ndarray:
    """(batch, row, col, channel): a row of a window is one run of memory."""
    return np.ascontiguousarray(images.transpose(0, 2, 3, 1))


def _windows(images: np.ndarray, height: int, width: int) -> np.ndarray:
    """All windows of images with the channels last: (batch, row, col, height, width and channel), a view."""
    batch, rows, cols, channels = images.shape
    flat = images.reshape(batch, rows, cols * channels)
    return np.lib.stride_tricks.sliding_window_view(flat, (height, width * channels), axis=(1, 2))[:, :, ::channels]


def _blocks(windows: np.ndarray) -> Iterator[tuple[int, slice]]:
    """Image and rows of blocks that together are all windows."""
    images, rows, *inner = windows.shape
    step = max(1, BLOCK_BYTES // (math.prod(inner) * windows.itemsize or 1))
    for image in range(images):
        for row in range(0, rows, step):
            yield image, slice(row, row + step)


def _summed_over_windows(windows: np.ndarray, W: np.ndarray) -> np.ndarray:
    """The products of each window with filters (height, width, channel, filter), summed: (batch, filter, row, col)."""
    matrix = W.reshape(-1, W.shape[3])
    out = np.empty((*windows.shape[:3], len(matrix.T)), np.result_type(windows, W))
    for block in _blocks(windows):
        part = windows[block]
        out[block] = (part.reshape(-1, len(matrix)) @ matrix).reshape(*part.shape[:2], -1)
    return out.transpose(0, 3, 1, 2)


def convolution_valid(images: Images, W: Filters, b: Biases) -> Delta:
    """out[n, f, y, x] = b[f] + sum over c, i, j of W[f, c, i, j] images[n, c, y + h - 1 - i, x + w - 1 - j]."""
    return correlation_valid(images, W[:, :, ::-1, ::-1], b)


def convolution_valid_gradient_weights(images: Images, delta: Delta) -> Filters:
    """dW[f, c, i, j] = sum over n, y, x of delta[n, f, y, x] images[n, c, y + h - 1 - i, x + w - 1 - j]."""
    return correlation_valid_gradient_weights(images, delta)[:, :, ::-1, ::-1]


def convolution_valid_gradient_input(W: Filters, delta: Delta) -> Images:
    """dimages[n, c, z, s] = sum over f, i, j of W[f, c, i, j] delta[n, f, z - h + 1 + i, s - w + 1 + j], 0 outside."""
    height, width = W.shape[2:]
    around = [(0, 0), (height - 1, height - 1), (width - 1, width - 1), (0, 0)]
    padded = np.pad(_channels_last(delta), around)
    return _summed_over_windows(_windows(padded, height, width), W.transpose(2, 3, 0, 1))


def correlation_valid(images: Images, W: Filters, b: Biases) -> Delta:
    """out[n, f, y, x] = b[f] + sum over c, i, j of W[f, c, i, j] images[n, c, y + i, x + j]: nothing flipped."""
    windows = _windows(_channels_last(images), *W.shape[2:])
    return np.asarray(_summed_over_windows(windows, W.transpose(2, 3, 1, 0)) + b[:, None, None])


def correlation_valid_gradient_weights(images: Images, delta: Delta) -> Filters:
    """dW[f, c, i, j] = sum over n, y, x of delta[n, f, y, x] images[n, c, y + i, x + j]."""
    height, width = (images.shape[axis] - delta.shape[axis] + 1 for axis in (2, 3))
    windows, given = _windows(_channels_last(images), height, width), _channels_last(delta)
    size, filters = height * width * images.shape[1], delta.shape[1]
    summed = np.zeros((size, filters), np.result_type(images, delta))
    for block in _blocks(windows):
        summed += windows[block].reshape(-1, size).T @ given[block].reshape(-1, filters)
    return summed.reshape(height, width, -1, filters).transpose(3, 2, 0, 1)


def correlation_valid_gradient_input(W: Filters, delta: Delta) -> Images:
    """dimages[n, c, z, s] = sum over f, i, j of W[f, c, i, j] delta[n, f, z - i, s - j], 0 outside."""
    return convolution_valid_gradient_input(W[:, :, ::-1, ::-1], delta)


def bias_gradient(delta: Float[np.ndarray, "batch out *window"]) -> Biases:
    """The sum over batch, row and col; over the batch alone for a dense layer."""
    return np.asarray(delta.sum(axis=(0, *range(2, delta.ndim))))


def rectify(before: np.ndarray) -> np.ndarray:
    """max(x, 0)."""
    return np.asarray(np.maximum(before, 0))


def rectify_gradient(before: np.ndarray, delta: np.ndarray, *, at_zero: Number) -> np.ndarray:
    """Delta where before > 0, at_zero * delta where before is exactly 0, else 0."""
    gate = np.where(before > 0, 1.0, np.where(before == 0, at_zero, 0.0)).astype(delta.dtype)
    return np.asarray(delta * gate)


def add_interpolation(computed: Delta, images: Images, *, indices: Sequence[int], border: int) -> Delta:
    """out[n, f, y, x] = computed[n, f, y, x] + the mean over the indices c of images[n, c, y + border, x + border]."""
    rows, cols = (slice(border, border + length) for length in computed.shape[2:])
    return np.asarray(computed + images[:, list(indices), rows, cols].mean(axis=1, keepdims=True))


def mean_absolute_error(prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The mean of |prediction - target| over all elements."""
    return np.asarray(np.abs(prediction - target).mean())


def mean_absolute_error_gradient(prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
    """sign(prediction - target) / number of elements, 0 at a tie."""
    return np.asarray(np.sign(prediction - target) / prediction.size)


def root_mean_square_error(prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The root of the mean of (prediction - target)^2 over all elements."""
    return np.asarray(np.sqrt(((prediction - target) ** 2).mean()))


def peak_signal_to_noise_ratio(prediction: np.ndarray, target: np.ndarray, *, peak: Number) -> np.ndarray:
    """20 log10(peak / the root of the mean of (prediction - target)^2), in dB; infinite where both are the same."""
    with np.errstate(divide="ignore"):
        return np.asarray(20 * np.log10(peak / root_mean_square_error(prediction, target)))


def correlation(prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Pearson's r: the mean product of both, each less its mean and over its standard deviation; NaN for a constant."""
    x, y = (values.ravel() - values.mean() for values in (prediction, target))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((x @ y) / np.sqrt((x @ x) * (y @ y)))


def identity(value: np.ndarray) -> np.ndarray:
    """The value itself."""
    return value


def rows(values: np.ndarray, *, start: int, stop: int) -> np.ndarray:
    """The patches start to stop - 1 of the list."""
    return values[start:stop]


def divide(values: np.ndarray, *, divisor: Number) -> np.ndarray:
    """Every value divided by a constant."""
    return np.asarray(values / values.dtype.type(divisor))


def divide_channels(values: np.ndarray, *, axis: int, divisors: Sequence[Number]) -> np.ndarray:
    """Every value divided by the constant of its channel."""
    if len(divisors) != values.shape[axis]:
        raise ValueError(f"{len(divisors)} divisors for {values.shape[axis]} channels")
    shape = [-1 if number == axis else 1 for number in range(values.ndim)]
    return np.asarray(values / np.array(divisors, values.dtype).reshape(shape))


def select(values: np.ndarray, *, axis: int, indices: Sequence[int]) -> np.ndarray:
    """The entries at the indices along an axis, in the order of the indices."""
    return np.take(values, indices, axis=axis)
