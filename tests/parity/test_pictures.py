"""Pictures hold the largest error of every cell, on a scale that says what a byte stands for."""

import base64

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from parity.pictures import (
    MOST_CELLS,
    difference,
    planes,
    rasters,
    reduced,
    share_histogram,
    share_pictures,
    shares,
    signed_histogram,
    signed_pictures,
    worst,
)

FINITE = st.floats(-1e6, 1e6)


def levels(picture: dict[str, object]) -> np.ndarray:
    """A picture's bytes."""
    raw = np.frombuffer(base64.b64decode(str(picture["data"])), np.uint8)
    return raw.reshape(picture["rows"], picture["cols"])


@given(arrays(np.float64, array_shapes(min_dims=2, max_dims=2, max_side=200), elements=FINITE))
def test_reduction_keeps_the_value_farthest_from_0(plane: np.ndarray) -> None:
    """Whatever the size, at most 64 x 64 cells, the farthest value among them, and no value that was not there."""
    cells = reduced(plane)
    assert max(cells.shape) <= MOST_CELLS
    assert np.abs(cells).max() == np.abs(plane).max()
    assert np.isin(cells, plane).all()


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((), []), ((1,), []), ((5,), [(1, 5)]), ((4, 3), [(4, 3)]), ((6, 4, 3), [(4, 3), (1, 6)]),
     ((2, 6, 4, 3), [(4, 3), (2, 6)]), ((1, 1, 4, 3), [(4, 3)]), ((2, 3, 5, 4, 3), [(4, 3), (2, 15)])],
    ids=str,
)  # fmt: skip
def test_any_rank_becomes_at_most_two_planes(shape: tuple[int, ...], expected: list[tuple[int, int]]) -> None:
    """The last two axes, and what stands before them."""
    assert [plane.shape for _, plane in planes(np.ones(shape))] == expected


def test_one_wrong_channel_is_seen_in_the_second_plane() -> None:
    """An error in channel 4 alone is one bright column."""
    share = np.zeros((3, 9, 20, 20))
    share[:, 4, 7, 7] = 1e9
    _, by_channel = share_pictures(share)
    assert (levels(by_channel) == np.where(np.arange(9) == 4, 255, 0)).all()


def test_share_has_the_byte_of_its_decade() -> None:
    """Exactly 0 is 0; 1e-6 and less 1; the bound itself six decades up; infinity 255."""
    (picture,) = share_pictures(np.array([0.0, 1e-20, 1.0, np.inf]))
    assert levels(picture).tolist() == [[0, 1, 153, 255]]


def test_scale_ends_with_the_largest_share() -> None:
    """Errors far over the bound are told apart too: 1e12 is not 1e14."""
    (picture,) = share_pictures(np.array([1e12, 1e14]))
    assert picture["high"] == 14
    assert levels(picture).tolist() == [[230, 255]]


def test_signed_difference_has_the_byte_of_its_part() -> None:
    """0 is 128; the largest either way the ends, and what is infinite too."""
    (picture,) = signed_pictures(np.array([-2.0, 0.0, 2.0, np.inf, -1.0]))
    assert levels(picture).tolist() == [[1, 128, 255, 255, 64]]
    assert (picture["low"], picture["high"]) == (-2.0, 2.0)


def test_nan_on_both_sides_is_no_difference_and_on_one_is_infinite() -> None:
    """No-data outside a region is meant; a number on one side only is not."""
    expected, actual = np.array([np.nan, np.nan, 1.0, np.inf]), np.array([np.nan, 1.0, np.nan, np.inf])
    assert difference(expected, actual).tolist() == [0.0, np.inf, np.inf, 0.0]


def test_flags_and_counts_are_compared_as_numbers() -> None:
    """Masks are unsigned bytes: 0 less 1 is -1, not 255."""
    assert difference(np.array([1, 0], np.uint8), np.array([0, 0], np.uint8)).tolist() == [-1.0, 0.0]


def test_share_where_nothing_is_allowed() -> None:
    """0 / 0 is 0; anything over a bound of 0, or one that is no number, is infinite."""
    apart, bound = np.array([0.0, 1.0, 1.0, -3.0]), np.array([0.0, 0.0, np.nan, 2.0])
    assert shares(apart, bound).tolist() == [0.0, np.inf, np.inf, 1.5]


@given(arrays(np.float64, array_shapes(max_dims=3, max_side=8), elements=st.floats(0, allow_nan=False)))
def test_share_histogram_counts_every_element_once(share: np.ndarray) -> None:
    """However small or infinite."""
    found = share_histogram(share)
    assert found["zero"] + sum(found["counts"]) == share.size


@given(arrays(np.float64, array_shapes(max_dims=3, max_side=8), elements=st.floats(allow_nan=False)))
@example(np.array([np.finfo(float).max, -1.0]))
@example(np.array([np.nextafter(0, 1)]))
def test_signed_histogram_counts_every_element_once(apart: np.ndarray) -> None:
    """However large."""
    found = signed_histogram(apart)
    assert found["zero"] + sum(found["counts"]) == apart.size


def test_worst_elements_come_first_and_exact_ones_not_at_all() -> None:
    """Ten at most, each with its index and both values."""
    measure = np.zeros((4, 5))
    measure[2, 3], measure[0, 1] = -7.0, 2.0
    expected, actual = np.full((4, 5), 0.5), np.full((4, 5), 0.5) + measure
    assert worst(measure, expected=expected, actual=actual) == [
        {"index": [2, 3], "legacy": 0.5, "port": -6.5, "measure": -7.0},
        {"index": [0, 1], "legacy": 0.5, "port": 2.5, "measure": 2.0},
    ]
    assert len(worst(np.ones(99), expected=np.ones(99), actual=np.ones(99))) == 10


def test_maps_share_one_scale() -> None:
    """The lowest of all sides is 1, the highest 255, no-data 0; a large scene is thinned alike."""
    side = np.array([[[0.0, 0.5]]]), np.array([[[1.0, np.nan]]])
    found = rasters({"original": side[0], "port": side[1]})
    assert (found["low"], found["high"]) == (0.0, 1.0)
    assert [levels(found["sides"][name]).tolist() for name in ("original", "port")] == [[[1, 128]], [[255, 0]]]
    large = rasters({"port": np.zeros((1, 1, 500, 300))})["sides"]["port"]
    assert (large["rows"], large["cols"]) == (167, 100)
