"""Patches lie where the original's double loop puts them and are kept where no pixel is masked."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from port.errors import PatchError
from port.patches import excluding, is_clear, patch_grid, valid_patches
from port.regions import Region


@given(st.integers(1, 90), st.integers(1, 90), st.integers(17, 40), st.integers(1, 12), st.integers(0, 3))
def test_grid_is_the_double_loop(rows: int, cols: int, side: int, stride: int, origin: int) -> None:
    """`for i in range(origin, H - side + 1, stride): for j ...`, in that order; nothing left is an error."""
    expected = [(i, j) for i in range(origin, rows - side + 1, stride) for j in range(origin, cols - side + 1, stride)]
    if expected:
        actual = patch_grid((rows, cols), side_px=side, stride_px=stride, origin_px=origin)
        assert [tuple(corner) for corner in actual] == expected
    else:
        with pytest.raises(PatchError, match=f"{rows} rows x {cols} columns is too small for one patch of {side} x"):
            patch_grid((rows, cols), side_px=side, stride_px=stride, origin_px=origin)


def test_papers_scene_has_the_originals_count() -> None:
    """5253 x 4797 px, origin 1, stride 8: 653 x 596 patches before masking."""
    assert len(patch_grid((5253, 4797), side_px=33, stride_px=8, origin_px=1)) == 653 * 596


def test_scene_too_small_for_a_patch_is_refused() -> None:
    """The error holds the scene's size, the patch's, and the size needed."""
    with pytest.raises(PatchError, match=r"32 rows x 100 columns is too small .* 33 x 33 px from pixel 1; .* 34 x 34"):
        patch_grid((32, 100), side_px=33, stride_px=8, origin_px=1)


@given(st.integers(0, 2**32 - 1), st.floats(0, 0.02), st.integers(1, 9), st.integers(1, 5))
def test_clear_patches_equal_the_naive_loop(seed: int, share: float, side: int, stride: int) -> None:
    """A patch is clear exactly when no pixel of it is invalid."""
    invalid = np.random.default_rng(seed).uniform(size=(23, 31)) < share
    patches = patch_grid(invalid.shape, side_px=side, stride_px=stride, origin_px=0)
    naive = [not invalid[r : r + side, c : c + side].any() for r, c in patches]
    assert is_clear(patches, invalid, side_px=side).tolist() == naive


@pytest.mark.parametrize("date", [0, 1, 2])
def test_a_cloud_at_any_date_takes_the_patch(date: int) -> None:
    """One masked pixel at t-1, t or t+1 removes the patches that hold it, and only those."""
    invalid = np.zeros((3, 41, 41), dtype=bool)
    invalid[date, 0, 0] = True
    patches = patch_grid((41, 41), side_px=33, stride_px=8, origin_px=0)
    assert valid_patches(patches, invalid, side_px=33).tolist() == [[0, 8], [8, 0], [8, 8]]


def test_test_region_is_excluded_at_every_date() -> None:
    """The region's pixels become invalid at all dates; the masks given are not changed."""
    invalid = np.zeros((3, 20, 20), dtype=bool)
    excluded = excluding(invalid, Region(12, 20, 0, 20))
    assert not invalid.any()
    assert excluded[:, 12:].all()
    assert not excluded[:, :12].any()


def test_everything_masked_is_refused() -> None:
    """The error holds how many patches there were and how much is masked."""
    patches = patch_grid((50, 50), side_px=33, stride_px=8, origin_px=0)
    with pytest.raises(PatchError, match=r"none of 9 patches of 33 x 33 px .* \(2500 of 2500 px are masked"):
        valid_patches(patches, np.ones((3, 50, 50), dtype=bool), side_px=33)
