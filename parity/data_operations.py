"""The operations of the data path in numpy: from rasters to patches, and from a prediction to what a file holds.

Rasters are (row, col); corners are (patch, [row, col]) of the upper left pixel; regions are [row0, row1, col0, col1],
the ends not included. All are exact. What depends on a seed is NumPy's own generator of that seed.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float, Int, Shaped

from parity.operations import Number

Raster = Shaped[np.ndarray, "row col"]
Corners = Int[np.ndarray, "patch 2"]
Order = Int[np.ndarray, "step batch_size"]
Region = Sequence[int]

SYMMETRIES = 8  # of a square: four quarter turns, each with and without a flip


def exclude(mask: Raster, *rasters: Raster, region: Region, nodata: Sequence[Number | None] = ()) -> Raster:
    """1 where the mask is not 0, a further raster holds its no-data value, or the pixel lies in the region; uint8.

    Args:
        mask: as stored.
        rasters: further ones of the same shape.
        region: where all is 1.
        nodata: a value for each further raster; None is NaN.
    """
    excluded: np.ndarray = (mask != 0).astype(np.uint8)
    for raster, value in zip(rasters, nodata, strict=True):
        excluded[np.isnan(raster) if value is None else raster == value] = 1
    excluded[_window(mask, region)] = 1
    return excluded


def clear_patches(*masks: Raster, side: int, stride: int, origin: int) -> Corners:
    """The corners, row by row, of the patches on a grid from the origin in which all masks are 0 throughout."""
    rows, cols = patch_grid(masks[0], side=side, stride=stride, origin=origin)
    covered = [covered_pixels(mask, rows, cols, (side, side)) for mask in masks]
    row, col = np.nonzero(np.sum(covered, axis=0) == 0)
    return np.stack([rows[row], cols[col]], axis=1)


def patch_grid(raster: Raster, *, side: int, stride: int, origin: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns on which corners may lie: from the origin, so that the patch ends inside the raster."""
    rows, cols = (np.arange(origin, length - side + 1, stride) for length in raster.shape)
    return rows, cols


def covered_pixels(mask: Raster, rows: np.ndarray, cols: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """How many pixels are not 0 in each window of a shape: (len(rows), len(cols)); from sums over all above left."""
    sums = np.zeros(tuple(length + 1 for length in mask.shape), np.int64)
    sums[1:, 1:] = (mask != 0).cumsum(axis=0, dtype=np.int64).cumsum(axis=1)
    low, high, right = rows[:, None], rows[:, None] + shape[0], cols + shape[1]
    return np.asarray(sums[high, right] - sums[low, right] - sums[high, cols] + sums[low, cols])


def shuffle(corners: Corners, permutation: Int[np.ndarray, "length"]) -> Corners:
    """The n corners in the order of those numbers of the permutation that are below n."""
    order = permutation[permutation < len(corners)]
    if not np.array_equal(np.sort(order), np.arange(len(corners))):
        raise ValueError(f"the permutation does not have each of {len(corners)} numbers once")
    return np.asarray(corners[order])


def permutation(*, seed: int, length: int) -> Int[np.ndarray, "length"]:
    """NumPy's permutation of that seed."""
    return np.random.default_rng(seed).permutation(length)


def batch_order(corners: Corners, *, batch_size: int, epochs: int, keep: bool = False) -> Order:
    """The rows of the list that each step uses, in list order; an incomplete last batch is dropped, or ends in -1."""
    return _steps((np.arange(len(corners)) for _ in range(epochs)), batch_size, keep)


def reshuffled(corners: Corners, *, batch_size: int, epochs: int, seed: int, keep: bool = False) -> Order:
    """The rows of the list that each step uses, in each epoch's own order: NumPy's of (seed, epoch from 0)."""
    drawn = (np.random.default_rng((seed, epoch)).permutation(len(corners)) for epoch in range(epochs))
    return _steps(drawn, batch_size, keep)


def _steps(orders: Iterator[np.ndarray], batch_size: int, keep: bool) -> Order:
    """Each epoch's order cut into batches, all epochs below each other."""
    epochs = []
    for order in orders:
        batches = (math.ceil if keep else math.floor)(len(order) / batch_size)
        padded = np.full(batches * batch_size, -1, np.int64)
        used = order[: padded.size]
        padded[: used.size] = used
        epochs.append(padded.reshape(batches, batch_size))
    return np.concatenate(epochs)


def cut(*rasters_and_corners: np.ndarray, side: int, margin: int) -> Shaped[np.ndarray, "patch channel row col"]:
    """The patches at the corners (last input) of all rasters (the others), without a margin on every side."""
    *rasters, corners = rasters_and_corners
    if (corners < 0).any():
        raise ValueError("a corner lies outside the raster")
    inner = side - 2 * margin
    rows, cols = corners.T + margin
    views = (np.lib.stride_tricks.sliding_window_view(raster, (inner, inner)) for raster in rasters)
    return np.stack([view[rows, cols] for view in views], axis=1)


def crop(*rasters: Raster, region: Region) -> Shaped[np.ndarray, "1 channel inner_row inner_col"]:
    """One region of all rasters, as a batch of one."""
    return np.stack([raster[_window(raster, region)] for raster in rasters])[None]


def valid(*masks: Raster, region: Region) -> Shaped[np.ndarray, "inner_row inner_col"]:
    """1 where all masks are 0, else 0, in a region; uint8."""
    return np.asarray((crop(*masks, region=region)[0] == 0).all(axis=0).astype(np.uint8))


def masked(values: np.ndarray, mask: Raster) -> Shaped[np.ndarray, "pixel"]:
    """The values where the mask is not 0, row by row."""
    if values.size != mask.size:
        raise ValueError(f"{values.size} values under a mask of {mask.size}")
    return np.asarray(values[..., mask != 0].ravel())


def to_image(
    values: Float[np.ndarray, "1 1 row col"], *, within: Region | None = None, shape: Sequence[int] | None = None
) -> Float[np.ndarray, "image_row image_col"]:
    """The one image of a batch; or an image of another shape that has it within a region, and NaN elsewhere."""
    if within is None or shape is None:
        return np.asarray(values[0, 0])
    image: np.ndarray = np.full(shape, np.nan, values.dtype)
    image[_window(image, within)] = values[0, 0]
    return image


def header(
    *, bands: int, bits: int, epsg: int, nodata: Number, transform: Sequence[Number]
) -> Float[np.ndarray, "fields"]:
    """What a GeoTIFF tells besides its pixels; no-data as whether there is one, the transform in GDAL's order."""
    return np.array([bands, bits, epsg, nodata, *transform], np.float64)


def border(*W: Shaped[np.ndarray, "_ _ _ _"]) -> np.ndarray:
    """The pixels lost on each side by valid convolutions with all these filters; int64."""
    return np.array(sum(weight.shape[2] - 1 for weight in W) // 2, np.int64)


def normal(*, seed: int, deviation: Number, skip: int, shape: Sequence[int]) -> np.ndarray:
    """Numbers of NumPy's legacy generator of that seed, of mean 0, after so many drawn before."""
    drawn = np.random.RandomState(seed).normal(0, deviation, skip + math.prod(shape))
    return drawn[skip:].reshape(shape)


def constant(*, value: Number, shape: Sequence[int]) -> np.ndarray:
    """One number everywhere."""
    return np.full(shape, value)


def rows_transformed(values: np.ndarray, *, start: int, stop: int, symmetries: Sequence[int]) -> np.ndarray:
    """The patches start to stop - 1 of the list, each turned as its symmetry says."""
    chosen = values[start:stop]
    return np.stack([transformed(patch, number) for patch, number in zip(chosen, symmetries, strict=True)])


def transformed(patch: np.ndarray, symmetry: int) -> np.ndarray:
    """One of a square's symmetries: number % 4 quarter turns over the last two axes, from 4 on the last reversed."""
    if not 0 <= symmetry < SYMMETRIES:
        raise ValueError(f"a square has no symmetry {symmetry}")
    turned = np.rot90(patch, symmetry % 4, axes=(-2, -1))
    return turned[..., ::-1] if symmetry >= 4 else turned


def _window(raster: Raster, region: Region) -> tuple[slice, slice]:
    """A region as slices, which must lie in the raster."""
    row0, row1, col0, col1 = region
    if not (0 <= row0 <= row1 <= raster.shape[0] and 0 <= col0 <= col1 <= raster.shape[1]):
        raise ValueError(f"region {list(region)} is not inside {raster.shape}")
    return slice(row0, row1), slice(col0, col1)
