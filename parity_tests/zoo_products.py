"""Mistakes after training: prediction by tiles, accuracies, and the GeoTIFF that is written."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import rasterio
import torch
from torch import Tensor

from parity_tests.mutation import Mutation, Plant, replaced, together, wrapped
from parity_tests.zoo_scenes import mistake
from port import metrics, prediction, prediction_recording, watched_prediction
from port.bands import Band
from port.metrics import Metrics
from port.network import BORDER_PX
from port.raster_writer import RasterWriter
from port.regions import Region
from port.scenes import Scene

Read = Callable[..., np.ndarray]
INNER = (..., slice(BORDER_PX, -BORDER_PX), slice(BORDER_PX, -BORDER_PX))

# --- predict/*


def _fed(wrong: Callable[[np.ndarray], np.ndarray]) -> Plant:
    """What is read for a tile, its halo included, changed."""
    return wrapped(prediction, "stored_input", lambda original, *arguments: wrong(original(*arguments)))


def _without_halo(stored: np.ndarray) -> np.ndarray:
    padded = np.zeros_like(stored)
    padded[INNER] = stored[INNER]
    return padded


def _mirrored_halo(stored: np.ndarray) -> np.ndarray:
    return np.pad(stored[INNER], [(0, 0), (0, 0), (BORDER_PX, BORDER_PX), (BORDER_PX, BORDER_PX)], mode="symmetric")


def _one_row_up(read: Read, scene: Scene, region: Region, *rest: Any) -> np.ndarray:
    return read(scene, replace(region, row_start=region.row_start - 1, row_stop=region.row_stop - 1), *rest)


def _in_training_order(read: Read, scene: Scene, region: Region, bands: Sequence[Band], *rest: Any) -> np.ndarray:
    return read(scene, region, sorted(bands), *rest)


def _estimated(wrong: Callable[[Tensor], Tensor]) -> Plant:
    """The estimate of each tile, changed."""

    def predict(original: Callable[..., Any], *arguments: Any, **keywords: Any) -> Iterator[Any]:
        for tile, estimate in original(*arguments, **keywords):
            yield tile, wrong(estimate.clone())

    return together(wrapped(prediction, "predict", predict), wrapped(watched_prediction, "predict", predict))


def _edges(weight: float) -> Callable[[Tensor], Tensor]:
    """The estimate with another weight on the last column."""
    return lambda estimate: torch.cat([estimate[:, :-1], weight * estimate[:, -1:]], dim=1)


def _whole_tiles(tiles: Callable[..., Iterator[Region]], region: Region, tile_px: int) -> Iterator[Region]:
    return (tile for tile in tiles(region, tile_px) if tile.shape == (tile_px, tile_px))


_PREDICT = (
    mistake(
        "tiles-without-halo", "predict/selected", "Around a tile there are zeros, not the scene.",
        _fed(_without_halo), rows=("Z33",),
    ),
    mistake(
        "halo-mirrored", "predict/selected", "Around a tile stands the tile again, mirrored.",
        _fed(_mirrored_halo), rows=("Z33",),
    ),
    mistake(
        "tiles-read-one-row-up", "predict/selected", "Tiles are read one row too far up.",
        wrapped(prediction, "stored_input", _one_row_up), rows=("Z08",), known="shifted",
    ),
    mistake(
        "tile-remainder-lost", "predict/selected", "Tiles that are not whole, at the end of rows, are left out.",
        wrapped(Region, "tiles", _whole_tiles), rows=("Z33",),
    ),
    mistake(
        "region-in-training-order", "predict/selected", "At the test VV and VH stand as in training.",
        wrapped(prediction, "stored_input", _in_training_order), rows=("Z10",), known="other-channel",
    ),
    mistake(
        "seams-not-blended", "predict/output", "A tile's last column has half its weight, which no other tile adds to.",
        _estimated(_edges(0.5)), rows=("Z33",),
    ),
    mistake(
        "tile-edge-repeated", "predict/output", "A tile's last column is that before it.",
        _estimated(lambda estimate: torch.cat([estimate[:, :-1], estimate[:, -2:-1]], dim=1)), rows=("Z33",),
    ),
)  # fmt: skip


# --- metrics/*


def _valid(wrong: Callable[[Scene, Region], np.ndarray]) -> Plant:
    """Which pixels are compared."""
    return wrapped(prediction_recording, "comparable", lambda _original, region, scene, _estimate: wrong(scene, region))


def _scored(wrong: Callable[[Metrics, np.ndarray, np.ndarray], Metrics]) -> Plant:
    """The accuracies, changed: from what was found, and the pixels of estimate and truth."""

    def scores(original: Callable[..., Metrics], **maps: Any) -> Metrics:
        valid = maps["valid"]
        return wrong(original(**maps), maps["estimate"][valid], maps["truth"][valid])

    return wrapped(prediction_recording, "metrics", scores)


def _in_float32(scores: Callable[..., Metrics], *, estimate: np.ndarray, truth: np.ndarray, **rest: Any) -> Metrics:
    return scores(estimate=estimate.astype(np.float32), truth=truth.astype(np.float32), **rest)


def _by_parts(correlation: Callable[..., float], guess: np.ndarray, seen: np.ndarray) -> float:
    parts = zip(np.array_split(guess, 4), np.array_split(seen, 4), strict=True)
    return float(np.mean([correlation(*part) for part in parts]))


def _from_the_corner(target: Read, scene: Scene, region: Region) -> np.ndarray:
    """Of a region that is no strip of the scene, the pixels up and left of it by the border."""
    inside = region.shape[1] < scene.shape[1]
    rows, cols = (start - BORDER_PX * inside for start in (region.row_start, region.col_start))
    return target(scene, Region(rows, rows + region.shape[0], cols, cols + region.shape[1]))


_METRICS = (
    mistake(
        "clouds-scored", "metrics/valid", "Masked pixels count.",
        _valid(lambda _scene, region: np.ones(region.shape, bool)), rows=("Z35",), known="mask-ignored",
    ),
    mistake(
        "only-the-first-mask-scored", "metrics/valid", "Pixels count that are clear at t-1.",
        _valid(lambda scene, region: ~scene.masks(region)[0]), rows=("Z35",), known="only-one-mask",
    ),
    mistake(
        "truth-from-the-region-s-corner", "metrics/target/raw", "The truth is not moved by the border that is lost.",
        wrapped(Scene, "target", _from_the_corner), rows=("Z32",), known="shifted-by-border",
    ),
    mistake(
        "correlation-averaged", "metrics/cc", "The correlation is the mean of those of four parts.",
        wrapped(metrics, "_correlation", _by_parts), rows=("Z35",), known="parts-averaged",
    ),
    mistake(
        "psnr-with-another-peak", "metrics/psnr", "The peak of PSNR is 2, as NDVI may lie between -1 and 1.",
        replaced(metrics, "PEAK", lambda _original: 2.0), rows=("Z35",), known="other-peak",
    ),
    mistake(
        "psnr-of-the-brightest", "metrics/psnr", "The peak of PSNR is the largest NDVI that is seen.",
        _scored(lambda found, _, seen: replace(found, psnr=20 * math.log10(seen.max() / found.rmse))),
        known="other-peak",
    ),
    mistake(
        "rmse-without-root", "metrics/rmse", "RMSE is the mean of squares, without the root.",
        _scored(lambda found, *_: replace(found, rmse=found.rmse**2)), known="rmse-without-root",
    ),
    mistake(
        "rmse-of-a-sample", "metrics/rmse", "The mean of squares is over one pixel less.",
        _scored(lambda found, guess, _: replace(found, rmse=found.rmse * (len(guess) / (len(guess) - 1)) ** 0.5)),
    ),
    mistake(
        "signs-cancel-in-mae", "metrics/mae", "MAE is the mean of differences, not of their magnitudes.",
        _scored(lambda found, guess, seen: replace(found, mae=float(abs((guess - seen).mean())))),
    ),
    mistake(
        "determination-for-correlation", "metrics/cc", "The square of the correlation is given.",
        _scored(lambda found, *_: replace(found, cc=found.cc**2)),
    ),
    mistake(
        "metrics-of-float32", "metrics/mae", "Estimate and truth are rounded to float32 before they are compared.",
        wrapped(prediction_recording, "metrics", _in_float32),
    ),
)  # fmt: skip


# --- geotiff/*


def _written(wrong: Callable[[np.ndarray], np.ndarray]) -> Plant:
    """The pixels of each tile, changed before they are written."""
    return wrapped(RasterWriter, "write", lambda original, writer, tile, pixels: original(writer, tile, wrong(pixels)))


def _masked_as_0(predict: Callable[..., Any], network: Any, scene: Scene, **rest: Any) -> Iterator[Any]:
    for tile, estimate in predict(network, scene, **rest):
        yield tile, torch.where(torch.from_numpy(scene.masks(tile).any(axis=0)), torch.zeros_like(estimate), estimate)


def _upside_down(write: Callable[..., None], writer: RasterWriter, tile: Region, pixels: np.ndarray) -> None:
    region = writer.region
    first = region.row_start + region.row_stop - tile.row_stop
    write(writer, replace(tile, row_start=first, row_stop=first + tile.shape[0]), pixels[::-1])


class _OfTheRegion(RasterWriter):
    """Writes a raster of the region asked for, and what is left of it at its corner."""

    def __init__(self, path: Any, grid: Any, region: Region, **rest: Any) -> None:
        super().__init__(path, grid, region.grown(BORDER_PX), **rest)

    def write(self, tile: Region, pixels: np.ndarray) -> None:
        corner = tile.row_start - BORDER_PX, tile.col_start - BORDER_PX
        place = Region(corner[0], corner[0] + tile.shape[0], corner[1], corner[1] + tile.shape[1])
        super().write(place, pixels)


def _header(**wrong: Any) -> Plant:
    """The header, with further entries."""
    return wrapped(RasterWriter, "_profile", lambda original, writer: original(writer) | wrong)


_GEOTIFF = (
    mistake(
        "raster-shifted-by-border", "geotiff/pixels", "The estimate stands at the corner of a raster of the region.",
        replaced(prediction, "RasterWriter", lambda _original: _OfTheRegion), rows=("Z36",), known="shifted-by-border",
    ),
    mistake(
        "clouds-written-as-0", "geotiff/pixels", "Masked pixels are written as 0.",
        wrapped(prediction, "predict", _masked_as_0), rows=("Z36",), known="nodata-as-zero",
    ),
    mistake(
        "nodata-of-0-declared", "geotiff/header", "The file declares 0 to be no data.",
        _header(nodata=0), rows=("Z36",), known="header-field",
    ),
    mistake(
        "pixel-is-point", "geotiff/header", "The file places pixels by their centres, half a pixel off.",
        _header(transform=rasterio.Affine.translation(0.5, 0.5)), known="header-field",
    ),
    mistake(
        "raster-upside-down", "geotiff/pixels", "The file's rows begin in the south.",
        wrapped(RasterWriter, "write", _upside_down), known="mirrored",
    ),
    mistake(
        "raster-in-float16", "geotiff/pixels", "The file's numbers went through half precision.",
        _written(lambda pixels: pixels.astype(np.float16)), known="rounded-float16",
    ),
    mistake(
        "raster-in-stored-units", "geotiff/pixels", "The file holds NDVI times 1000.",
        _written(lambda pixels: pixels * 1000), known="scaled",
    ),
    mistake(
        "raster-clipped", "geotiff/pixels", "NDVI below 0 is written as 0.",
        _written(lambda pixels: np.maximum(pixels, 0)), case="radar",
    ),
)  # fmt: skip

PRODUCTS: tuple[Mutation, ...] = (*_PREDICT, *_METRICS, *_GEOTIFF)
"""From the trained network to the file."""
