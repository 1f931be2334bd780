"""The raster writer puts tiles into a float32 GeoTIFF that appears whole or not at all."""

import os
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import rasterio
from jaxtyping import Float
from rasterio.errors import RasterioError
from rasterio.windows import transform as window_transform

from port.errors import OutputError
from port.rasters import Grid, window
from port.regions import Region

_TILE_PX = 256  # GDAL's own tile for tiled GeoTIFFs


class RasterWriter:
    """Writes a float32 GeoTIFF of one region of a grid, tile by tile; no-data is NaN, also where nothing was written.

    The file is written beside its place and renamed when the `with` block ends well; otherwise nothing appears.

    Raises:
        OutputError: the folder cannot be written, the disk is full, or the file exists.
    """

    def __init__(self, path: Path, grid: Grid, region: Region, *, tags: dict[str, str] | None = None) -> None:
        self.path = path
        self.region = region.within(grid.shape)
        self._grid = grid
        self._tags = tags or {}
        self._partial = path.with_name(f".{path.name}.{os.getpid()}.partial")

    def __enter__(self) -> Self:
        try:
            if self.path.exists():
                raise OutputError(f"{self.path} exists already; give another name or remove it first")
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = rasterio.open(self._partial, "w", **self._profile())
            self._file.update_tags(**self._tags)
        except (RasterioError, OSError) as error:
            self._partial.unlink(missing_ok=True)
            raise OutputError(self._unwritable(error)) from error
        return self

    def write(self, tile: Region, pixels: Float[np.ndarray, "row col"]) -> None:
        """Put a tile, given in the grid's pixels, in its place.

        Raises:
            OutputError: the tile's shape is not that of its pixels, or the disk is full.
            RegionError: the tile leaves the region.
        """
        place = tile.relative_to(self.region).within(self.region.shape)
        if tile.shape != pixels.shape:
            raise OutputError(f"{self.path}: tile {tile} has shape {tile.shape}, its pixels {pixels.shape}")
        try:
            self._file.write(pixels.astype(np.float32), 1, window=window(place))
        except (RasterioError, OSError) as error:
            raise OutputError(self._unwritable(error)) from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._file.close()
            if kind is None:
                with self._partial.open("rb") as file:
                    os.fsync(file.fileno())
                self._partial.replace(self.path)
        except (RasterioError, OSError) as failure:
            raise OutputError(self._unwritable(failure)) from failure
        finally:
            self._partial.unlink(missing_ok=True)

    def _profile(self) -> dict[str, Any]:
        """Tiled deflate with the floating-point predictor; the transform is moved to the region's corner."""
        rows, cols = self.region.shape
        profile = {
            "driver": "GTiff",
            "dtype": "float32",
            "count": 1,
            "height": rows,
            "width": cols,
            "crs": self._grid.crs,
            "transform": window_transform(window(self.region), self._grid.transform),
            "nodata": np.nan,
            "compress": "deflate",
            "predictor": 3,
            "bigtiff": "if_safer",
        }
        if min(rows, cols) >= _TILE_PX:
            profile |= {"tiled": True, "blockxsize": _TILE_PX, "blockysize": _TILE_PX}
        return profile

    def _unwritable(self, error: Exception) -> str:
        return f"{self.path} cannot be written: {error}; choose a folder that is writable and has space"
