"""NDVI is stored x 1000 or in [-1, 1]; a recipe whose divisor suits the other kind would silently estimate nonsense."""

import numpy as np

from port.bands import SOURCES, Band
from port.normalisation import target_divisor
from port.recipes import Recipe
from port.scenes import Scene

_STRIP_PX = 256  # rows read at once
_LARGEST_UNSCALED = 2.0  # no NDVI in [-1, 1] comes near; NDVI x 1000 of any land exceeds it


def scale_remark(scene: Scene, recipe: Recipe) -> str:
    """What is the matter if NDVI at t-1, as stored, does not suit the recipe's scaling; empty if it does.

    Raises:
        SceneError: a band cannot be read or holds NaN.
    """
    source = SOURCES[Band.NDVI_BEFORE]
    largest = max(float(np.abs(scene.read(source, strip)).max()) for strip in scene.region.strips(_STRIP_PX))
    divisor = target_divisor(recipe.scaling)
    name = scene.rasters[source].path.name
    if divisor == 1 and largest > _LARGEST_UNSCALED:
        return (
            f"{name} reaches {largest:g}, so NDVI is stored x 1000, but scaling 'none' (recipe {recipe.name}) feeds it "
            f"as it is: the public program expects NDVI in [-1, 1], and diverges or gives a constant otherwise; store "
            f"NDVI in [-1, 1], or set another scaling"
        )
    if divisor != 1 and 0 < largest <= _LARGEST_UNSCALED:
        return (
            f"{name} reaches only {largest:g}, so NDVI seems to be stored in [-1, 1], but scaling {recipe.scaling!r} "
            f"divides it by {divisor:g}; store NDVI x 1000, or set scaling 'none'"
        )
    return ""
