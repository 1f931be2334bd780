"""The synthetic scene is a farmed landscape in the original's file layout, made on the spot from one seed.

Where a field was harvested or has emerged between the dates, interpolation is half the change wrong, and the optical
dates cannot tell whether it came before or after t: only the radar at t can. A dry spell before t takes greenness from
high ground, which neither optical date shows: only the DEM can tell where.
"""

import errno
import os
import shutil
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import rasterio
from jaxtyping import Bool, Num
from rasterio.errors import RasterioError

from port.backscatter import POLARISATIONS, sigma0, soil_moisture
from port.bands import NDVI_SCALE, Source
from port.crops import DAYS, Change, Season, grow
from port.errors import OutputError, SettingError
from port.files import flush
from port.landscape import Landscape, make_landscape, smooth_noise
from port.layout import file_name

SMALLEST_PX = 17
"""The network's own window: a smaller scene has no pixel that can be predicted."""
_CRS = "EPSG:32630"  # UTM 30 north, as the paper's Koumbia
_CORNER_M = (420000.0, 1250000.0)
_PIXEL_M = 10.0
_DATE_T = date(2016, 9, 14)
_WETNESS = (0.45, 0.3, 0.5)  # of the soil at the three dates; dry before t
_CLOUD_SHARE = (0.008, 0.016, 0.008)  # of the pixels at the three dates
_CLOUD_PX = 18.0
_ELEVATION_M = (280.0, 340.0)


def write_synthetic_scene(
    directory: Path | str, *, size_px: tuple[int, int] = (256, 256), seed: int = 0, looks: float = 20.0
) -> Path:
    """Write 13 GeoTIFFs of (rows, columns) and CHANGES.tif (`port.crops.Change`); the folder appears only when whole.

    `looks` is the equivalent number of looks of the speckle: 4.4 is a single Sentinel-1 GRD pixel.

    Raises:
        OutputError: the folder holds something already or cannot be written.
        SettingError: a size below 17 px, or looks not above 0.
    """
    folder = Path(directory)
    if min(size_px) < SMALLEST_PX:
        raise SettingError(f"a scene of {size_px[0]} x {size_px[1]} px is too small; give at least {SMALLEST_PX} each")
    if not looks > 0:
        raise SettingError(f"looks is {looks}; it must be above 0 (20 is a multi-looked image, 4.4 a single one)")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputError(f"{folder} exists and is not an empty folder; give another name or remove it first")
    partial = folder.absolute().with_name(f".{folder.absolute().name}.{os.getpid()}.partial")
    try:
        partial.mkdir(parents=True)
        _write(partial, size_px, seed, looks)
        flush(partial)
        partial.replace(folder)
        flush(folder.absolute().parent)
    except (OSError, RasterioError) as error:
        raise OutputError(
            f"{folder} cannot be written: {error}; choose a folder that is writable, on a disk with space"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


def _write(folder: Path, size_px: tuple[int, int], seed: int, looks: float) -> None:
    """All rasters of the scene, every draw from one generator."""
    generator = np.random.default_rng(seed)
    land = make_landscape(size_px, generator)
    season = grow(land, generator)
    note = {"SOURCE": f"synthetic, seed {seed}, {looks:g} looks", "AREA_OR_POINT": "Area"}
    for offset in range(len(DAYS)):
        day = {"DATE": (_DATE_T + timedelta(DAYS[offset])).isoformat()}
        for kind, (pixels, units) in _date_rasters(land, season, offset, looks, generator).items():
            tags = note | day | {"UNITS": units}
            _write_raster(folder / file_name(Source(kind, offset), 1, ""), pixels, tags)
    low, high = _ELEVATION_M
    dem_tags = note | {"UNITS": "0..1", "DEM_MIN_M": f"{low:g}", "DEM_MAX_M": f"{high:g}"}
    _write_raster(folder / file_name(Source("DEM", None), 1, ""), land.elevation.astype(np.float32), dem_tags)
    codes = {"UNITS": "; ".join(f"{code.value} = {code.name.lower().replace('_', ' ')}" for code in Change)}
    _write_raster(folder / "CHANGES.tif", season.changes, note | codes)


def _date_rasters(
    land: Landscape, season: Season, offset: int, looks: float, generator: np.random.Generator
) -> dict[str, tuple[Num[np.ndarray, "row col"], str]]:
    """Pixels and units of VH, VV, NDVI and MASK at one date; NDVI is 0 under clouds, as in real scenes."""
    moisture = soil_moisture(land.elevation, _WETNESS[offset], generator)
    radar = {
        kind: (sigma0(season.biomass[offset], moisture, of, looks=looks, generator=generator), "linear sigma0")
        for kind, of in POLARISATIONS.items()
    }
    clouds = _clouds(land.elevation.shape, _CLOUD_SHARE[offset], generator)
    ndvi = np.where(clouds, 0, np.round(season.ndvi[offset] * NDVI_SCALE)).astype(np.int16)
    return radar | {"NDVI": (ndvi, "NDVI x 1000"), "MASK": (clouds.astype(np.uint8), "0 = valid, 1 = cloud")}


def _clouds(shape: tuple[int, int], share: float, generator: np.random.Generator) -> Bool[np.ndarray, "row col"]:
    """A few round clouds: the highest `share` of a smooth noise."""
    noise = smooth_noise(shape, _CLOUD_PX, generator)
    clouds: np.ndarray = noise > np.quantile(noise, 1 - share)
    return clouds


def _write_raster(path: Path, pixels: Num[np.ndarray, "row col"], tags: dict[str, str]) -> None:
    rows, cols = pixels.shape
    profile = {
        "driver": "GTiff",
        "dtype": pixels.dtype.name,
        "count": 1,
        "height": rows,
        "width": cols,
        "crs": _CRS,
        "transform": rasterio.Affine(_PIXEL_M, 0, _CORNER_M[0], 0, -_PIXEL_M, _CORNER_M[1]),
        "compress": "deflate",
    }
    with rasterio.open(path, "w", **profile) as file:
        file.write(pixels, 1)
        file.update_tags(**tags)
    try:
        with rasterio.open(path) as file:  # GDAL closes without an error on a full disk
            whole = np.array_equal(file.read(1), pixels)
    except RasterioError:
        whole = False
    if not whole:
        raise OSError(errno.ENOSPC, f"{path.name} did not read back as written, as happens on a full disk")
    flush(path)
