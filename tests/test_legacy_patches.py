"""The witness's patch list, split, batches, cuts and metrics, on small arrays."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from legacy import metrics, patches
from legacy.trace import BadInput


def test_a_mask_is_what_is_stored_and_the_test_region() -> None:
    """Any stored value but 0 excludes; the region's last row and column are those before its ends."""
    stored = np.array([[0, 1, 0, 0], [0, 0, 0, 255], [7, 0, 0, 0]], np.uint8)
    actual = patches.exclude(stored, [1, 3, 1, 3])
    np.testing.assert_array_equal(actual, [[0, 1, 0, 0], [0, 1, 1, 1], [1, 1, 1, 0]])
    assert actual.dtype == np.uint8


def test_corners_start_at_the_origin_and_end_where_the_last_patch_fits() -> None:
    """A scene of 12 x 9 with side 4, stride 3: rows 1, 4, 7 (7 + 4 = 11), columns 1, 4, row by row."""
    clear = np.zeros((12, 9), np.uint8)
    actual = patches.clear_patches([clear], 4, 3, 1)
    assert actual.tolist() == [[1, 1], [1, 4], [4, 1], [4, 4], [7, 1], [7, 4]]
    assert actual.dtype == np.int64
    assert patches.clear_patches([clear], 4, 3, 0).tolist()[-1] == [6, 3]
    assert patches.clear_patches([clear], 12, 3, 1).shape == (0, 2)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 99), st.integers(2, 6), st.integers(1, 5), st.integers(0, 2))
def test_a_patch_is_kept_where_no_mask_has_anything(seed: int, side: int, stride: int, origin: int) -> None:
    """Counted another way: by sums over rectangles of the masks' cumulative sum."""
    masks = (np.random.default_rng(seed).random((3, 14, 17)) > 0.99).astype(np.uint8)
    total = np.pad(masks.sum(0, dtype=int).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    rows, cols = np.mgrid[origin : 15 - side : stride, origin : 18 - side : stride].reshape(2, -1)
    inside = total[rows + side, cols + side] - total[rows, cols + side] - total[rows + side, cols] + total[rows, cols]
    expected = np.stack([rows, cols], 1)[inside == 0]
    np.testing.assert_array_equal(patches.clear_patches(list(masks), side, stride, origin), expected)


def test_a_longer_permutation_shuffles_by_its_small_numbers() -> None:
    """Of 4 0 3 1 2 three patches take 0 1 2; fewer numbers than patches are refused."""
    corners = np.array([[1, 1], [1, 9], [9, 1]])
    assert patches.shuffle(corners, np.array([4, 1, 3, 0, 2])).tolist() == [[1, 9], [1, 1], [9, 1]]
    with pytest.raises(BadInput, match="has 2 numbers for 3 clear patches, expected at least as many"):
        patches.shuffle(corners, np.array([1, 0]))


def test_a_fifth_of_the_limit_validates() -> None:
    """As published of 19000, and the nearest whole number of less; none of one."""
    found = [patches.shares(limit) for limit in (19000, 36, 23, 8, 1)]
    assert found == [(15200, 3800), (29, 7), (18, 5), (6, 2), (1, 0)]


def test_batches_come_in_list_order_each_epoch_and_whole() -> None:
    """Seven patches in threes: the last is never used."""
    actual = patches.batch_order(7, 3, 2)
    assert actual.tolist() == [[0, 1, 2], [3, 4, 5], [0, 1, 2], [3, 4, 5]]
    assert actual.dtype == np.int64


def test_less_than_a_batch_is_refused() -> None:
    """Where the original divides by zero."""
    with pytest.raises(BadInput, match=r"2 training patches are fewer than a batch of 3.*division by zero"):
        patches.batch_order(2, 3, 1)


def test_the_border_is_a_whole_number() -> None:
    """8, not 8.0: an image is indexed by it."""
    assert repr(patches.border([9, 5, 5])) == "8"


def test_a_cut_takes_the_patch_less_its_margin() -> None:
    """Images in the order given, patches in the order of their corners, cast."""
    image = np.arange(20)[:, None] * 100 + np.arange(30)
    actual = patches.cut([image, -image], np.array([[2, 5], [7, 11]]), 5, 2, np.dtype("float32"))
    assert actual.tolist() == [[[[407]], [[-407]]], [[[913]], [[-913]]]]
    assert actual.dtype == np.float32
    assert patches.cut([image], np.zeros((0, 2), int), 5, 1, np.dtype("float64")).shape == (0, 1, 3, 3)


def test_a_crop_is_one_image_of_all_channels() -> None:
    """Rows 1 to 2, columns 3 to 5."""
    image = np.arange(7)[:, None] * 10 + np.arange(8)
    assert patches.crop([image], [1, 3, 3, 6], np.dtype("float64")).tolist() == [[[[13, 14, 15], [23, 24, 25]]]]


def test_psnr_is_of_the_peak_told() -> None:
    """A mean square of 4 under a peak of 20 is 20 dB, under one of 2 it is 0; nothing wrong is infinite."""
    estimate, truth = np.array([1, 2], np.float32), np.array([3, 0], np.float32)
    found = [metrics.peak_signal_to_noise_ratio(estimate, truth, peak) for peak in (20, 2.0)]
    assert found == [20, 0]
    assert [(array.dtype.name, array.shape) for array in found] == 2 * [("float64", ())]
    assert metrics.peak_signal_to_noise_ratio(truth, truth, metrics.PEAK) == np.inf


def test_metrics_are_the_textbook_s_in_float64() -> None:
    """Errors 0, -2 and 1, deviations whose products sum to half of what their squares do."""
    estimate, truth = np.array([1, 2, 4], np.float32), np.array([1, 4, 3], np.float32)
    found = [of(estimate, truth) for of in (metrics.mean_absolute_error, metrics.root_mean_square_error)]
    assert found == [1.0, (5 / 3) ** 0.5]
    correlation = metrics.correlation(estimate, truth)
    # deviations -4/3 -1/3 5/3 and -5/3 4/3 1/3: products sum to 7/3, squares to 14/3 each
    assert abs(correlation - 0.5) < 1e-15
    assert {array.dtype for array in (*found, correlation)} == {np.dtype("float64")}
    assert {array.shape for array in (*found, correlation)} == {()}
