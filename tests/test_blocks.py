"""A dense pass over a block gives the loss and gradients of its patches, whatever patches are missing."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from port.bands import variant_bands
from port.blocks import BlockDataset, block_side
from port.dataset import SentinelPatchDataset, transformed
from port.engines import forward_by
from port.initialisation import initialise
from port.network import make_network
from port.patches import patch_grid
from port.recipes import Recipe, recipe
from port.scenes import Scene
from port.stacks import BandStack
from port.training import batch_loss

EXACT = {"precision": "float64", "reshuffle": False}


@pytest.fixture(scope="module")
def stack(synthetic_scene: Scene) -> Iterator[BandStack]:
    """The synthetic scene's band stack, 120 x 104 px: 11 x 9 patches."""
    with BandStack(synthetic_scene) as opened:
        yield opened


def dataset(stack: BandStack, chosen: Recipe, kept: np.ndarray | None = None, **given: object) -> SentinelPatchDataset:
    """The scene's patches, or those of them that are kept, with all nine bands."""
    patches = patch_grid(stack.scene.shape, side_px=33, stride_px=chosen.stride_px, origin_px=chosen.patch_origin_px)
    patches = patches if kept is None else patches[kept]
    return SentinelPatchDataset(stack, patches, bands=variant_bands("SOPTIIp"), recipe=chosen, border_px=8, **given)


def gradients(chosen: Recipe, batch: object) -> tuple[float, int, torch.Tensor]:
    """Loss, patches, and the gradient of all weights of a network with trained-scale weights."""
    network = make_network("SOPTIIp", chosen)
    initialise(network, "pytorch", seed=3)
    loss, size = batch_loss(forward_by(network), batch)
    found = torch.autograd.grad(loss, list(network.parameters()))
    return loss.item(), size, torch.cat([part.ravel() for part in found])


@pytest.mark.parametrize(("batch_size", "side"), [(1, 1), (3, 1), (4, 2), (8, 2), (63, 7), (64, 8), (128, 8), (999, 8)])
def test_blocks_are_as_large_as_a_batch_allows(batch_size: int, side: int) -> None:
    """At most 8 x 8 patches, for larger ones gain little and make batches of one place."""
    assert block_side(batch_size) == side


@given(seed=st.integers(0, 10**6), share=st.floats(0.2, 1), batch_size=st.sampled_from([1, 4, 9, 30]))
def test_dense_loss_and_gradients_are_those_of_the_patches(
    seed: int, share: float, batch_size: int, stack: BandStack
) -> None:
    """Whatever patches are left out: in float64 to 1e-12 of the largest gradient."""
    generator = np.random.default_rng(seed)
    kept = generator.permutation(99)[: max(1, round(99 * share))]
    chosen = recipe(batch_size=batch_size, **EXACT)
    patches = dataset(stack, chosen, kept)
    blocks = BlockDataset(patches)
    number = int(generator.integers(0, 3))
    items = list(blocks.batch_items(0))[number % len(list(blocks.batch_items(0)))]
    indices = list(blocks.batch_indices(0))[number % len(list(blocks.batch_items(0)))]
    dense, alone = gradients(chosen, blocks.batch(items)), gradients(chosen, patches.batch(indices))
    assert dense[1] == alone[1] == len(indices)
    assert abs(dense[0] - alone[0]) <= 1e-12 * alone[0]
    assert (dense[2] - alone[2]).abs().max() <= 1e-12 * alone[2].abs().max()


@pytest.mark.parametrize("stride", [1, 5, 16, 40])
def test_any_stride(stack: BandStack, stride: int) -> None:
    """Patches that hardly overlap, or not at all, or by all but a pixel."""
    chosen = recipe(batch_size=4, stride_px=stride, patch_origin_px=1, **EXACT)
    patches = dataset(stack, chosen)
    blocks = BlockDataset(patches)
    items, indices = next(blocks.batch_items(0)), next(blocks.batch_indices(0))
    dense, alone = gradients(chosen, blocks.batch(items)), gradients(chosen, patches.batch(indices))
    assert (dense[2] - alone[2]).abs().max() <= 1e-12 * alone[2].abs().max()


@given(seed=st.integers(0, 10**6), batch_size=st.integers(1, 80))
def test_an_epoch_holds_each_patch_once(seed: int, batch_size: int, stack: BandStack) -> None:
    """Batches are whole blocks, at least as many patches as asked but in the last."""
    patches = dataset(stack, recipe(batch_size=batch_size), np.random.default_rng(seed).permutation(99)[:70], seed=seed)
    blocks = BlockDataset(patches)
    batches = list(blocks.batch_indices(5))
    assert sorted(np.concatenate(batches)) == list(range(70))
    assert all(len(batch) >= batch_size for batch in batches[:-1])
    assert [len(batch) for batch in batches] == [blocks.patch_count(items) for items in blocks.batch_items(5)]


def test_an_incomplete_last_batch_is_dropped_where_the_recipe_says(stack: BandStack) -> None:
    """As with patches: what does not come to a batch is not trained on."""
    kept, dropped = (
        list(BlockDataset(dataset(stack, recipe(batch_size=64, last_batch=last))).batch_indices(0))
        for last in ("keep", "drop")
    )
    assert len(dropped) == len(kept) - 1
    assert len(kept[-1]) < 64


def test_blocks_follow_the_list_where_nothing_is_reshuffled(stack: BandStack) -> None:
    """The first batch holds the block of the list's first patch."""
    chosen = recipe(batch_size=4, **EXACT)
    blocks = BlockDataset(dataset(stack, chosen, np.array([50, 0, 49, 1])))
    assert next(blocks.batch_indices(0)).tolist() == [0, 2, 1, 3]


def test_epochs_have_orders_of_their_own(stack: BandStack) -> None:
    """Two epochs differ, one asked again is the same."""
    blocks = BlockDataset(dataset(stack, recipe(batch_size=4)))
    orders = [np.concatenate(list(blocks.batch_items(epoch))).tolist() for epoch in (0, 1, 0)]
    assert orders[0] == orders[2] != orders[1]


def test_what_no_patch_sees_is_zero(stack: BandStack) -> None:
    """A lone patch in its block: the rest is neither fed nor weighted."""
    chosen = recipe(batch_size=64, **EXACT)
    inputs, targets, weights, patches = BlockDataset(dataset(stack, chosen, np.array([12]))).batch([0])
    assert patches == 1
    assert inputs.shape[-2:] == (89, 89)
    assert targets.shape == weights.shape == (1, 1, 73, 73)
    assert inputs[0, 0].count_nonzero() <= 33**2
    assert weights.count_nonzero() == 17**2
    assert abs(weights.sum().item() - 1) < 1e-12


def test_blocks_are_turned_whole(stack: BandStack) -> None:
    """Each augmented block, its targets and weights are one symmetry of the plain one; several occur."""
    plain = BlockDataset(dataset(stack, recipe("tuned", batch_size=16, augmentation="none")))
    turned = BlockDataset(dataset(stack, recipe("tuned", batch_size=16), seed=1))
    list(turned.batch_items(2))
    seen = set()
    for number in range(len(plain.corners)):
        before, after = plain.batch([number]), turned.batch([number])
        matching = [
            symmetry
            for symmetry in range(8)
            if all(
                np.array_equal(transformed(one[0].numpy(), symmetry), other[0].numpy())
                for one, other in zip(before[:3], after[:3], strict=True)
            )
        ]
        assert matching
        seen.update(matching)
    assert len(seen) > 4


def test_no_patches_make_no_batch(stack: BandStack) -> None:
    """An empty validation set."""
    blocks = BlockDataset(dataset(stack, recipe(), np.array([], dtype=int)))
    assert len(blocks) == 0
    assert list(blocks.batches(0)) == []
