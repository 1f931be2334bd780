"""The raster writer puts tiles into a float32 GeoTIFF that appears whole or not at all."""

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import rasterio
from jaxtyping import Float, Float32
from rasterio.errors import RasterioError

from port.errors import OutputError
from port.files import replacing
from port.outputs import check_free
from port.rasters import Grid, ungeoreferenced, window
from port.recipes import Georeference
from port.regions import Region

_TILE_PX = 256  # GDAL's own tile for tiled GeoTIFFs


class RasterWriter:
    """Writes one region of a grid; pixels are NaN where no tile was put, which georeference "scene" declares no-data.

    Georeference "bare" holds pixels alone: no place, no no-data value, and none of the tags.

    A context manager: the file is written beside its place, read back, and renamed when the block ends well. Each pixel
    may be written once.

    Raises:
        OutputError: the file exists, its folder cannot be written, or the disk is full; nothing is left of it.
        RegionError: the region leaves the grid.
    """

    def __init__(
        self,
        path: Path,
        grid: Grid,
        region: Region,
        *,
        tags: dict[str, str] | None = None,
        georeference: Georeference = "scene",
    ) -> None:
        self.path = path
        self.region = region.within(grid.shape)
        self._grid = grid
        self._georeference = georeference
        self._tags = tags or {}
        self._written = 0

    def __enter__(self) -> "RasterWriter":
        check_free(self.path)
        with ExitStack() as stack:
            self._beside = stack.enter_context(replacing(self.path))
            stack.enter_context(ungeoreferenced())
            stack.push(self._read_back)
            self._file = stack.enter_context(rasterio.open(self._beside, "w", **self._profile()))
            if self._georeference == "bare":
                self._fill()
            else:
                self._file.update_tags(**self._tags)
            self._open = stack.pop_all()  # to be closed, read back, renamed
        return self

    def _fill(self) -> None:
        """NaN everywhere: without a no-data value GDAL reads pixels that were never written as 0."""
        for strip in Region.whole(self.region.shape).strips(_TILE_PX):
            self._file.write(np.full(strip.shape, np.nan, dtype=np.float32), 1, window=window(strip))

    def write(self, tile: Region, pixels: Float[np.ndarray, "row col"]) -> None:
        """Put a tile, given in the grid's pixels, in its place.

        Raises:
            OutputError: the tile's shape is not that of its pixels.
            RegionError: the tile leaves the region.
        """
        place = tile.relative_to(self.region).within(self.region.shape)
        if tile.shape != pixels.shape:
            raise OutputError(f"{self.path}: tile {tile} has shape {tile.shape}, its pixels {pixels.shape}")
        stored = pixels.astype(np.float32)
        self._file.write(stored, 1, window=window(place))
        self._written += _sum_of_bits(stored)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return self._open.__exit__(kind, error, trace)

    def _read_back(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """GDAL closes without an error on a full disk and reads the missing blocks as no-data: so compare."""
        if kind is not None:
            return
        try:
            with rasterio.open(self._beside) as file:
                tiles = Region.whole(self.region.shape).strips(_TILE_PX)
                found = str(sum(_sum_of_bits(file.read(1, window=window(tile))) for tile in tiles))
        except RasterioError as problem:
            found = str(problem)
        if found != str(self._written):
            raise OutputError(
                f"cannot write {self.path}: it did not read back as written (sums of bits: {found}, expected "
                f"{self._written}), as happens on a full disk; free some space there, or choose a disk that has it"
            )

    def _profile(self) -> dict[str, Any]:
        """Deflate with the floating-point predictor, tiled once a side is long enough."""
        rows, cols = self.region.shape
        profile = {
            "driver": "GTiff",
            "dtype": "float32",
            "count": 1,
            "height": rows,
            "width": cols,
            "compress": "deflate",
            "predictor": 3,
            "bigtiff": "if_safer",
        }
        if self._georeference == "scene":
            place = self._grid.of_region(self.region)
            profile |= {"crs": place.crs, "transform": place.transform, "nodata": np.nan}
        if min(rows, cols) >= _TILE_PX:
            profile |= {"tiled": True, "blockxsize": _TILE_PX, "blockysize": _TILE_PX}
        return profile


def _sum_of_bits(pixels: Float32[np.ndarray, "row col"]) -> int:
    """Sum of all numbers' bit patterns, NaN left out: the same in any order, another if one bit is lost."""
    return int(pixels[~np.isnan(pixels)].view(np.uint32).sum(dtype=np.uint64))
