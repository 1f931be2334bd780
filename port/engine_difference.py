"""An engine's difference from the default one is measured on a tile, before it is used."""

from time import perf_counter
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float

from port.engines import EngineName
from port.network import FusionCNN
from port.prediction import TILE_PX, Estimator, estimator, fed_bands, predictable
from port.recipes import Recipe
from port.regions import Region
from port.scenes import Scene
from port.tile_timing import central


class EngineDifference(NamedTuple):
    """Mean and largest |difference| of a tile's estimates, in the output's units, and how many times as fast it is."""

    mean: float
    largest: float
    speedup: float
    tile: Region


def engine_difference(
    network: FusionCNN, scene: Scene, *, variant: str, recipe: Recipe, region: Region, engine: EngineName
) -> EngineDifference:
    """What an engine's estimate of a region's central tile differs by, and the ratio of the times both take.

    Raises:
        RegionError, SceneError: see `port.prediction.predict`.
    """
    bands = fed_bands(variant, recipe)
    tile = central(predictable(region, scene.shape, recipe, network.border_px), TILE_PX)
    with scene.held(bands) as held:
        seen, fast = _timed(estimator(network, held, bands=bands, recipe=recipe, engine=engine), tile)
        expected, slow = _timed(estimator(network, held, bands=bands, recipe=recipe), tile)
    difference = np.abs(seen.numpy().astype(np.float64) - expected.numpy())
    return EngineDifference(float(difference.mean()), float(difference.max()), slow / fast, tile)


def _timed(estimate: Estimator, tile: Region) -> tuple[Float[torch.Tensor, "row col"], float]:
    """An estimate and the seconds it takes, the best of three."""
    seconds = []
    for _ in range(3):
        start = perf_counter()
        found = estimate(tile)
        seconds.append(perf_counter() - start)
    return found, min(seconds)
