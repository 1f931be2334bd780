"""The dataset cuts each patch where its corner says, normalises it, and turns input and target alike."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from port.bands import VARIANTS, Band, variant_bands
from port.dataset import SentinelPatchDataset, transformed
from port.normalisation import normalise, normalise_target
from port.patches import patch_grid
from port.recipes import Recipe, recipe
from port.regions import Region
from port.scenes import Scene
from port.stacks import BandStack

BORDER_PX = 8
PLAIN = recipe("corrected", reshuffle=False)


@pytest.fixture(scope="module")
def stack(synthetic_scene: Scene) -> Iterator[BandStack]:
    """The synthetic scene's band stack."""
    with BandStack(synthetic_scene) as opened:
        yield opened


def _dataset(stack: BandStack, chosen: Recipe, variant: str = "SOPTIIp", **settings: object) -> SentinelPatchDataset:
    patches = patch_grid(stack.scene.shape, side_px=33, stride_px=8, origin_px=0)
    return SentinelPatchDataset(
        stack, patches, bands=variant_bands(variant), recipe=chosen, border_px=BORDER_PX, **settings
    )


@pytest.mark.parametrize("variant", VARIANTS)
def test_patch_is_the_scenes_window(stack: BandStack, variant: str) -> None:
    """Input: the variant's bands of 33 x 33 px at the corner; target: NDVI at t of the central 17 x 17."""
    dataset = _dataset(stack, PLAIN, variant)
    row, col = (int(place) for place in dataset.patches[37])
    window = Region(row, row + 33, col, col + 33)
    bands = variant_bands(variant)
    inputs, target = dataset[37]
    assert np.array_equal(inputs, normalise(stack.scene.channels(window, bands), bands, "per-channel"))
    assert np.array_equal(target[0], normalise_target(stack.scene.target(window.grown(-8)), "per-channel"))


@pytest.mark.parametrize("scaling", ["per-channel", "all-by-1000", "none"])
def test_scaling_is_the_recipes(stack: BandStack, scaling: str) -> None:
    """The DEM is as stored but for the original's division of everything; NDVI as stored only without scaling."""
    inputs, target = _dataset(stack, recipe("corrected", scaling=scaling, reshuffle=False))[0]
    stored = stack.pixels[:, :33, :33]
    dem, ndvi = {"per-channel": (1, 1000), "all-by-1000": (1000, 1000), "none": (1, 1)}[scaling]
    assert np.array_equal(inputs[Band.DEM], stored[Band.DEM] / np.float32(dem))
    assert np.array_equal(inputs[Band.NDVI_AFTER], stored[Band.NDVI_AFTER] / np.float32(ndvi))
    assert np.array_equal(target[0], stored[9, 8:25, 8:25] / np.float32(ndvi))


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_precision_is_the_recipes(stack: BandStack, precision: str) -> None:
    """Patches come in the recipe's dtype."""
    inputs, target = _dataset(stack, recipe("corrected", precision=precision))[0]
    assert (inputs.dtype, target.dtype) == (getattr(torch, precision),) * 2


def test_batch_is_its_patches(stack: BandStack) -> None:
    """A batch stacks the single patches in the order asked."""
    dataset = _dataset(stack, recipe("tuned"))
    inputs, targets = dataset.batch([5, 0, 17])
    for place, index in enumerate((5, 0, 17)):
        assert torch.equal(inputs[place], dataset[index][0])
        assert torch.equal(targets[place], dataset[index][1])


def test_list_order_without_reshuffling(stack: BandStack) -> None:
    """The original's order: the list's, each epoch."""
    dataset = _dataset(stack, PLAIN)
    first = torch.cat([inputs for inputs, _ in dataset.batches(3)])
    assert torch.equal(first, dataset.batch(range(len(dataset)))[0])


def test_order_depends_on_seed_and_epoch_alone(stack: BandStack) -> None:
    """Two datasets of one seed agree at each epoch; epochs and seeds differ."""
    one, same, other = (_dataset(stack, recipe("tuned"), seed=seed) for seed in (4, 4, 5))

    def first_batch(dataset: SentinelPatchDataset, epoch: int) -> torch.Tensor:
        return next(iter(dataset.batches(epoch)))[0]

    first_batch(one, 8)  # what was asked before must not matter
    assert torch.equal(first_batch(one, 2), first_batch(same, 2))
    assert not torch.equal(first_batch(one, 2), first_batch(one, 3))
    assert not torch.equal(first_batch(one, 2), first_batch(other, 2))


@pytest.mark.parametrize(("last_batch", "sizes"), [("keep", [40, 40, 19]), ("drop", [40, 40])])
def test_incomplete_last_batch_is_the_recipes_choice(stack: BandStack, last_batch: str, sizes: list[int]) -> None:
    """99 patches in batches of 40: the last 19 are kept or dropped."""
    dataset = _dataset(stack, recipe("corrected", batch_size=40, last_batch=last_batch))
    assert len(dataset) == 99
    assert [len(inputs) for inputs, _ in dataset.batches(0)] == sizes


def test_each_patch_is_served_once_an_epoch(stack: BandStack) -> None:
    """A reshuffled epoch is a permutation of the patches."""
    dataset = _dataset(stack, recipe("corrected"))
    dataset.set_epoch(1)
    assert sorted(dataset.order) == list(range(len(dataset)))


def test_symmetries_are_the_squares_eight() -> None:
    """The eight numbers give eight different images with the same pixels."""
    image = np.arange(18.0).reshape(2, 3, 3)
    images = [transformed(image, number) for number in range(8)]
    assert np.array_equal(images[0], image)
    assert len({one.tobytes() for one in map(np.ascontiguousarray, images)}) == 8
    assert all(sorted(one[1].ravel()) == sorted(image[1].ravel()) for one in images)


def test_augmentation_turns_input_and_target_alike(stack: BandStack) -> None:
    """Every augmented patch is one symmetry of the plain one, the same for bands and target; all eight occur."""
    plain, turned = _dataset(stack, PLAIN, "OPTII"), _dataset(stack, recipe("tuned"), "OPTII", seed=1)
    seen = set()
    for index in range(len(plain)):
        (inputs, target), (inputs_turned, target_turned) = plain[index], turned[index]
        matching = [
            number
            for number in range(8)
            if np.array_equal(transformed(inputs.numpy(), number), inputs_turned)
            and np.array_equal(transformed(target.numpy(), number), target_turned)
        ]
        assert len(matching) == 1
        seen.add(matching[0])
    assert seen == set(range(8))


def test_validation_is_neither_augmented_nor_reshuffled(stack: BandStack) -> None:
    """Every epoch validates on the same patches, also where an incomplete last batch is dropped."""
    plain, kept = _dataset(stack, PLAIN), _dataset(stack, recipe("tuned", last_batch="drop"), trains=False)
    assert torch.equal(kept.batch(range(20))[0], plain.batch(range(20))[0])
    first, second = (np.concatenate(list(kept.batch_indices(epoch))) for epoch in (0, 1))
    assert np.array_equal(first, np.arange(len(first)))
    assert np.array_equal(second, first)


def test_torch_loader_serves_it(stack: BandStack) -> None:
    """It is a map-style dataset for torch's own loader."""
    inputs, targets = next(iter(DataLoader(_dataset(stack, PLAIN), batch_size=7)))
    assert inputs.shape == (7, 9, 33, 33)
    assert targets.shape == (7, 1, 17, 17)
