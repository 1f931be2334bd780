"""Twenty wrong ports that the judge was not made for, written down before it saw the first of them."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from parity_tests.mutation import Mutation, Plant, together, wrapped
from parity_tests.zoo_network import Convolve, convolving, losing, rectifying
from port import (
    dataset,
    initialisation,
    lasagne_weights,
    metrics,
    normalisation,
    patches,
    prediction,
    prediction_recording,
    recording,
    splits,
)
from port.bands import Band, Source
from port.dataset import SentinelPatchDataset
from port.raster_writer import RasterWriter
from port.rasters import Raster
from port.regions import Region
from port.scenes import Scene
from port.training import Batch, LasagneMomentum

Array = np.ndarray
Read = Callable[..., Array]
_STRIP_PX = 64

# --- reading and masks


def _row_read_twice(read: Read, raster: Raster, region: Region) -> Array:
    pixels = read(raster, region)
    pixels[_STRIP_PX : _STRIP_PX + 1] = pixels[_STRIP_PX - 1 : _STRIP_PX][: max(0, len(pixels) - _STRIP_PX)]
    return pixels


def _dem_per_mille(read: Read, scene: Scene, source: Source, region: Region) -> Array:
    pixels = read(scene, source, region)
    return np.rint(1000 * pixels) / np.float32(1000) if source.kind == "DEM" else pixels


def _specks_removed(read: Read, scene: Scene, region: Region) -> Array:
    """A masked pixel stays masked where one of its eight neighbours is."""
    masks = read(scene, region)
    padded = np.pad(masks, [(0, 0), (1, 1), (1, 1)])
    squares = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
    return np.asarray(masks & (squares.sum(axis=(-2, -1)) > 1))


# --- patches, split and batches


def _last_column_unasked(_: Callable[..., Array], corners: Array, invalid: Array, *, side_px: int) -> Array:
    cut = [invalid[row : row + side_px, col : col + side_px - 1] for row, col in corners]
    return np.array([not square.any() for square in cut], dtype=bool)


def _fitting_patch_lost(grid: Callable[..., Array], shape: tuple[int, int], **rest: int) -> Array:
    """`range(origin, length - side, stride)`."""
    return grid((shape[0] - 1, shape[1] - 1), **rest)


def _limited_first(split: Callable[..., Any], corners: Array, *, limit: int | None, **rest: Any) -> Any:
    return split(corners[:limit], limit=limit, **rest)


def _knowing_what_trains(begin: Callable[..., None], data: Any, *arguments: Any, **keywords: Any) -> None:
    begin(data, *arguments, **keywords)
    data.learnt_from = keywords.get("trains", True)


def _flipped_later(set_epoch: Callable[..., None], data: Any, epoch: int) -> None:
    """Left and right are exchanged from the second epoch on, in inputs and targets alike."""
    set_epoch(data, epoch)
    if epoch > 0 and data.learnt_from:
        data.symmetry = np.full(len(data), 4)


def _last_place_kept(batches: Callable[..., Iterator[Batch]], data: Any, epoch: int) -> Iterator[Batch]:
    """The last input of every batch is that of the epoch's first: its place in a buffer is not filled again."""
    first = None
    for inputs, targets in batches(data, epoch):
        first = inputs[-1:] if first is None else first
        yield torch.cat([inputs[:-1], first]), targets


# --- normalisation and channels


def _float32_thousandth(divisors: Callable[..., Array], *arguments: Any) -> Array:
    """Multiplied by the float32 number next to 1 / 1000, all in float64."""
    return 1 / (1 / divisors(*arguments)).astype(np.float32).astype(np.float64)


def _ndvi_within_1(normalise: Callable[..., Array], stored: Array, bands: Sequence[Band], scaling: Any) -> Array:
    normalised = normalise(stored, bands, scaling)
    for channel, band in enumerate(bands):
        if band in (Band.NDVI_BEFORE, Band.NDVI_AFTER):
            normalised[..., channel, :, :] = normalised[..., channel, :, :].clip(-1, 1)
    return normalised


def _causal(read: Read, scene: Scene, region: Region, bands: Sequence[Band], *rest: Any) -> Array:
    return read(scene, region, [Band.NDVI_BEFORE if band is Band.NDVI_AFTER else band for band in bands], *rest)


# --- layers, loss, gradient, update


def _column_short(correlate: Convolve, x: Tensor, W: Tensor, b: Tensor) -> Tensor:
    """The last column of the result lacks the products with the filters' last column."""
    narrow = torch.cat([W[..., :-1], torch.zeros_like(W[..., -1:])], dim=-1)
    return torch.cat([correlate(x, W, b)[..., :-1], correlate(x, narrow, b)[..., -1:]], dim=-1)


def _first_frozen(correlate: Convolve, x: Tensor, W: Tensor, b: Tensor) -> Tensor:
    return correlate(x, torch.cat([W[:1].detach(), W[1:]]), b)


def _without_zeros(estimate: Tensor, target: Tensor) -> Tensor:
    return (estimate - target).abs()[target != 0].mean()


def _biases_twice(step: Callable[..., Any], optimiser: LasagneMomentum, *arguments: Any) -> Any:
    for group in optimiser.param_groups:
        for parameter in group["params"]:
            if parameter.ndim == 1:
                parameter.grad.mul_(2)
    return step(optimiser, *arguments)


def _in_float32(parameters: Callable[..., list[Array]], *arguments: Any) -> list[Array]:
    return [parameter.astype(np.float32) for parameter in parameters(*arguments)]


# --- products


def _mixed_degrees(correlation: Callable[..., float], guess: Array, seen: Array) -> float:
    """A covariance over n - 1, deviations over n."""
    return correlation(guess, seen) * len(guess) / (len(guess) - 1)


def _beyond_1_lost(write: Callable[..., None], writer: RasterWriter, tile: Region, pixels: Array) -> None:
    write(writer, tile, np.where(np.abs(pixels) > 1, np.nan, pixels))


def _unseen(id: str, title: str, case: str, stage: str, plant: Plant) -> Mutation:
    return Mutation(id=id, rows=(), title=title, case=case, stage=stage, known="", plant=plant)


UNSEEN: tuple[Mutation, ...] = (
    _unseen(
        "row-of-strip-read-twice", "Files are read by strips of 64 rows; the second begins with the first's last row.",
        "path", "raster/001_VH", wrapped(Raster, "read", _row_read_twice),
    ),
    _unseen(
        "dem-in-whole-thousandths", "The DEM is rounded to thousandths after it is read.",
        "path", "patches/raw", wrapped(Scene, "read", _dem_per_mille),
    ),
    _unseen(
        "specks-removed-from-masks", "Masked pixels that stand alone are taken for noise, and cleared.",
        "path", "mask/001", wrapped(Scene, "masks", _specks_removed),
    ),
    _unseen(
        "last-column-of-a-patch-not-asked", "Patches need not be clear in their last column.",
        "path", "patches/index", wrapped(patches, "is_clear", _last_column_unasked),
    ),
    _unseen(
        "patch-that-just-fits-lost", "A patch that ends with the raster's last row or column is left out.",
        "path", "patches/index", wrapped(patches, "patch_grid", _fitting_patch_lost),
    ),
    _unseen(
        "limit-before-shuffle", "The first patches up to the limit are taken before they are shuffled, not after.",
        "path", "split/training", wrapped(splits, "random_split", _limited_first),
    ),
    _unseen(
        "flipped-from-second-epoch", "Training patches, and their targets, are mirrored from the second epoch on.",
        "path", "step/0005/loss",
        together(
            wrapped(SentinelPatchDataset, "__init__", _knowing_what_trains),
            wrapped(SentinelPatchDataset, "set_epoch", _flipped_later),
        ),
    ),
    _unseen(
        "last-place-of-batch-kept", "The last input of every batch is that of the epoch's first batch.",
        "path", "step/0002/loss", wrapped(SentinelPatchDataset, "batches", _last_place_kept),
    ),
    _unseen(
        "multiplied-by-float32-thousandth", "Inputs are multiplied by a float32 0.001 in a float64 run.",
        "network", "batch/normalised", wrapped(normalisation, "divisors", _float32_thousandth),
    ),
    _unseen(
        "ndvi-inputs-within-1", "NDVI that is fed is cut off at -1 and 1.",
        "network", "batch/normalised",
        together(
            *(
                wrapped(module, "normalise", _ndvi_within_1)
                for module in (recording, dataset, prediction, prediction_recording)
            )
        ),
    ),
    _unseen(
        "ndvi-before-for-after-at-test", "At the test NDVI at t-1 is fed for NDVI at t+1, too.",
        "path", "predict/selected", wrapped(prediction, "stored_input", _causal),
    ),
    _unseen(
        "conv2-last-column-short", "The last column that conv2 computes lacks the last column of its filters.",
        "float32", "conv2/pre", convolving(_column_short, "conv2"),
    ),
    _unseen(
        "rectifier-ends-at-6", "Rectifiers cut off above 6.",
        "unscaled", "conv1/out", rectifying(lambda rectify, x: rectify(x).clamp(max=6)),
    ),
    _unseen(
        "start-drawn-in-float32", "First weights are drawn in float32 for a float64 run.",
        "start", "weight/conv1/W",
        wrapped(initialisation, "as_weight", lambda original, drawn, how: original(drawn.astype(np.float32), how)),
    ),
    _unseen(
        "weights-saved-in-float32", "A float64 run goes on from weights that were saved in float32.",
        "restarts", "step/0002/loss", wrapped(lasagne_weights, "from_state", _in_float32),
    ),
    _unseen(
        "target-0-taken-for-no-data", "Pixels whose target is exactly 0 are left out of the loss.",
        "network", "loss", losing(_without_zeros),
    ),
    _unseen(
        "first-filter-frozen", "The first filter of conv1 has no gradient.",
        "network", "grad/conv1/W", convolving(_first_frozen, "conv1"),
    ),
    _unseen(
        "biases-at-twice-the-rate", "Biases learn at twice the learning rate.",
        "network", "step/0001/velocity/conv1/b", wrapped(LasagneMomentum, "step", _biases_twice),
    ),
    _unseen(
        "correlation-of-mixed-degrees", "The covariance is divided by n - 1, the variances by n.",
        "path", "metrics/cc", wrapped(metrics, "_correlation", _mixed_degrees),
    ),
    _unseen(
        "estimates-beyond-1-not-written", "Estimates below -1 or above 1 are written as NaN.",
        "radar", "geotiff/pixels", wrapped(RasterWriter, "write", _beyond_1_lost),
    ),
)  # fmt: skip
