"""Probe set `trained`: the product's own network, shortly trained on a synthetic scene, and patches of that scene."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from parity_tests.probes import BATCH, BATCHES, SIDES_PX, STORED
from port.bands import Band, variant_bands
from port.dataset import SentinelPatchDataset
from port.initialisation import initialise
from port.lasagne_weights import from_state
from port.network import BORDER_PX, make_network
from port.patches import patch_grid, valid_patches
from port.recipes import recipe
from port.scenes import Scene
from port.stacks import BandStack
from port.synthetic import write_synthetic_scene
from port.training import make_optimiser, train

SCENE_PX = (96, 96)
EPOCHS = 8
SEED = 2


def trained_probes(variants: list[str], directory: Path) -> dict[str, Mapping[str, np.ndarray]]:
    """Request entries (weight/*, patches/raw, targets/raw) by variant.

    The patches hold what the network saw, times 1000: the original divides every channel by it.
    """
    scene = Scene.open(write_synthetic_scene(directory / "scene", size_px=SCENE_PX, seed=SEED))
    with BandStack(scene) as stack:
        seen = _patches(stack, scene)
        return {variant: {**_weights(variant, stack, scene), **seen} for variant in variants}


def _corners(scene: Scene) -> np.ndarray:
    chosen = recipe()
    grid = patch_grid(scene.shape, side_px=chosen.patch_side_px, stride_px=chosen.stride_px, origin_px=0)
    return valid_patches(grid, scene.invalid(), side_px=chosen.patch_side_px)


def _dataset(stack: BandStack, scene: Scene, bands: tuple[Band, ...]) -> SentinelPatchDataset:
    return SentinelPatchDataset(
        stack, _corners(scene), bands=bands, recipe=recipe(epochs=EPOCHS), border_px=BORDER_PX, seed=SEED
    )


def _weights(variant: str, stack: BandStack, scene: Scene) -> dict[str, np.ndarray]:
    chosen = recipe(epochs=EPOCHS)
    network = make_network(variant, chosen)
    initialise(network, chosen.initialisation, seed=SEED)
    patches = _dataset(stack, scene, variant_bands(variant))
    for _ in train(network, patches, patches, chosen, optimiser=make_optimiser(chosen, network.parameters())):
        pass
    names = [f"weight/conv{number}/{kind}" for number in (1, 2, 3) for kind in "Wb"]
    return dict(zip(names, from_state(network.state_dict()), strict=True))


def _patches(stack: BandStack, scene: Scene) -> dict[str, np.ndarray]:
    """Whole patches cut to the probe set's size, and the target's inner pixels."""
    inputs, targets = _dataset(stack, scene, tuple(Band)).batch(np.arange(BATCHES * BATCH + 1))
    rows, cols = SIDES_PX["trained"]
    raw = inputs.numpy()[:, :, :rows, :cols] * STORED
    inner = targets.numpy()[:, :, : rows - 2 * BORDER_PX, : cols - 2 * BORDER_PX] * STORED
    return {"patches/raw": raw, "targets/raw": inner}
