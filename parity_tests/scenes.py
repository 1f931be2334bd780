"""The awkward scene: patches that just fit, files told apart by their values, clouds at each date, odd numbers."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import rasterio


class Awkward(NamedTuple):
    """What is awkward about it."""

    shape: tuple[int, int] = (82, 74)  # patches of 33 px, 8 apart from pixel 1, end with the last row and column
    suffix: str = "_a b"
    first_date: int = 2
    clouds: tuple[tuple[tuple[int, int, int], ...], ...] = (
        # (row, col, stored value) at t-1: three that touch and a speck refuse the first patch
        ((2, 3, 1), (2, 4, 1), (3, 3, 1), (7, 6, 1)),
        # at t: refuses the last patch of the first row by that patch's upper right corner; one in the test region
        ((1, 73, 255), (70, 58, 7)),
        ((81, 1, 2),),  # at t+1: refuses the first patch of the last row by its lower left corner
    )
    missing: tuple[int, int] | None = None  # (row, col) where NDVI at t-1 holds the no-data value that it declares
    hole: tuple[int, int] | None = None  # (row, col) where VH at t-1 is NaN
    radar: str = "float32"  # the dtype that VH and VV are stored in; uint16 has both sides of int16's end in row 0


AWKWARD = Awkward()
_NODATA = 1000  # no other pixel has it
_CORNER_M, _PIXEL_M = (500000.0, 5600000.0), 20.0


def write_awkward_scene(folder: Path, awkward: Awkward = AWKWARD) -> None:
    """Write its 13 GeoTIFFs: made from uniform numbers, the same on any machine.

    Radar is stored large, so that it counts although the original divides it by 1000; NDVI has negative values and,
    where no patch and no prediction reaches, both ends of int16.
    """
    folder.mkdir(parents=True)
    random = np.random.RandomState(82074)
    rows, cols = awkward.shape
    for offset in range(3):
        date = f"{awkward.first_date + offset:03d}"
        for number, kind in enumerate(("VH", "VV")):
            tag = 100.0 * (1 + number + 2 * offset)
            pixels = (tag + 300 * random.random_sample(awkward.shape)).astype(awkward.radar)
            if awkward.radar == "uint16":
                pixels[0, offset], pixels[0, 10 + offset] = np.iinfo(np.int16).max + 1, np.iinfo(np.uint16).max
            if awkward.hole is not None and (offset, kind) == (0, "VH"):
                pixels[awkward.hole] = np.nan
            _write(folder / f"{date}_{kind}{awkward.suffix}.tif", pixels)
        ndvi = random.randint(-300, 900, size=awkward.shape).astype(np.int16)
        ndvi[0, offset], ndvi[0, 10 + offset] = np.iinfo(np.int16).min, np.iinfo(np.int16).max
        nodata = None
        if awkward.missing is not None and offset == 0:
            ndvi[awkward.missing] = nodata = _NODATA
        _write(folder / f"{date}_NDVI{awkward.suffix}.tif", ndvi, nodata)
        mask = np.zeros(awkward.shape, np.uint8)
        for row, col, value in awkward.clouds[offset]:
            mask[row, col] = value
        _write(folder / f"{date}_MASK{awkward.suffix}.tif", mask)
    ramp = (np.arange(rows)[:, None] + 2.0 * np.arange(cols)) / (rows + 2 * cols)
    _write(folder / f"DEM{awkward.suffix}.tif", ramp.astype(np.float32))


def _write(path: Path, pixels: np.ndarray, nodata: int | None = None) -> None:
    rows, cols = pixels.shape
    transform = rasterio.Affine(_PIXEL_M, 0, _CORNER_M[0], 0, -_PIXEL_M, _CORNER_M[1])
    profile = {"driver": "GTiff", "count": 1, "height": rows, "width": cols, "dtype": pixels.dtype.name}
    profile |= {} if nodata is None else {"nodata": nodata}
    with rasterio.open(path, "w", crs="EPSG:32631", transform=transform, compress="lzw", **profile) as file:
        file.write(pixels, 1)
