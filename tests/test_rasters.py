"""A raster is read by windows, its no-data is known, and a file that is not one georeferenced real band is refused."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio._env import get_gdal_config  # the limit in force: GDAL tells it by no public way of rasterio's
from rasterio.crs import CRS

from port.errors import RegionError, SceneError
from port.rasters import Grid, Raster, modest_cache
from port.regions import Region
from tests.conftest import SYNTHETIC_SHAPE, Alter


def test_window_is_the_files_own_pixels(synthetic_folder: Path) -> None:
    """A window read equals that part of the whole file, in the file's dtype."""
    path = synthetic_folder / "002_NDVI.tif"
    with rasterio.open(path) as file:
        whole = file.read(1)
    window = Raster.open(path).read(Region(10, 31, 5, 50))
    assert window.dtype == np.int16
    assert np.array_equal(window, whole[10:31, 5:50])


def test_window_outside_is_refused(synthetic_folder: Path) -> None:
    """A region over the edge is an error, not a shorter array."""
    with pytest.raises(RegionError, match="0:121,0:10 is not inside the scene of 120 rows x 104 columns"):
        Raster.open(synthetic_folder / "DEM.tif").read(Region(0, SYNTHETIC_SHAPE[0] + 1, 0, 10))


def test_grid_of_a_region_starts_at_its_corner() -> None:
    """The region's pixel (0, 0) lies where the grid's pixel (row, col) does, rotated grids included."""
    transform = rasterio.Affine(10, 1, 500, 2, -10, 900)
    part = Grid((50, 60), CRS.from_epsg(32630), transform).of_region(Region(7, 17, 3, 9))
    assert part.shape == (10, 6)
    assert part.transform @ (0, 0) == transform @ (3, 7)
    assert part.transform @ (6, 10) == transform @ (9, 17)


@pytest.mark.parametrize(("shift_m", "same"), [(0.0, True), (1e-7, True), (1e-3, False), (5.0, False)])
def test_transforms_are_the_same_to_rounding_only(shift_m: float, same: bool) -> None:
    """A shift of a millionth of a pixel is rounding, of a ten-thousandth (1 mm of 10 m) a different grid."""
    crs = CRS.from_epsg(32630)
    one, other = (Grid((9, 9), crs, rasterio.Affine(10, 0, west, 0, -10, 0)) for west in (4e5, 4e5 + shift_m))
    assert one.same_transform(other) is same


@pytest.mark.parametrize(("value", "expected"), [(-9999.0, 4), (float("nan"), 4), (None, 0)])
def test_nodata_pixels_are_found(altered: Alter, value: float | None, expected: int) -> None:
    """Pixels equal to the declared value, NaN included, are no-data; none where none is declared."""

    def hole(stored: np.ndarray) -> np.ndarray:
        stored[2:4, 5:7] = -1 if value is None else value
        return stored

    raster = Raster.open(altered("001_VH.tif", hole, nodata=value) / "001_VH.tif")
    missing = raster.is_nodata(raster.read(Region(0, 10, 0, 10)))
    assert missing.sum() == expected
    assert missing[2:4, 5:7].sum() == expected


def test_missing_file_is_refused(tmp_path: Path) -> None:
    """The error names the file and says what to do."""
    with pytest.raises(SceneError, match=r"nowhere\.tif cannot be read as a GeoTIFF: it does not exist; give a file"):
        Raster.open(tmp_path / "nowhere.tif")


def test_file_that_is_no_raster_is_refused(tmp_path: Path) -> None:
    """Text under a raster's name is an error of the same kind."""
    (tmp_path / "001_VH.tif").write_text("not a raster", encoding="utf-8")
    with pytest.raises(SceneError, match=r"001_VH\.tif cannot be read as a GeoTIFF: it is no TIFF .*copy it again"):
        Raster.open(tmp_path / "001_VH.tif")


def test_truncated_file_is_refused(synthetic_folder: Path, tmp_path: Path) -> None:
    """A file cut in the middle is an error at the latest when its pixels are read."""
    whole = (synthetic_folder / "001_VH.tif").read_bytes()
    (tmp_path / "001_VH.tif").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SceneError, match=r"001_VH\.tif cannot be read as a GeoTIFF"):
        Raster.open(tmp_path / "001_VH.tif").read(Region.whole(SYNTHETIC_SHAPE))


def test_several_bands_are_refused(altered: Alter) -> None:
    """The error holds both counts."""
    folder = altered("001_VH.tif", count=3)
    with pytest.raises(SceneError, match=r"001_VH\.tif has 3 bands, expected 1"):
        Raster.open(folder / "001_VH.tif")


def test_complex_band_is_refused(altered: Alter) -> None:
    """A single-look complex image is not backscatter."""
    folder = altered("001_VH.tif", lambda stored: stored.astype(np.complex64))
    with pytest.raises(SceneError, match=r"001_VH\.tif is complex64, expected real numbers"):
        Raster.open(folder / "001_VH.tif")


@pytest.mark.parametrize("missing", ["crs", "transform"])
def test_missing_georeference_is_refused(altered: Alter, missing: str) -> None:
    """A file without CRS or transform is an error, not a warning."""
    folder = altered("001_VH.tif", **{missing: None})
    with pytest.raises(SceneError, match=r"001_VH\.tif has no georeference .* expected both a CRS and a transform"):
        Raster.open(folder / "001_VH.tif")


def test_a_held_raster_reads_the_same_until_its_context_ends(synthetic_folder: Path) -> None:
    """Open once, read by several threads at once: the pixels of the file; afterwards it is closed."""
    raster, whole = Raster.open(synthetic_folder / "002_VH.tif"), Region.whole(SYNTHETIC_SHAPE)
    expected, strips = raster.read(whole), list(whole.strips(7))
    with raster.held() as held, ThreadPoolExecutor(4) as pool:
        found = list(pool.map(held.read, 20 * strips))
    assert np.array_equal(np.concatenate(found), np.concatenate(20 * [expected]))
    assert held.file.closed


def test_a_file_that_is_gone_cannot_be_held(altered: Alter) -> None:
    """The error is that of reading."""
    raster = Raster.open(altered("002_VH.tif") / "002_VH.tif")
    raster.path.unlink()
    with pytest.raises(SceneError, match=r"002_VH.tif cannot be read as a GeoTIFF"), raster.held():
        pass


def test_the_cache_is_modest_within_its_context() -> None:
    """GDAL keeps 416 MiB at most, whatever the machine has, and its own choice afterwards."""
    with rasterio.Env():
        before = get_gdal_config("GDAL_CACHEMAX")
    with modest_cache():
        assert get_gdal_config("GDAL_CACHEMAX") == 416 * 2**20
    with rasterio.Env():
        assert get_gdal_config("GDAL_CACHEMAX") == before
