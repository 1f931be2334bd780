"""Pictures: arrays reduced to what a page can show, as JSON.

A picture is at most 64 x 64 cells of one byte each, the largest of the elements that fall into a cell; its scale says
what a byte stands for. Nothing is averaged, so one wrong element is seen in the picture of a million.
"""

import base64
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from jaxtyping import Float, Num

MOST_CELLS = 64
"""Along either side of a picture."""
MOST_PX = 192
"""Along either side of a raster."""
LOWEST, HIGHEST = -6.0, (4.0, 20.0)
"""Powers of ten of a share: below the lowest nothing is told apart; a scale ends with the largest, within these."""
SIGNED_BINS = 31
WORST = 10

Json = dict[str, Any]


def base64_of(array: np.ndarray) -> str:
    """The little-endian C-order bytes of an array of uint8 or float32, as text."""
    return base64.b64encode(array.astype(array.dtype.newbyteorder("<"), order="C").tobytes()).decode("ascii")


def number(value: Any) -> float | str:
    """A number for JSON, which has neither infinity nor NaN: they are text."""
    told = float(value)
    return told if np.isfinite(told) else str(told)


def difference(expected: Num[np.ndarray, "*shape"], actual: Num[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Port minus original in float64: 0 where neither is a number, infinite where one of them is none."""
    with np.errstate(invalid="ignore"):
        apart = np.asarray(actual.astype(np.float64) - expected.astype(np.float64))
    same = (expected == actual) | (np.isnan(expected) & np.isnan(actual))
    return np.where(same, 0.0, np.where(np.isnan(apart), np.inf, apart))


def shares(apart: Float[np.ndarray, "*shape"], bound: Num[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """The magnitude of each difference in units of its bound: 0 / 0 is 0, what is not allowed at all is infinite."""
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.abs(apart) / bound
    return np.where(apart == 0, 0.0, np.where(np.isnan(share), np.inf, share))


def share_pictures(share: np.ndarray) -> list[Json]:
    """Shares of a bound: byte 0 is exactly 0, 1 to 255 are the decades on a logarithmic scale."""
    high = highest(share)
    return [
        _picture(axes, _logarithmic(plane, high), scale="share", low=LOWEST, high=high) for axes, plane in planes(share)
    ]


def highest(share: np.ndarray) -> float:
    """The power of ten at which a scale of these shares ends."""
    finite = share[np.isfinite(share) & (share > 0)]
    return float(np.clip(np.ceil(np.log10(finite.max(initial=1.0))), *HIGHEST))


def signed_pictures(apart: np.ndarray) -> list[Json]:
    """Signed differences: byte 128 is 0, 1 and 255 are minus and plus the largest finite one."""
    largest = _largest(apart)
    pictures = []
    for axes, plane in planes(apart):
        level = 128 + np.rint(127 * np.clip(plane / largest, -1, 1))
        pictures.append(_picture(axes, level, scale="signed", low=-largest, high=largest))
    return pictures


def _logarithmic(share: np.ndarray, high: float) -> np.ndarray:
    with np.errstate(divide="ignore"):
        place = (np.log10(share) - LOWEST) / (high - LOWEST)
    return np.asarray(np.where(share > 0, 1 + np.rint(254 * np.clip(place, 0, 1)), 0))


def _largest(apart: np.ndarray) -> float:
    """The largest finite magnitude; 1 where there is none but 0."""
    finite = np.abs(apart[np.isfinite(apart)])
    return float(finite.max(initial=0.0)) or 1.0


def _picture(axes: str, level: np.ndarray, *, scale: str, low: float, high: float) -> Json:
    rows, cols = level.shape
    told = {"axes": axes, "rows": rows, "cols": cols, "scale": scale, "low": low, "high": high}
    return {**told, "data": base64_of(level.astype(np.uint8))}


def planes(values: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """An array of any rank as one or two planes, each named: its last two axes, and those before them.

    In either plane a cell holds what is farthest from 0 of all elements that fall into it.
    """
    if values.ndim < 2:
        if values.size > 1:
            yield "elements", reduced(values.reshape(1, -1))
        return
    last = values.ndim - 1
    leading = values.reshape(-1, *values.shape[-2:])
    yield f"axis {last - 1} down, axis {last} across", reduced(_farthest(leading, (0,)))
    if len(leading) > 1:
        first = values.shape[0] if last > 2 else 1
        axes = "axis 0 down, axis 1 across" if last > 2 else "axis 0 across"
        yield axes, reduced(_farthest(leading, (1, 2)).reshape(first, -1))


def _farthest(values: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """Along some axes, the value farthest from 0."""
    low, high = values.min(axis=axes, initial=0), values.max(axis=axes, initial=0)
    return np.asarray(np.where(-low > high, low, high))


def reduced(plane: Num[np.ndarray, "row col"]) -> Num[np.ndarray, "cell_row cell_col"]:
    """At most 64 x 64 cells, each the value farthest from 0 of its block."""
    low = high = plane
    for axis, length in enumerate(plane.shape):
        if length > MOST_CELLS:
            starts = np.linspace(0, length, MOST_CELLS, endpoint=False).astype(int)
            low, high = np.minimum.reduceat(low, starts, axis), np.maximum.reduceat(high, starts, axis)
    return np.where(-low > high, low, high)


def share_histogram(share: np.ndarray) -> Json:
    """How many elements are exactly 0, and how many in each half decade of share; the ends hold what lies beyond."""
    positive = share[share > 0]
    high = highest(share)
    place = np.clip(np.log10(np.minimum(positive, 10.0**high)), LOWEST, high)
    counts, _ = np.histogram(place, round(2 * (high - LOWEST)), (LOWEST, high))
    zero = int(share.size - positive.size)
    return {"scale": "share", "zero": zero, "low": LOWEST, "high": high, "counts": counts.tolist()}


def signed_histogram(apart: np.ndarray) -> Json:
    """How many elements are exactly 0, and how many in each of 31 parts between minus and plus the largest."""
    largest = _largest(apart)
    share = np.clip(apart[apart != 0], -largest, largest) / largest  # bins of the largest double would overflow
    counts, _ = np.histogram(share, SIGNED_BINS, (-1, 1))
    zero = int((apart == 0).sum())
    return {"scale": "signed", "zero": zero, "low": -largest, "high": largest, "counts": counts.tolist()}


def worst(measure: np.ndarray, *, expected: np.ndarray, actual: np.ndarray) -> list[Json]:
    """The ten elements of largest measure, but no exact ones: index, both values, measure."""
    magnitude = np.abs(measure).ravel()
    chosen = np.argsort(magnitude, kind="stable")[::-1][:WORST]
    found = [(int(flat), np.unravel_index(flat, measure.shape)) for flat in chosen if magnitude[flat] > 0]
    return [
        {
            "index": [int(i) for i in index],
            "legacy": number(expected[index]),
            "port": number(actual[index]),
            "measure": number(measure.ravel()[flat]),
        }
        for flat, index in found
    ]


def rasters(sides: Mapping[str, np.ndarray]) -> Json:
    """Images of one scene on one scale: byte 0 is no data, 1 to 255 run from the lowest to the highest of all.

    Args:
        sides: name to image, any rank whose last two axes are rows and columns; the first of the others is shown.
    """
    images = {side: _thinned(values.reshape(-1, *values.shape[-2:])[0]) for side, values in sides.items()}
    finite = np.concatenate([image[np.isfinite(image)] for image in images.values()])
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    told: Json = {"low": low, "high": high, "sides": {}}
    for side, image in images.items():
        place = (image - low) / ((high - low) or 1.0)
        level = np.where(np.isfinite(image), 1 + np.rint(254 * np.nan_to_num(place)), 0)
        rows, cols = image.shape
        told["sides"][side] = {"rows": rows, "cols": cols, "data": base64_of(level.astype(np.uint8))}
    return told


def _thinned(image: Num[np.ndarray, "row col"]) -> Float[np.ndarray, "fewer_row fewer_col"]:
    """Every n-th row and column, so that neither side has more than 192 px."""
    step = -(-max(image.shape) // MOST_PX)
    return image[::step, ::step].astype(np.float64)
