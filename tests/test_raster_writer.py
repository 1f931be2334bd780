"""A raster written by tiles holds them in their places on the scene's grid, and appears whole or not at all."""

import resource
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.crs import CRS

from port.errors import OutputError, RegionError, SceneError
from port.raster_writer import RasterWriter
from port.rasters import Grid, Raster, ungeoreferenced
from port.regions import Region

GRID = Grid((300, 320), CRS.from_epsg(32630), rasterio.Affine(10, 0, 400000, 0, -10, 1250000))
REGION = Region(20, 290, 30, 310)


def _write(path: Path, pixels: np.ndarray, tile_px: int = 64) -> None:
    with RasterWriter(path, GRID, REGION, tags={"UNITS": "NDVI"}) as writer:
        for tile in REGION.tiles(tile_px):
            writer.write(tile, pixels[tile.relative_to(REGION).slices])


@pytest.mark.parametrize("tile_px", [31, 256, 1000])
def test_tiles_read_back_as_one_map(tmp_path: Path, tile_px: int) -> None:
    """Any tiling gives the same file: pixels, dtype, CRS, transform, no-data, tags."""
    pixels = np.random.default_rng(0).normal(size=REGION.shape).astype(np.float32)
    _write(tmp_path / "ndvi.tif", pixels, tile_px)
    with rasterio.open(tmp_path / "ndvi.tif") as file:
        assert np.array_equal(file.read(1), pixels)
        assert (file.dtypes, file.crs) == (("float32",), GRID.crs)
        assert file.transform == rasterio.Affine(10, 0, 400300, 0, -10, 1249800)
        assert np.isnan(file.nodata)
        assert file.tags()["UNITS"] == "NDVI"


def test_pixels_without_a_tile_are_nodata(tmp_path: Path) -> None:
    """What was never written is NaN, not 0."""
    tile = Region(100, 150, 100, 150)
    with RasterWriter(tmp_path / "ndvi.tif", GRID, REGION) as writer:
        writer.write(tile, np.zeros(tile.shape, dtype=np.float32))
    with rasterio.open(tmp_path / "ndvi.tif") as file:
        written = ~np.isnan(file.read(1))
    assert written.sum() == np.prod(tile.shape)
    assert written[tile.relative_to(REGION).slices].all()


def test_bare_file_tells_nothing_but_its_pixels(tmp_path: Path) -> None:
    """Georeference "bare": float32, no CRS, no transform, no no-data value, no tags; NaN where no tile was put."""
    path, tile = tmp_path / "ndvi.tif", Region(100, 150, 100, 150)
    with RasterWriter(path, GRID, REGION, tags={"UNITS": "NDVI"}, georeference="bare") as writer:
        writer.write(tile, np.ones(tile.shape))
    with ungeoreferenced(), rasterio.open(path) as file:
        pixels = file.read(1)
        assert (file.count, file.dtypes, file.crs, file.nodata) == (1, ("float32",), None, None)
        assert file.transform.to_gdal() == (0, 1, 0, 0, 0, 1)
        assert (file.tags(), file.tags(1)) == ({}, {})
    inside = tile.relative_to(REGION).slices
    assert (pixels[inside] == 1).all()
    assert np.isnan(pixels).sum() == pixels.size - np.prod(tile.shape)


def test_bare_file_is_read_where_it_is_said_to_lie(tmp_path: Path) -> None:
    """On its region's grid it is a raster like any other; on one of another shape, or on none, it is refused."""
    path = tmp_path / "ndvi.tif"
    with RasterWriter(path, GRID, REGION, georeference="bare") as writer:
        writer.write(REGION, np.ones(REGION.shape))
    found = Raster.open(path, bare=GRID.of_region(REGION))
    assert found.grid == GRID.of_region(REGION)
    assert (found.read(Region(0, 5, 0, 5)) == 1).all()
    with pytest.raises(SceneError, match=r"270 rows x 280 columns and no georeference, .* a region of 300 x 320"):
        Raster.open(path, bare=GRID)
    with pytest.raises(SceneError, match="has no georeference"):
        Raster.open(path)


def test_only_the_file_itself_is_left(tmp_path: Path) -> None:
    """No partial or side file stays behind."""
    _write(tmp_path / "ndvi.tif", np.zeros(REGION.shape))
    assert [path.name for path in tmp_path.iterdir()] == ["ndvi.tif"]


def test_failed_block_leaves_nothing(tmp_path: Path) -> None:
    """An error between tiles passes through and no file appears."""
    with pytest.raises(ZeroDivisionError), RasterWriter(tmp_path / "ndvi.tif", GRID, REGION):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_existing_file_is_kept(tmp_path: Path) -> None:
    """An existing result is never overwritten."""
    (tmp_path / "ndvi.tif").write_text("precious", encoding="utf-8")
    with pytest.raises(OutputError, match=r"ndvi\.tif exists already"):
        _write(tmp_path / "ndvi.tif", np.zeros(REGION.shape))
    assert (tmp_path / "ndvi.tif").read_text(encoding="utf-8") == "precious"


def test_folder_that_cannot_hold_it_is_refused(tmp_path: Path) -> None:
    """A path below a plain file is one clear error."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(OutputError, match=r"cannot write .*ndvi\.tif: .*folder you may write to"):
        _write(tmp_path / "file" / "ndvi.tif", np.zeros(REGION.shape))


def test_full_disk_leaves_nothing(tmp_path: Path) -> None:
    """A file that cannot grow any further is one clear error and no file."""
    pixels = np.random.default_rng(0).normal(size=REGION.shape)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(OutputError, match=r"cannot write .*ndvi\.tif"):
            _write(tmp_path / "ndvi.tif", pixels)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


def test_tile_of_another_shape_is_refused(tmp_path: Path) -> None:
    """The error holds both shapes."""
    with (
        pytest.raises(OutputError, match=r"tile 20:30,30:40 has shape \(10, 10\), its pixels \(10, 9\)"),
        RasterWriter(tmp_path / "ndvi.tif", GRID, REGION) as writer,
    ):
        writer.write(Region(20, 30, 30, 40), np.zeros((10, 9)))


def test_tile_outside_the_region_is_refused(tmp_path: Path) -> None:
    """A tile above the region has no place in the file."""
    with (
        pytest.raises(RegionError, match=r"region -1:9,0:10 is not inside the scene of 270 rows x 280 columns"),
        RasterWriter(tmp_path / "ndvi.tif", GRID, REGION) as writer,
    ):
        writer.write(Region(19, 29, 30, 40), np.zeros((10, 10)))
