"""Which bands and kernels a probe would tell apart: what it would not must be shown by another.

A convolution is tried at a few places of its recorded input: its kernels laid down otherwise, its maps exchanged or its
biases left out must each change the result there by more than both results may err. Nothing is convolved anew.
"""

from collections.abc import Iterator

import numpy as np

from parity import bounds
from parity.data_operations import transformed
from parity.graph import Node
from parity.symmetries import NAMES, symmetries
from parity.trace import Record

Counts = dict[str, int]
PLACES = 16
"""Places of each result at which a convolution is tried."""
OWN = 1e-3
"""The part of its deviation that a band must have of its own, to be no multiple and no shift of another."""
BANDS = ("select", "cut", "crop")
"""Operations that say which bands stand where."""
CONVOLUTIONS = {"convolution_valid": True, "correlation_valid": False}
"""Operations by whether they flip their kernels."""


def bands(node: Node, trace: Record) -> Counts:
    """For each band that a stage selects or stacks, in how many pixels it differs from the band most like it.

    A band that is constant, or a multiple or a shift of another, is told apart in none.
    """
    match node.operation:
        case "select":
            values = np.moveaxis(trace[node.inputs[0]], node.attributes["axis"], 0)
            chosen, names = list(node.attributes["indices"]), None
        case "cut" | "crop":
            values = np.moveaxis(trace[node.stage], 1, 0)
            chosen, names = list(range(len(values))), node.inputs
        case _:
            return {}
    flat = values.reshape(len(values), -1).astype(np.float64)
    alike = _alike(flat)
    return {f"band {names[k] if names else k}": _told_apart(flat, k, alike) for k in chosen}


def _alike(flat: np.ndarray) -> np.ndarray:
    """For each pair of bands whether one is a multiple of the other, shifted by a constant; a constant is like all."""
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        centred = flat - flat.mean(axis=1, keepdims=True)
        length = np.sqrt((centred**2).sum(axis=1)) * (np.ptp(flat, axis=1) > 0)
        together = (centred @ centred.T) / np.outer(length, length)
    return np.asarray(~(1 - together**2 > OWN**2))


def _told_apart(flat: np.ndarray, band: int, alike: np.ndarray) -> int:
    """In how many pixels a band differs from the one most like it; of a single band, from its first pixel."""
    if not np.ptp(flat[band]):
        return 0
    others = [other for other in range(len(flat)) if other != band]
    if alike[band, others].any():
        return 0
    apart = [int((flat[band] != flat[other]).sum()) for other in others]
    return min(apart, default=int((flat[band] != flat[band, 0]).sum()))


def separating(values: np.ndarray) -> Counts:
    """The images of a list (patch, channel, row, col) built to separate hypotheses: how many of each kind it has.

    A single pixel that is not 0 tells where each weight goes; a ramp, which rises by one number along the rows and by
    one along the cols, tells a shift, a flip and a transposition.
    """
    if min(values.shape[2:]) < 2:
        return {}
    lit = (values != 0).sum(axis=(2, 3))
    slopes = [np.diff(values, axis=axis) for axis in (2, 3)]
    even = [(slope == slope[:, :, :1, :1]).all(axis=(2, 3)) for slope in slopes]
    rising = [(slope[:, :, 0, 0] != 0) for slope in slopes]
    found = {"single pixels": int((lit == 1).sum()), "ramps": int(np.logical_and.reduce([*even, *rising]).sum())}
    return {name: count for name, count in found.items() if count}


def kernels(node: Node, trace: Record) -> Counts:
    """For each mistake in a convolution's kernels, maps or biases, how many of the results tried would show it."""
    if node.operation not in CONVOLUTIONS:
        return {}
    images, W, b = (trace[name].astype(np.float64) for name in node.inputs)
    windows = _windows(images, *W.shape[2:])
    laid = W[:, :, ::-1, ::-1] if CONVOLUTIONS[node.operation] else W
    with np.errstate(invalid="ignore", over="ignore"):  # what is infinite or NaN shows no mistake
        return dict(_Tried(windows, laid, b, bounds.unit_roundoff(trace.dtype)).counts())


def _windows(images: np.ndarray, height: int, width: int) -> np.ndarray:
    """Windows at places spread over all images: (place, channel, row, col)."""
    count, _, rows, cols = images.shape
    shape = (count, rows - height + 1, cols - width + 1)
    tried = np.unique(np.linspace(0, np.prod(shape) - 1, PLACES * 3 + 1)[1::3].astype(int))
    image, row, col = np.unravel_index(tried, shape)
    return np.stack([images[n, :, y : y + height, x : x + width] for n, y, x in zip(image, row, col, strict=True)])


class _Tried:
    """A convolution at a few places, as it is and with a mistake.

    Args:
        windows: (place, in, row, col).
        W: (out, in, row, col), as they lie on the windows.
        b: (out,).
        unit: the unit round-off.
    """

    def __init__(self, windows: np.ndarray, W: np.ndarray, b: np.ndarray, unit: float) -> None:
        self.windows, self.W, self.b = windows, W, b
        self._factor = bounds.sum_factor(W[0].size + 1) * unit
        self._bound = self._allowed(W)

    def _sum(self, W: np.ndarray, windows: np.ndarray) -> np.ndarray:
        """The sum of products: (place, out)."""
        return np.tensordot(windows, W, axes=([1, 2, 3], [1, 2, 3]))

    def _allowed(self, W: np.ndarray) -> np.ndarray:
        return np.asarray(self._factor * (self._sum(np.abs(W), np.abs(self.windows)) + np.abs(self.b)))

    def counts(self) -> Iterator[tuple[str, int]]:
        """Each mistake and how many results show it; those that these shapes do not have are left out."""
        for number in symmetries(*self.W.shape[2:]):
            wrong = transformed(self.W, number)
            change = np.abs(self._sum(wrong - self.W, self.windows))
            yield NAMES[number], int((change > self._bound + self._allowed(wrong)).sum())
        if self.W.shape[1] > 1:
            yield "input maps exchanged", self._inputs_exchanged()
        if self.W.shape[0] > 1:
            yield "output maps exchanged", self._outputs_exchanged()
            yield "biases exchanged", len(self.b) if len(np.unique(self.b)) == len(self.b) else 0
        yield "bias left out", int((np.abs(self.b) > 2 * self._bound).sum())

    def _inputs_exchanged(self) -> int:
        """Of any two input maps that changed places; of maps that are 0 at every place there is nothing to exchange."""
        alive = np.flatnonzero(self.windows.any(axis=(0, 2, 3)))
        W, windows = self.W[:, alive], self.windows[:, alive]
        grown = self._factor * _exchanged(np.abs(W), np.abs(windows))
        change = np.abs(_exchanged(W, windows))
        return _least_seen(change > 2 * self._bound[..., None, None] + grown)

    def _outputs_exchanged(self) -> int:
        """Of any two output maps that changed places."""
        results = self._sum(self.W, self.windows) + self.b
        return _least_seen(
            np.abs(results[:, :, None] - results[:, None]) > self._bound[:, :, None] + self._bound[:, None]
        )


def _least_seen(seen: np.ndarray) -> int:
    """Of all pairs, the last two axes, how many results show the one that shows least; 0 where there is no pair."""
    counts = seen.reshape(-1, *seen.shape[-2:]).sum(axis=0)
    return int(counts[~np.eye(len(counts), dtype=bool)].min()) if len(counts) > 1 else 0


def _exchanged(W: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """What each result gains where two input maps change places: (place, out, in, in)."""
    products = np.einsum("fcij,pdij->pfcd", W, windows, optimize=True)
    own = np.diagonal(products, axis1=2, axis2=3)
    return np.asarray(products + products.swapaxes(2, 3) - own[..., :, None] - own[..., None, :])
