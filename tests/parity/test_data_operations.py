"""Each operation of the data path against loops written out, to the last bit; inputs that cannot be are refused."""

import math
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity import data_operations as path
from parity import operations
from parity.errors import ParityError
from parity.graph import Node
from parity.reference import compute


def raster(rows: int, cols: int, seed: int = 0) -> np.ndarray:
    """Whole numbers that tell their place."""
    return np.random.default_rng(seed).integers(-30_000, 30_000, (rows, cols)).astype(np.int16)


def cloudy(rows: int, cols: int, share: float, seed: int = 0) -> np.ndarray:
    """A mask with 255 where it is not 0."""
    return np.where(np.random.default_rng(seed).random((rows, cols)) < share, 255, 0).astype(np.uint8)


def exact(expected: object, actual: np.ndarray, dtype: str) -> None:
    """Fail unless values, shape and dtype are those."""
    assert actual.dtype == dtype
    assert actual.tolist() == np.asarray(expected).tolist()


def test_test_region_and_what_is_stored_are_excluded() -> None:
    """Any value but 0 becomes 1, and so does the region, whose ends are not in it."""
    mask = cloudy(7, 9, 0.3)
    expected = [[1 if mask[r, c] != 0 or (2 <= r < 5 and 6 <= c < 9) else 0 for c in range(9)] for r in range(7)]
    exact(expected, path.exclude(mask, region=[2, 5, 6, 9]), "uint8")


def test_declared_nodata_is_excluded() -> None:
    """A raster's own value, or NaN where that is None, in each its own."""
    clear, values = np.zeros((1, 4), np.uint8), np.array([[3, 7, 0, 3]], np.int16)
    radar = np.array([[0, 1, np.nan, 7]], np.float32)
    exact([[1, 0, 1, 1]], path.exclude(clear, values, radar, region=[0, 0, 0, 0], nodata=[3, None]), "uint8")


def clear(masks: list[np.ndarray], side: int, stride: int, origin: int) -> list[list[int]]:
    """Corners by looking at every pixel of every patch."""
    rows, cols = masks[0].shape
    return [
        [row, col]
        for row in range(origin, rows - side + 1, stride)
        for col in range(origin, cols - side + 1, stride)
        if not any(mask[row + i, col + j] for mask in masks for i in range(side) for j in range(side))
    ]


@given(st.integers(1, 14), st.integers(1, 14), st.integers(1, 5), st.integers(1, 4), st.integers(0, 2), st.integers())
def test_clear_patches_are_those_of_loops(rows: int, cols: int, side: int, stride: int, origin: int, seed: int) -> None:
    """For any sizes, also where no patch fits, the corners are those on the grid without a masked pixel."""
    masks = [cloudy(rows, cols, 0.06, abs(seed) + number) for number in range(3)]
    found = path.clear_patches(*masks, side=side, stride=stride, origin=origin)
    assert (found.dtype, found.shape[1:]) == (np.int64, (2,))
    assert found.tolist() == clear(masks, side, stride, origin)


def test_last_patch_ends_at_the_edge() -> None:
    """A patch whose last row is the raster's is kept; the next corner is not on the grid."""
    found = path.clear_patches(np.zeros((9, 5), np.uint8), side=4, stride=4, origin=1)
    assert found.tolist() == [[1, 1], [5, 1]]


def test_shuffle_takes_the_numbers_below_the_count() -> None:
    """A permutation of more numbers than there are corners is one of the corners too."""
    corners = np.array([[1, 1], [1, 9], [9, 1]])
    exact([[9, 1], [1, 1], [1, 9]], path.shuffle(corners, np.array([4, 2, 0, 3, 1])), "int64")


@pytest.mark.parametrize("numbers", [[0, 1], [0, 1, 1, 2], [0, 0, 1]], ids=["short", "twice", "missing"])
def test_what_is_no_permutation_is_refused(numbers: list[int]) -> None:
    """Each corner must be there once."""
    with pytest.raises(ValueError, match="does not have each of 3 numbers once"):
        path.shuffle(np.zeros((3, 2), np.int64), np.array(numbers))


def test_permutation_is_numpys_of_the_seed() -> None:
    """As many numbers as asked for."""
    exact(np.random.default_rng(7).permutation(9), path.permutation(seed=7, length=9), "int64")


SEVEN = np.zeros((7, 2), np.int64)


def test_batches_are_in_list_order_without_the_incomplete_one() -> None:
    """Seven patches in batches of three, twice over: the seventh is never used."""
    exact([[0, 1, 2], [3, 4, 5]] * 2, path.batch_order(SEVEN, batch_size=3, epochs=2), "int64")


def test_incomplete_batch_that_is_kept_ends_in_minus_one() -> None:
    """The seventh patch stands alone."""
    kept = path.batch_order(SEVEN, batch_size=3, epochs=2, keep=True)
    exact([[0, 1, 2], [3, 4, 5], [6, -1, -1]] * 2, kept, "int64")


def test_no_whole_batch_is_no_step() -> None:
    """Fewer patches than a batch give none."""
    assert path.batch_order(SEVEN, batch_size=8, epochs=2).shape == (0, 8)


@pytest.mark.parametrize("keep", [False, True], ids=["drop", "keep"])
def test_reshuffled_batches_follow_each_epochs_generator(keep: bool) -> None:
    """Epochs count from 0, and each has its own order."""
    expected = []
    for epoch in (0, 1, 2):
        order = np.random.default_rng((5, epoch)).permutation(7).tolist()
        expected += [order[:3], order[3:6], *([[order[6], -1, -1]] if keep else [])]
    exact(expected, path.reshuffled(SEVEN, batch_size=3, epochs=3, seed=5, keep=keep), "int64")


@pytest.mark.parametrize("margin", [0, 1, 2])
def test_patches_are_cut_pixel_by_pixel(margin: int) -> None:
    """Each channel is a raster, each patch stands at its corner, a margin is left away on all sides."""
    rasters, corners, side = [raster(12, 11, seed) for seed in range(3)], np.array([[0, 0], [7, 6], [3, 2]]), 5
    inner = range(margin, side - margin)
    expected = [[[[band[row + i, col + j] for j in inner] for i in inner] for band in rasters] for row, col in corners]
    exact(expected, path.cut(*rasters, corners, side=side, margin=margin), "int16")


@pytest.mark.parametrize("corner", [[-1, 0], [0, -1], [8, 0], [0, 7]], ids=str)
def test_patch_outside_is_refused(corner: list[int]) -> None:
    """A corner from which the patch would leave the raster is no place, and no wrapping round."""
    node = Node("patches/raw", "cut", ("raster", "corners"), {"side": 5, "margin": 0})
    with pytest.raises(ParityError, match="patches/raw: cut cannot be computed from"):
        compute(node, {"raster": raster(12, 11), "corners": np.array([corner])})


def test_no_corner_is_no_patch() -> None:
    """An empty list gives an empty list of patches of that size."""
    assert path.cut(raster(9, 9), raster(9, 9), np.zeros((0, 2), np.int64), side=5, margin=1).shape == (0, 2, 3, 3)


def test_crop_is_a_batch_of_one() -> None:
    """All rasters in their order, the ends of the region left out."""
    rasters = [raster(6, 7, seed) for seed in range(2)]
    expected = [[[[band[row, col] for col in (3, 4)] for row in (1, 2, 3)] for band in rasters]]
    exact(expected, path.crop(*rasters, region=[1, 4, 3, 5]), "int16")


@pytest.mark.parametrize("region", [[-1, 3, 0, 2], [0, 7, 0, 2], [0, 3, 0, 8], [3, 2, 0, 1], [0, 1, 5, 4]], ids=str)
def test_region_outside_is_refused(region: list[int]) -> None:
    """A region must lie in the raster; none is clipped."""
    with pytest.raises(ValueError, match="is not inside"):
        path.crop(raster(6, 7), region=region)


def test_pixel_is_valid_where_no_mask_has_it() -> None:
    """All masks must be 0 there."""
    masks = [cloudy(6, 7, 0.4, seed) for seed in range(3)]
    expected = [[int(all(m[row, col] == 0 for m in masks)) for col in range(1, 7)] for row in range(2, 6)]
    exact(expected, path.valid(*masks, region=[2, 6, 1, 7]), "uint8")


def test_masked_values_are_listed_row_by_row() -> None:
    """Those where the mask is not 0."""
    values, mask = np.arange(6.0).reshape(1, 1, 2, 3), np.array([[0, 1, 1], [2, 0, 0]], np.uint8)
    exact([1, 2, 3], path.masked(values, mask), "float64")


def test_mask_of_another_size_is_refused() -> None:
    """A mask is for one image of its own size."""
    with pytest.raises(ValueError, match="12 values under a mask of 6"):
        path.masked(np.zeros((2, 1, 2, 3)), np.ones((2, 3), np.uint8))


def test_image_is_the_batchs_only_one() -> None:
    """In the dtype that the node tells, to which each value is rounded."""
    node = Node("geotiff/pixels", "to_image", ("output",), {"dtype": "float32"})
    exact([[float(np.float32(0.1)), 2.0]], compute(node, {"output": np.array([[[[0.1, 2.0]]]])}, "f8"), "float32")


def test_image_within_a_larger_one_has_nothing_around() -> None:
    """NaN where there is no prediction."""
    found = path.to_image(np.array([[[[5.0]]]]), within=[1, 2, 0, 1], shape=[2, 2])
    assert np.array_equal(found, [[np.nan, np.nan], [5, np.nan]], equal_nan=True)


def test_header_is_a_list_of_numbers() -> None:
    """Bands, bits, EPSG code, whether there is no-data, and the transform in GDAL's order; float64 in any trace."""
    told = {"bands": 1, "bits": 32, "epsg": 32631, "nodata": 1, "transform": [5.5, 10, 0, 7, 0, -10]}
    actual = compute(Node("geotiff/header", "header", (), told), {}, "f4")
    exact([1, 32, 32631, 1, 5.5, 10, 0, 7, 0, -10], actual, "float64")


def test_border_is_half_of_what_the_filters_take() -> None:
    """9, 5 and 5 pixels take 16, 8 on each side."""
    sides = [np.zeros((1, 1, side, side)) for side in (9, 5, 5)]
    exact(8, path.border(*sides), "int64")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_normal_numbers_follow_those_drawn_before(dtype: str) -> None:
    """The second tensor goes on where the first has stopped, rounded once to the trace's dtype."""
    random = np.random.RandomState(11)
    first, second = random.normal(0, 0.001, 6), random.normal(0, 0.001, 4)
    for drawn, skip, shape in ((first, 0, [2, 3]), (second, 6, [4, 1])):
        node = Node("W", "normal", (), {"seed": 11, "deviation": 0.001, "skip": skip, "shape": shape})
        exact(drawn.reshape(shape).astype(dtype), compute(node, {}, dtype), dtype)


def test_constant_is_one_number() -> None:
    """Of any shape."""
    exact([[0, 0, 0]], compute(Node("b", "constant", (), {"value": 0.0, "shape": [1, 3]}), {}, "f4"), "float32")


def turned(patch: list[list[int]], symmetry: int) -> list[list[int]]:
    """A square turned to the left, row lists only, then seen in a mirror."""
    for _ in range(symmetry % 4):
        patch = [list(row) for row in zip(*[row[::-1] for row in patch], strict=True)]
    return [row[::-1] for row in patch] if symmetry >= 4 else patch


def test_patches_are_turned_as_their_symmetries_say() -> None:
    """Both channels alike, each patch by its own number, and only those from start to stop."""
    patches = np.arange(10 * 2 * 9).reshape(10, 2, 3, 3)
    found = path.rows_transformed(patches, start=1, stop=9, symmetries=list(range(8)))
    exact([[turned(band.tolist(), n) for band in patches[1 + n]] for n in range(8)], found, "int64")


def test_eight_symmetries_are_all_different() -> None:
    """Of a patch without any symmetry of its own."""
    patch = np.arange(9).reshape(3, 3)
    assert len({path.transformed(patch, number).tobytes() for number in range(8)}) == 8


@pytest.mark.parametrize(
    ("symmetries", "told"),
    [([0], "argument 2 is shorter"), ([0, 8], "no symmetry 8"), ([0, -1], "no symmetry -1")],
)
def test_symmetry_that_is_none_is_refused(symmetries: list[int], told: str) -> None:
    """A number for each patch, of a square's eight."""
    with pytest.raises(ValueError, match=told):
        path.rows_transformed(np.zeros((2, 1, 3, 3)), start=0, stop=2, symmetries=symmetries)


def test_each_channel_is_divided_by_its_own() -> None:
    """In the type of the values: in float32 every quotient is the nearest float32."""
    values = np.arange(12, dtype=np.float32).reshape(2, 3, 1, 2)
    actual = operations.divide_channels(values, axis=1, divisors=[1, 1000.0, 7])
    divisors = np.array([1, 1000, 7], "f4")
    expected = [[(band / d).tolist() for band, d in zip(image, divisors, strict=True)] for image in values]
    exact(expected, actual, "float32")


def test_divisors_are_one_for_each_channel() -> None:
    """None is repeated."""
    with pytest.raises(ValueError, match="1 divisors for 3 channels"):
        operations.divide_channels(np.ones((1, 3)), axis=1, divisors=[2])


PREDICTION, TARGET = np.array([1.0, 2, 4, 5]), np.array([2.0, 2, 1, 7])


def test_root_mean_square_error_is_written_out() -> None:
    """Errors 1, 0, 3 and 2 have a mean square of 14 / 4."""
    assert operations.root_mean_square_error(PREDICTION, TARGET) == math.sqrt(3.5)


def test_peak_signal_to_noise_ratio_is_written_out() -> None:
    """A mean square of 3.5 under a peak of 7 is a ratio of powers of 14: 11.46 dB."""
    actual = operations.peak_signal_to_noise_ratio(PREDICTION, TARGET, peak=7)
    assert abs(actual - 11.4612803568) < 1e-10


def test_peak_signal_to_noise_ratio_of_no_error_is_infinite() -> None:
    """There is no noise."""
    assert operations.peak_signal_to_noise_ratio(TARGET, TARGET, peak=1.0) == np.inf


def test_correlation_is_written_out() -> None:
    """Means of 3 leave -2, -1, 1, 2 and -1, -1, -2, 4: products 9 over the root of 10 x 22."""
    assert abs(operations.correlation(PREDICTION, TARGET) - 9 / math.sqrt(220)) < 4e-16


def test_correlation_with_a_constant_is_no_number() -> None:
    """There is nothing that could go together."""
    assert np.isnan(operations.correlation(np.ones(3), np.arange(3.0)))


def interpolated(attributes: Mapping[str, object]) -> np.ndarray:
    """A change of 100 on images that tell their place."""
    images = np.arange(2 * 3 * 4 * 5, dtype=float).reshape(2, 3, 4, 5)
    return operations.add_interpolation(np.full((2, 1, 2, 3), 100.0), images, **attributes)


def test_change_is_added_to_the_mean_of_two_channels() -> None:
    """Of the pixels that are left where the border is taken away."""
    images = np.arange(2 * 3 * 4 * 5, dtype=float).reshape(2, 3, 4, 5)
    expected = [
        [[[100 + (images[n, 2, y, x] + images[n, 0, y, x]) / 2 for x in (1, 2, 3)] for y in (1, 2)]] for n in (0, 1)
    ]
    exact(expected, interpolated({"indices": [2, 0], "border": 1}), "float64")


def test_correlation_does_not_flip_its_filter() -> None:
    """A filter correlated with a single 1 stands there turned about."""
    impulse = np.zeros((1, 1, 5, 3))
    impulse[0, 0, 2, 1] = 1
    W = np.arange(6.0).reshape(1, 1, 3, 2)
    assert operations.correlation_valid(impulse, W, np.zeros(1))[0, 0].tolist() == W[0, 0, ::-1, ::-1].tolist()


def test_correlations_gradients_are_those_of_loops() -> None:
    """Of filters and of input, to the last bit: the numbers are small wholes."""
    random = np.random.default_rng(2)
    images, W, delta = (random.integers(-9, 10, s).astype(float) for s in ((2, 2, 5, 4), (3, 2, 2, 3), (2, 3, 4, 2)))
    weights, pixels = np.zeros(W.shape), np.zeros(images.shape)
    for n, f, y, x in np.ndindex(delta.shape):
        for c, i, j in np.ndindex(W.shape[1:]):
            weights[f, c, i, j] += delta[n, f, y, x] * images[n, c, y + i, x + j]
            pixels[n, c, y + i, x + j] += delta[n, f, y, x] * W[f, c, i, j]
    assert np.array_equal(operations.correlation_valid_gradient_weights(images, delta), weights)
    assert np.array_equal(operations.correlation_valid_gradient_input(W, delta), pixels)


@pytest.mark.parametrize("limit", [1, 2000, 20_000], ids=["pixel rows", "a few rows", "images"])
def test_blocks_do_not_change_sums(monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    """However little is laid out at a time, all windows are summed once."""
    random = np.random.default_rng(2)
    images, W, delta = (random.integers(-9, 10, s).astype(float) for s in ((3, 2, 7, 6), (4, 2, 3, 2), (3, 4, 5, 5)))

    def all_three() -> list[list]:
        return [
            operations.convolution_valid(images, W, np.ones(4)).tolist(),
            operations.convolution_valid_gradient_weights(images, delta).tolist(),
            operations.convolution_valid_gradient_input(W, delta).tolist(),
        ]

    whole = all_three()
    monkeypatch.setattr(operations, "BLOCK_BYTES", limit)
    assert all_three() == whole
