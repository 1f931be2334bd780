"""The random split takes the published counts; the block split shares no pixel between training and validation."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from port.errors import PatchError
from port.patches import patch_grid, valid_patches
from port.recipes import recipe
from port.splits import block_split, drawn_permutation, random_split, shuffled, split_patches

SIDE = 33


def _grid(rows: int, cols: int) -> np.ndarray:
    return patch_grid((rows, cols), side_px=SIDE, stride_px=8, origin_px=0)


def _pixels(patches: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """How many of the patches hold each pixel."""
    held = np.zeros(shape, dtype=int)
    for row, col in patches:
        held[row : row + SIDE, col : col + SIDE] += 1
    return held


def _corners(patches: np.ndarray) -> set[tuple[int, int]]:
    return {(int(row), int(col)) for row, col in patches}


def test_random_split_of_a_long_list_takes_15200_and_3800() -> None:
    """The first 19000 of the shuffled list are used: 15200 train, the next 3800 validate."""
    patches = np.stack([np.arange(20000), np.zeros(20000, dtype=int)], axis=1)
    permutation = np.random.default_rng(0).permutation(20000)
    split = random_split(patches, permutation=permutation, limit=19000, fraction=0.2)
    assert np.array_equal(split.training[:, 0], permutation[:15200])
    assert np.array_equal(split.validation[:, 0], permutation[15200:19000])


@pytest.mark.parametrize(("count", "validating"), [(15200, 0), (15300, 100), (36, 0)])
def test_random_split_of_a_short_list_all_trains(count: int, validating: int) -> None:
    """The published counts are fixed: the first 15200 train, whatever is left validates."""
    patches = np.stack([np.arange(count), np.zeros(count, dtype=int)], axis=1)
    split = random_split(patches, permutation=np.arange(count), limit=19000, fraction=0.2)
    assert (len(split.training), len(split.validation)) == (count - validating, validating)
    assert (split.note != "") == (validating == 0)


def test_random_split_without_a_limit_shares_all_patches() -> None:
    """Every patch is used once; the fraction validates."""
    patches = _grid(200, 200)
    split = random_split(patches, permutation=np.arange(len(patches)), limit=None, fraction=0.25)
    assert len(split.validation) == round(0.25 * len(patches))
    assert _corners(split.training) | _corners(split.validation) == _corners(patches)


@given(st.integers(90, 330), st.integers(90, 330), st.integers(0, 10**6), st.sampled_from([0.1, 0.2, 0.4]))
def test_block_split_shares_no_pixel(rows: int, cols: int, seed: int, fraction: float) -> None:
    """No pixel is in a training and in a validation patch; both are patches given, none twice."""
    invalid = np.random.default_rng(seed).uniform(size=(1, rows, cols)) < 1e-4
    patches = valid_patches(_grid(rows, cols), invalid, side_px=SIDE)
    split = block_split(patches, side_px=SIDE, fraction=fraction, seed=seed)
    both = np.minimum(_pixels(split.training, (rows, cols)), _pixels(split.validation, (rows, cols)))
    assert not both.any()
    assert _corners(split.training) | _corners(split.validation) <= _corners(patches)
    assert 2 * len(split.training) >= len(patches)
    assert (len(split.validation) == 0) == (split.note != "")


def test_block_split_validates_about_the_fraction() -> None:
    """On a scene large enough about a fifth validates and at least 70 % trains."""
    patches = _grid(1200, 1200)
    split = block_split(patches, side_px=SIDE, fraction=0.2, seed=0)
    assert 0.2 <= len(split.validation) / len(patches) < 0.25
    assert len(split.training) / len(patches) >= 0.7


def test_block_split_of_a_large_scene_is_spread() -> None:
    """The validation patches of a large scene lie in more than one block."""
    split = block_split(_grid(1200, 1200), side_px=SIDE, fraction=0.2, seed=0)
    quarters = {(row // 600, col // 600) for row, col in split.validation}
    assert quarters == set(product((0, 1), repeat=2))


def test_block_split_of_a_tiny_scene_all_trains_and_says_so() -> None:
    """60 x 100 px have 36 patches; a gap would take more than half, so none validates."""
    patches = _grid(60, 100)
    split = block_split(patches, side_px=SIDE, fraction=0.2, seed=0)
    assert (len(split.training), len(split.validation)) == (36, 0)
    assert "validation is empty" in split.note
    assert "of 36 would be left to train, less than half" in split.note


def test_no_fraction_no_validation() -> None:
    """A validation fraction of 0 trains on all patches."""
    split = block_split(_grid(200, 200), side_px=SIDE, fraction=0.0, seed=0)
    assert (len(split.training), split.note) == (len(_grid(200, 200)), "validation is empty: its fraction is 0")


@pytest.mark.parametrize("name", ["corrected", "original"])
def test_split_depends_on_its_seed_alone(name: str) -> None:
    """The same seed gives the same split, another seed another one."""
    chosen = recipe(name, batch_size=16)
    patches = _grid(1200, 1200)
    one, again, another = (split_patches(patches, chosen, seed=seed).training for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, another)


@pytest.mark.parametrize("name", ["corrected", "original"])
def test_fewer_patches_than_a_batch_are_refused(name: str) -> None:
    """The error holds both numbers and what to change."""
    with pytest.raises(PatchError, match=r"36 training patches are fewer than one batch of 37; choose a smaller --"):
        split_patches(_grid(60, 100), recipe(name, batch_size=37), seed=0)


@given(st.integers(2, 60), st.integers(0, 40), st.integers(0, 2**32))
def test_longer_permutation_uses_the_numbers_it_needs(count: int, more: int, seed: int) -> None:
    """A given permutation of more numbers shuffles n patches by those below n, in its order."""
    patches = np.stack([np.arange(count), np.zeros(count, dtype=int)], axis=1)
    permutation = np.random.default_rng(seed).permutation(count + more)
    assert list(shuffled(patches, permutation)[:, 0]) == [number for number in permutation if number < count]


@pytest.mark.parametrize("name", ["corrected", "original"])
def test_given_permutation_replaces_the_seed_s(name: str) -> None:
    """The seed's own permutation, given, changes nothing; another one does, whatever the seed (deviation 15)."""
    chosen = recipe(name, batch_size=16, patch_limit=100, validation_fraction=0.2)
    patches = _grid(400, 400)
    own = split_patches(patches, chosen, seed=1)
    same = split_patches(patches, chosen, seed=1, permutation=drawn_permutation(len(patches), 1))
    other = split_patches(patches, chosen, seed=1, permutation=np.arange(len(patches))[::-1].copy())
    assert np.array_equal(own.training, same.training)
    assert not np.array_equal(own.training, other.training)


@pytest.mark.parametrize("numbers", [[0, 1], [0, 0, 1], [0, 1, 3]], ids=["short", "twice", "missing"])
def test_permutation_of_other_numbers_is_refused(numbers: list[int]) -> None:
    """Each patch must be named once."""
    patches = np.zeros((3, 2), dtype=int)
    with pytest.raises(
        PatchError, match=rf"a permutation of {len(numbers)} numbers holds . below 3.*each of 0 to 2 once"
    ):
        shuffled(patches, np.array(numbers))
