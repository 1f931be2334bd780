"""Regions are half-open rectangles: written and read back alike, tiled without gap or overlap."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from port.errors import RegionError
from port.regions import Region


@st.composite
def regions(draw: st.DrawFn, limit: int = 60) -> Region:
    """Regions inside a raster of limit x limit pixels."""
    row, col = draw(st.integers(0, limit - 1)), draw(st.integers(0, limit - 1))
    return Region(row, draw(st.integers(row + 1, limit)), col, draw(st.integers(col + 1, limit)))


@given(regions(limit=10**6))
def test_written_form_reads_back(region: Region) -> None:
    """Region.parse(str(region)) is the region."""
    assert Region.parse(str(region)) == region


@pytest.mark.parametrize(
    "text", ["", "60:100", "60:100,0", "a:b,c:d", "-1:5,0:5", "0:5;0:5", "0.5:5,0:5", "0:5,0:5,0:5"]
)
def test_another_form_is_refused(text: str) -> None:
    """The error quotes what was given and the form."""
    with pytest.raises(RegionError, match=r"region '.*' is not of the form R0:R1,C0:C1") as caught:
        Region.parse(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize("text", ["5:5,0:5", "6:5,0:5", "0:5,7:7"])
def test_empty_region_is_refused(text: str) -> None:
    """A region without a pixel cannot be made."""
    with pytest.raises(RegionError, match=f"region {text} holds no pixel"):
        Region.parse(text)


@given(regions(), st.integers(1, 70))
def test_tiles_touch_each_pixel_once(region: Region, tile_px: int) -> None:
    """Tiles of any size partition the region and are no larger than asked."""
    touched = np.zeros((60, 60), dtype=int)
    for tile in region.tiles(tile_px):
        assert max(tile.shape) <= tile_px
        touched[tile.slices] += 1
    assert (touched[region.slices] == 1).all()
    assert touched.sum() == np.prod(region.shape)


@given(regions(), st.integers(1, 70))
def test_strips_touch_each_pixel_once(region: Region, rows_px: int) -> None:
    """Strips of whole rows partition the region, in order."""
    strips = list(region.strips(rows_px))
    assert [strip.row_start for strip in strips] == list(range(region.row_start, region.row_stop, rows_px))
    assert sum(np.prod(strip.shape) for strip in strips) == np.prod(region.shape)


@given(regions(), st.integers(0, 20))
def test_shrinking_undoes_growing(region: Region, margin_px: int) -> None:
    """grown(m).grown(-m) is the region, and each side of grown(m) is longer by 2 m."""
    grown = region.grown(margin_px)
    assert grown.grown(-margin_px) == region
    assert grown.shape == tuple(side + 2 * margin_px for side in region.shape)


def test_shrinking_to_nothing_is_refused() -> None:
    """A region of 16 rows loses all of them to a border of 8."""
    with pytest.raises(RegionError, match="region 8:8,8:24 holds no pixel"):
        Region(0, 16, 0, 32).grown(-8)


@given(regions(), regions())
def test_intersection_is_the_pixels_in_both(one: Region, other: Region) -> None:
    """The intersection's pixels are those of both masks; none is an error."""
    both = np.zeros((60, 60), dtype=int)
    both[one.slices] += 1
    both[other.slices] += 1
    if (both < 2).all():
        with pytest.raises(RegionError, match=f"{one} and {other} share no pixel"):
            one.intersection(other)
    else:
        joint = one.intersection(other)
        assert (both[joint.slices] == 2).all()
        assert (both == 2).sum() == np.prod(joint.shape)


def test_clipped_is_the_part_inside() -> None:
    """A region grown over the scene's edge is cut there."""
    assert Region(0, 10, 90, 100).grown(8).clipped((100, 100)) == Region(0, 18, 82, 100)


@pytest.mark.parametrize("region", [Region(60, 101, 0, 100), Region(60, 100, 0, 101), Region(-1, 5, 0, 5)])
def test_region_outside_the_scene_is_refused(region: Region) -> None:
    """The error holds the region, the scene's shape and what would fit."""
    with pytest.raises(
        RegionError, match=r"is not inside the scene of 100 rows x 100 columns; .* 0:100,0:100"
    ) as caught:
        region.within((100, 100))
    assert str(region) in str(caught.value)


def test_lower_rows_of_a_hundred() -> None:
    """The lower 40 % of 100 rows are rows 60 to 99."""
    assert str(Region.lower_rows((100, 90), 0.4)) == "60:100,0:90"


@given(regions(), regions())
def test_relative_region_indexes_the_same_pixels(inner: Region, outer: Region) -> None:
    """A region counted from another's corner finds the same pixels in that other's array."""
    numbers = np.arange(3600).reshape(60, 60)
    joint = Region(min(inner.row_start, outer.row_start), 60, min(inner.col_start, outer.col_start), 60)
    assert np.array_equal(numbers[joint.slices][inner.relative_to(joint).slices], numbers[inner.slices])
