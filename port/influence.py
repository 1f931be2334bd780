"""A channel's influence on a trained network is the accuracy lost when its pixels are shuffled.

Shuffled over all sampled pixels, a channel keeps its values and loses their places. What the network drew from it is
lost; a channel that it never learned to use costs nothing (permutation importance, Breiman 2001, section 10).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64

from port.bands import SOURCES, Band
from port.errors import PatchError
from port.findings import Finding
from port.network import FusionCNN
from port.normalisation import normalise, normalise_target
from port.prediction import fed_bands, predictable
from port.recipes import Recipe
from port.regions import Region
from port.scale_audit import channel_name
from port.scenes import Scene

REPEATS = 5
"""Shuffles of each channel."""
UNUSED = 2e-3
"""Mean movement of the estimates, as a share of the mean absolute error, under which shuffling changes nothing.

Measured on a synthetic scene, SOPTIIp, 10 epochs: each channel's own scale, 0.026 (VH at t+1) to 1.1; all divided by
1000: sigma0 and DEM 1.6e-5 to 9.8e-5. The rise of the error itself does not separate: it can cancel.
"""
_TILE_PX = 64  # side of a sampled piece
_TILES = 16  # pieces sampled at most: 65536 px


@dataclass(frozen=True)
class Influence:
    """What shuffling a channel does, in the recipe's units of NDVI.

    `rise` and `spread`: mean and standard deviation, over the repeats, of the rise of the mean absolute error;
    `movement`: mean absolute difference of the estimates, which is never less than the rise.
    """

    rise: float
    spread: float
    movement: float


@dataclass(frozen=True)
class _Piece:
    """Part of the region with its halo: normalised inputs, where each is valid; the inner truth, where it is valid."""

    inputs: Float[np.ndarray, "channel row col"]
    clear: Bool[np.ndarray, "row col"]
    truth: Float[np.ndarray, "inner_row inner_col"]
    valid: Bool[np.ndarray, "inner_row inner_col"]


def influences(
    network: FusionCNN, scene: Scene, region: Region, *, variant: str, recipe: Recipe, seed: int = 0
) -> tuple[float, dict[Band, Influence]]:
    """The mean absolute error on the region's valid pixels, and each channel's influence on it.

    At most 16 pieces of 64 x 64 px are used, drawn by `seed`, which draws the shuffles too. NDVI is in the recipe's
    scaled units. The bands are those that prediction feeds.

    Raises:
        RegionError: the region leaves the scene, or holds no predictable pixel.
        PatchError: no pixel of it is valid.
    """
    generator = np.random.default_rng(seed)
    bands = fed_bands(variant, recipe)
    inner = predictable(region, scene.shape, recipe, network.border_px)
    pieces = list(_pieces(scene, inner, bands, recipe, network.border_px, generator))
    if not pieces:
        raise PatchError(
            f"no pixel of {inner} is valid at all three dates, so influence cannot be measured there; choose another "
            f"--test-region"
        )
    truth = np.concatenate([piece.truth[piece.valid] for piece in pieces])
    estimate = _estimates(network, pieces, [piece.inputs for piece in pieces])
    base = float(np.abs(estimate - truth).mean())
    found = {}
    for channel, band in enumerate(bands):
        changed = [_estimates(network, pieces, _shuffled(pieces, channel, generator)) for _ in range(REPEATS)]
        rises = [float(np.abs(other - truth).mean()) - base for other in changed]
        movement = float(np.mean([np.abs(other - estimate).mean() for other in changed]))
        found[band] = Influence(float(np.mean(rises)), float(np.std(rises, ddof=1)), movement)
    return base, found


def unused(base: float, found: dict[Band, Influence]) -> Iterator[Finding]:
    """The channels whose shuffling changes nothing."""
    for band, influence in found.items():
        if influence.movement < UNUSED * base:
            yield Finding(
                id="channel-unused",
                severity="warning",
                where=channel_name(SOURCES[band]),
                text=(
                    f"can be shuffled and the estimates move by {influence.movement:.1e} only, less than "
                    f"{100 * UNUSED:g} % of their mean absolute error {base:.4f}: the trained network does not use it; "
                    f"train with a scaling that shows it, or a variant without it"
                ),
            )


def _pieces(
    scene: Scene, inner: Region, bands: Sequence[Band], recipe: Recipe, border_px: int, generator: np.random.Generator
) -> Iterator[_Piece]:
    """Pieces of a region that have a valid pixel, in an order drawn by lot."""
    tiles = list(inner.tiles(_TILE_PX))
    drawn = 0
    for number in generator.permutation(len(tiles)):
        tile = tiles[number]
        valid = np.asarray(~scene.masks(tile).any(axis=0))
        if drawn == _TILES or not valid.any():
            continue
        drawn += 1
        outer = tile.grown(border_px)
        stored = scene.channels(outer, bands).astype(recipe.precision)
        yield _Piece(
            inputs=normalise(stored, bands, recipe.scaling),
            clear=np.asarray(~scene.masks(outer).any(axis=0)),
            truth=normalise_target(scene.target(tile), recipe.scaling),
            valid=valid,
        )


def _shuffled(
    pieces: Sequence[_Piece], channel: int, generator: np.random.Generator
) -> list[Float[np.ndarray, "channel _ _"]]:
    """The pieces' inputs with one channel's valid pixels in another order, over all pieces together."""
    pool = np.concatenate([piece.inputs[channel][piece.clear] for piece in pieces])
    parts = np.split(generator.permutation(pool), np.cumsum([piece.clear.sum() for piece in pieces])[:-1])
    changed = [piece.inputs.copy() for piece in pieces]
    for inputs, piece, part in zip(changed, pieces, parts, strict=True):
        inputs[channel][piece.clear] = part
    return changed


def _estimates(
    network: FusionCNN, pieces: Sequence[_Piece], inputs: Sequence[Float[np.ndarray, "channel _ _"]]
) -> Float64[np.ndarray, "pixel"]:
    """What the network makes of the inputs, at the valid pixels of all pieces."""
    network.eval()
    estimates = []
    for piece, given in zip(pieces, inputs, strict=True):
        with torch.inference_mode():
            estimate = network(torch.from_numpy(given)[None].contiguous(memory_format=torch.channels_last))
        estimates.append(estimate[0, 0].numpy()[piece.valid])
    return np.concatenate(estimates).astype(np.float64)
