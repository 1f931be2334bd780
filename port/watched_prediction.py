"""A watched prediction is the product's own, tile by tile: what its network was fed, and every stage of it, whole."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from port.bands import Band
from port.network import FusionCNN
from port.prediction import predict, predictable
from port.recipes import Recipe
from port.regions import Region
from port.scenes import Scene
from port.workers import in_order

INPUT = "selected"
"""The name of what the network is fed."""
Stages = dict[str, Float[Tensor, "1 _ _ _"]]


def tile_px(region: Region) -> int:
    """Two thirds of a region's shorter side: several tiles, and mostly smaller ones at the end of rows and columns."""
    return max(1, 2 * min(region.shape) // 3)


def watched_prediction(
    network: FusionCNN, scene: Scene, *, bands: Sequence[Band], recipe: Recipe, region: Region
) -> Stages:
    """The input and every stage of a predicted region, the tiles laid side by side; NaN where there was none.

    The output is what `predict` gave; input and stages reach beyond a tile by the border that is still to be lost, and
    where tiles overlap the later counts. One worker: what it was fed last is the tile's that it gives.
    """
    inner = predictable(region, scene.shape, recipe, network.border_px)
    side = tile_px(inner)
    tiles = predict(network, scene, bands=bands, recipe=recipe, region=region, tile_px=side, workers=1)
    images: Stages = {}
    with _listening(network) as fed:
        for tile, estimate in tiles:
            ((_, stages),) = in_order(partial(_stages, network), [fed[-1]], workers=1)  # on one thread, as the tile was
            for stage, value in {INPUT: fed[-1], **stages, "output": estimate[None, None]}.items():
                _lay(images, stage, value, tile, inner)
    return images


@torch.no_grad()
def _stages(network: FusionCNN, image: Float[Tensor, "1 channel row col"]) -> Stages:
    """Every stage of the network on an image."""
    return network.stages(image)


@contextmanager
def _listening(network: FusionCNN) -> Iterator[list[Tensor]]:
    """A list to which all that the network is fed is added."""
    fed: list[Tensor] = []

    def keep(_network: torch.nn.Module, arguments: tuple[Any, ...]) -> None:
        fed.append(arguments[0].detach().clone())

    hook = network.register_forward_pre_hook(keep)
    try:
        yield fed
    finally:
        hook.remove()


def _lay(images: Stages, stage: str, value: Float[Tensor, "1 _ _ _"], tile: Region, inner: Region) -> None:
    """Put a tile's stage, which may reach beyond the tile, in its place in the whole."""
    margin = (value.shape[-1] - tile.shape[1]) // 2
    whole = inner.grown(margin)
    if stage not in images:
        images[stage] = value.new_full((1, value.shape[1], *whole.shape), torch.nan)
    rows, cols = tile.grown(margin).relative_to(whole).slices
    images[stage][..., rows, cols] = value
