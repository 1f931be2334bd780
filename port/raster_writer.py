"""The raster writer puts tiles into a float32 GeoTIFF that appears whole or not at all."""

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import rasterio
from jaxtyping import Float

from port.errors import OutputError
from port.files import replacing
from port.rasters import Grid, window
from port.regions import Region

_TILE_PX = 256  # GDAL's own tile for tiled GeoTIFFs


class RasterWriter:
    """Writes one region of a grid; no-data is NaN, also where no tile was put.

    A context manager: the file is written beside its place and renamed when the block ends well.

    Raises:
        OutputError: the file exists, its folder cannot be written, or the disk is full; nothing is left of it.
        RegionError: the region leaves the grid.
    """

    def __init__(self, path: Path, grid: Grid, region: Region, *, tags: dict[str, str] | None = None) -> None:
        self.path = path
        self.region = region.within(grid.shape)
        self._grid = grid
        self._tags = tags or {}

    def __enter__(self) -> Self:
        if self.path.exists():
            raise OutputError(f"{self.path} exists already; give another name or remove it first")
        with ExitStack() as stack:
            beside = stack.enter_context(replacing(self.path))
            self._file = stack.enter_context(rasterio.open(beside, "w", **self._profile()))
            self._file.update_tags(**self._tags)
            self._open = stack.pop_all()  # closed first, then renamed
        return self

    def write(self, tile: Region, pixels: Float[np.ndarray, "row col"]) -> None:
        """Put a tile, given in the grid's pixels, in its place.

        Raises:
            OutputError: the tile's shape is not that of its pixels.
            RegionError: the tile leaves the region.
        """
        place = tile.relative_to(self.region).within(self.region.shape)
        if tile.shape != pixels.shape:
            raise OutputError(f"{self.path}: tile {tile} has shape {tile.shape}, its pixels {pixels.shape}")
        self._file.write(pixels.astype(np.float32), 1, window=window(place))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return self._open.__exit__(kind, error, trace)

    def _profile(self) -> dict[str, Any]:
        """Deflate with the floating-point predictor, tiled once a side is long enough."""
        rows, cols = self.region.shape
        profile = {
            "driver": "GTiff",
            "dtype": "float32",
            "count": 1,
            "height": rows,
            "width": cols,
            "crs": self._grid.crs,
            "transform": self._grid.of_region(self.region).transform,
            "nodata": np.nan,
            "compress": "deflate",
            "predictor": 3,
            "bigtiff": "if_safer",
        }
        if min(rows, cols) >= _TILE_PX:
            profile |= {"tiled": True, "blockxsize": _TILE_PX, "blockysize": _TILE_PX}
        return profile
