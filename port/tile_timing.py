"""The fastest tile is found by trying a few sizes on the scene itself, with the network, engine and workers in use."""

from contextlib import closing
from itertools import repeat
from math import prod
from time import perf_counter
from typing import NamedTuple

import torch

from port.engines import DEFAULT, EngineName
from port.network import FusionCNN
from port.prediction import TILE_PX, Estimator, estimator, fed_bands, predictable
from port.recipes import Recipe
from port.regions import Region
from port.scenes import Scene
from port.workers import in_order

SIDES_PX = (128, 192, 256, 384)
"""Sides tried: small ones spend more on their halo, large ones leave the processor's caches.

From 400 px on the widest layer's maps are blocks over 32 MiB, which the C library gives back and fetches each time.
"""
WORTH_PX = 2**24
"""Fewer pixels than this (17 million) are done before the trial, of one and a half, would pay."""
_WARM_UP_PX = (48, 64)  # of two sizes, after which a compiled network is compiled for any
_PASSES = 2  # over all sides in turn: of each the better counts, for what disturbs a machine only makes it slower
_AS_GOOD = 0.95  # of the best rate: what the usual size must reach to be taken


class TileTiming(NamedTuple):
    """A side, and the pixels a second estimated with it, reading included."""

    side_px: int
    rate: float


def timed_tile(
    network: FusionCNN,
    scene: Scene,
    *,
    variant: str,
    recipe: Recipe,
    region: Region,
    engine: EngineName = DEFAULT,
) -> TileTiming | None:
    """The fastest side for a region of a scene; None where the region is too small for a trial to pay.

    There are as many workers as PyTorch has threads.

    Raises:
        RegionError, SceneError: see `port.prediction.predict`.
    """
    inner, bands = predictable(region, scene.shape, recipe, network.border_px), fed_bands(variant, recipe)
    if prod(inner.shape) < WORTH_PX:
        return None
    with scene.held(bands) as held:
        estimate = estimator(network, held, bands=bands, recipe=recipe, engine=engine)
        return fastest_tile(estimate, inner, workers=torch.get_num_threads())


def fastest_tile(estimate: Estimator, inner: Region, *, workers: int) -> TileTiming:
    """The fastest side for a region that can be predicted, timed at its centre with all workers busy.

    The usual side is taken where it is about as fast: what is left between them is chance.
    """
    for side in _WARM_UP_PX:
        _rate(estimate, inner, side, workers)
    rates = dict.fromkeys(SIDES_PX, 0.0)
    for _ in range(_PASSES):
        rates = {side: max(rate, _rate(estimate, inner, side, workers)) for side, rate in rates.items()}
    best = max(rates, key=lambda side: rates[side])
    side = TILE_PX if rates.get(TILE_PX, 0.0) >= _AS_GOOD * rates[best] else best
    return TileTiming(side, rates[side])


def _rate(estimate: Estimator, inner: Region, side_px: int, workers: int) -> float:
    """Pixels a second: each worker does about as many pixels of small tiles as of one of the usual size."""
    tile = central(inner, side_px)
    tiles = repeat(tile, workers * max(1, round((TILE_PX / side_px) ** 2)))
    start = perf_counter()
    with closing(in_order(estimate, tiles, workers=workers)) as done:
        pixels = sum(prod(each.shape) for each, _ in done)
    return pixels / (perf_counter() - start)


def central(inner: Region, side_px: int) -> Region:
    """The square of this side at a region's centre, as far as it lies in the region."""
    row, col = (
        (start + stop - side_px) // 2
        for start, stop in ((inner.row_start, inner.row_stop), (inner.col_start, inner.col_stop))
    )
    return Region(row, row + side_px, col, col + side_px).intersection(inner)
