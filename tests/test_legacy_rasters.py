"""The witness's files: unpacked, read and written."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from legacy import rasters
from legacy.pipeline import unpack
from legacy.trace import BadInput

TRANSFORM = rasterio.Affine(20, 0, 500000, 0, -20, 5600000)


def _write(path: Path, pixels: np.ndarray, **more: Any) -> None:
    """Write pixels of (row, col) or (band, row, col)."""
    rows, cols = pixels.shape[-2:]
    profile = {"driver": "GTiff", "height": rows, "width": cols, "dtype": pixels.dtype.name, **more}
    with rasterio.open(path, "w", count=pixels.size // (rows * cols), transform=TRANSFORM, **profile) as file:
        file.write(pixels.reshape(-1, rows, cols))


def test_a_bare_raster_is_read_back(tmp_path: Path) -> None:
    """Float32, no coordinates, no no-data value; GDAL's own geotransform of none."""
    expected = np.linspace(-1, 1, 12).reshape(3, 4)
    rasters.write(str(tmp_path / "bare.tif"), expected)
    pixels, header = rasters.read(str(tmp_path / "bare.tif"))
    np.testing.assert_array_equal(pixels, expected.astype(np.float32), strict=True)
    assert header.tolist() == [1, 32, 0, 0, 0, 1, 0, 0, 0, 1]
    assert header.dtype == np.float64


def test_a_header_tells_coordinates_and_no_data(tmp_path: Path) -> None:
    """Bits, EPSG code and GDAL's order of the geotransform."""
    _write(tmp_path / "a.tif", np.ones((2, 3), np.int16), crs="EPSG:32631", nodata=-9)
    _, header = rasters.read(str(tmp_path / "a.tif"))
    assert header.tolist() == [1, 16, 32631, 1, 500000, 20, 0, 5600000, 0, -20]


def test_a_file_that_is_no_single_raster_is_refused(tmp_path: Path) -> None:
    """Text, and several bands."""
    (tmp_path / "text.tif").write_text("no raster", encoding="utf-8")
    with pytest.raises(BadInput, match=r"text\.tif cannot be read as a GeoTIFF"):
        rasters.read(str(tmp_path / "text.tif"))
    _write(tmp_path / "two.tif", np.zeros((2, 3, 4), np.uint8))
    with pytest.raises(BadInput, match=r"two\.tif has 2 bands, expected 1"):
        rasters.read(str(tmp_path / "two.tif"))


@pytest.mark.parametrize("name", ["../up.tif", "/root.tif", "a/b.tif", "a\\b.tif", "..", "", "a\0.tif"])
def test_a_path_is_not_unpacked(tmp_path: Path, name: str) -> None:
    """An archive writes into the directory made for it, and nowhere else."""
    (tmp_path / "inner").mkdir()
    with pytest.raises(BadInput, match="is no plain name, expected one without a path"):
        unpack({name: np.zeros(3, np.uint8)}, str(tmp_path / "inner"))
    assert [path.name for path in tmp_path.rglob("*")] == ["inner"]


def test_files_are_unpacked_byte_by_byte(tmp_path: Path) -> None:
    """What was packed is what is read."""
    unpack({"a b.tif": np.frombuffer(b"II*\0x", np.uint8)}, str(tmp_path))
    assert (tmp_path / "a b.tif").read_bytes() == b"II*\0x"
