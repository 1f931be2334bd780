"""Prediction runs the network over a region by tiles, each read with the border that the network loses around it."""

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from math import prod
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from port.bands import Band, published_test_bands, variant_bands
from port.engines import DEFAULT, EngineName, forward_by
from port.errors import RegionError
from port.network import FusionCNN
from port.normalisation import normalise
from port.raster_writer import RasterWriter
from port.rasters import modest_cache
from port.recipes import Recipe
from port.regions import Region
from port.scenes import Scene
from port.weights_digest import weights_digest
from port.workers import in_order

TILE_PX = 256
"""Side of a tile: 256 px hold the widest layer's 48 maps in 12 MiB of float32."""

Tile = tuple[Region, Float[torch.Tensor, "row col"]]
Estimator = Callable[[Region], Float[torch.Tensor, "row col"]]


def fed_bands(variant: str, recipe: Recipe) -> tuple[Band, ...]:
    """The bands a variant is fed at prediction: as trained, or as the public test script has them."""
    return published_test_bands(variant) if recipe.test_bands == "published" else variant_bands(variant)


def predictable(region: Region, shape: tuple[int, int], recipe: Recipe, border_px: int) -> Region:
    """The pixels of a region that can be estimated in a scene of this shape.

    "halo": those at least `border_px` from the scene's edge. "crop": the region is cut out first, so those at least
    `border_px` from its own edge.

    Raises:
        RegionError: the region leaves the scene, or holds no such pixel.
    """
    outer = region.within(shape) if recipe.border == "crop" else Region.whole(shape)
    if min(outer.shape) <= 2 * border_px:
        what = f"region {region}" if recipe.border == "crop" else "the scene"
        raise RegionError(
            f"{what} has {outer.shape[0]} rows x {outer.shape[1]} columns, but the network loses {border_px} px on "
            f"each side: at least {2 * border_px + 1} x {2 * border_px + 1} are needed; choose a larger one"
        )
    region.within(shape)
    inner = outer.grown(-border_px)
    try:
        return region.intersection(inner)
    except RegionError as error:
        raise RegionError(
            f"region {region} lies within {border_px} px of the scene's edge, where nothing can be estimated; choose "
            f"one that reaches into {inner}"
        ) from error


def predict(
    network: FusionCNN,
    scene: Scene,
    *,
    bands: Sequence[Band],
    recipe: Recipe,
    region: Region,
    tile_px: int = TILE_PX,
    engine: EngineName = DEFAULT,
    workers: int | None = None,
) -> Generator[Tile, None, None]:
    """Tiles of estimated NDVI, in the units of the recipe's scaling, that touch each predictable pixel once.

    Each tile is read and computed by one of so many workers (default: PyTorch's threads), on one thread: their number
    changes nothing. Any tiling gives the same numbers, but for the rounding of sums. Masked pixels are estimated too,
    from what is stored there. Close the generator if it is not used up: its workers and files stay until then.

    Raises:
        RegionError: the region leaves the scene, or holds no predictable pixel.
        SceneError: a band cannot be read or holds NaN.
    """
    tiles = predictable(region, scene.shape, recipe, network.border_px).tiles(tile_px)
    with scene.held(bands) as held:
        estimate = estimator(network, held, bands=bands, recipe=recipe, engine=engine)
        with closing(in_order(estimate, tiles, workers=workers or torch.get_num_threads())) as done:
            yield from done


def estimator(
    network: FusionCNN, scene: Scene, *, bands: Sequence[Band], recipe: Recipe, engine: EngineName = DEFAULT
) -> Estimator:
    """A function that gives a tile's estimate, read with its halo from the scene; for any thread if that is held."""
    network.eval()
    forward = forward_by(network, engine)

    def estimate(tile: Region) -> Float[torch.Tensor, "row col"]:
        stored = stored_input(scene, tile.grown(network.border_px), bands, recipe)
        with torch.inference_mode():
            return forward(torch.from_numpy(normalise(stored, bands, recipe.scaling)))[0, 0]

    return estimate


def stored_input(
    scene: Scene, region: Region, bands: Sequence[Band], recipe: Recipe
) -> Float[np.ndarray, "1 channel row col"]:
    """A region as a batch of one, in stored units and the recipe's precision."""
    stored: np.ndarray = scene.channels(region, bands).astype(recipe.precision, copy=False)[None]
    return stored


def write_prediction(
    path: Path,
    network: FusionCNN,
    scene: Scene,
    *,
    variant: str,
    recipe: Recipe,
    region: Region,
    tile_px: int = TILE_PX,
    engine: EngineName = DEFAULT,
    workers: int | None = None,
    on_tile: Callable[[int, int], None] = lambda done, total: None,
) -> Region:
    """Write the estimate of a region as a GeoTIFF; unpredictable pixels are NaN. Gives the region written.

    "halo" writes the whole region, "crop" the smaller one that is left. Georeference "scene" places it on the scene's
    grid and tags it, "bare" writes pixels alone. Tiles are written while others are read and computed (see `predict`).
    `on_tile` is told the pixels done and their total: none at first, then after each tile.

    Raises:
        RegionError, SceneError: see `predict`.
        OutputError: the file exists or cannot be written; nothing is left of it.
    """
    inner = predictable(region, scene.shape, recipe, network.border_px)
    written = inner if recipe.border == "crop" else region
    tags, georeference = prediction_tags(network, variant, recipe, engine), recipe.georeference
    tiles = predict(
        network,
        scene,
        bands=fed_bands(variant, recipe),
        recipe=recipe,
        region=region,
        tile_px=tile_px,
        engine=engine,
        workers=workers,
    )
    with modest_cache(), RasterWriter(path, scene.grid, written, tags=tags, georeference=georeference) as writer:
        done, total = 0, prod(inner.shape)
        on_tile(done, total)
        with closing(tiles):
            for tile, estimate in tiles:
                writer.write(tile, estimate.numpy())
                done += prod(tile.shape)
                on_tile(done, total)
    return written


def prediction_tags(network: FusionCNN, variant: str, recipe: Recipe, engine: EngineName) -> dict[str, str]:
    """What a prediction is, and what it was made with and how."""
    return {
        "QUANTITY": "NDVI at t, estimated",
        "UNITS": units(recipe),
        "VARIANT": variant,
        "RECIPE": recipe.name,
        "CHECKPOINT": weights_digest(network),
        "ENGINE": engine,
    }


def units(recipe: Recipe) -> str:
    """What the numbers of a prediction mean."""
    return "NDVI as the scene stores it" if recipe.scaling == "none" else "NDVI in [-1, 1]"
