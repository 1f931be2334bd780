"""A raster is one single-band GeoTIFF on a grid, read by windows."""

import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from threading import Lock

import numpy as np
import rasterio
from jaxtyping import Bool, Shaped
from rasterio.crs import CRS
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader
from rasterio.windows import Window

from port.errors import SceneError
from port.regions import Region

_SAME_GRID_PX = 1e-6  # two transforms whose terms differ by less than this share of a pixel are one
_CACHE_BYTES = 416 * 2**20
"""What GDAL may keep of blocks that it has read or not yet written; its own choice is a twentieth of the memory.

Tiles go row by row, so that each block is read and decompressed once where two rows of blocks fit in: nine bands of
10980 px in blocks of 512 px take 404 MB, and the blocks being written 11 MB.
"""


@dataclass(frozen=True)
class Grid:
    """Where a raster's pixels lie: shape (rows, columns), coordinate reference system, affine transform."""

    shape: tuple[int, int]
    crs: CRS
    transform: rasterio.Affine

    def same_transform(self, other: "Grid") -> bool:
        """Whether both transforms place each pixel alike, but for rounding in the file."""
        tolerance = _SAME_GRID_PX * max(map(abs, self.transform[:2]))
        pairs = zip(self.transform, other.transform, strict=True)
        return all(abs(mine - theirs) <= tolerance for mine, theirs in pairs)

    def of_region(self, region: Region) -> "Grid":
        """The grid of a region's pixels alone."""
        a, b, c, d, e, f = tuple(self.transform)[:6]
        row, col = region.row_start, region.col_start
        corner = rasterio.Affine(a, b, a * col + b * row + c, d, e, d * col + e * row + f)
        return Grid(region.shape, self.crs, corner)


@dataclass(frozen=True)
class Raster:
    """One band on disk: its path, grid, dtype name, no-data value (None: the file declares none) and tags."""

    path: Path
    grid: Grid
    dtype: str
    nodata: float | None
    tags: dict[str, str]

    @classmethod
    def open(cls, path: Path, *, bare: Grid | None = None) -> "Raster":
        """The raster's header; no pixel is read.

        Args:
            path: the file.
            bare: where the pixels lie if the file does not say so itself; None if it must.

        Raises:
            SceneError: missing, unreadable, not one real-valued band, without georeference, or a bare file of another
                shape than the grid.
        """
        try:
            with ungeoreferenced(), rasterio.open(path) as file:
                count, dtype, tags = file.count, str(file.dtypes[0]), dict(file.tags())
                shape, crs, transform, nodata = (file.height, file.width), file.crs, file.transform, file.nodata
        except RasterioError as error:
            raise SceneError(_unreadable(path, error)) from error
        if count != 1:
            raise SceneError(f"{path} has {count} bands, expected 1; write each band to its own file")
        if "complex" in dtype:
            raise SceneError(f"{path} is {dtype}, expected real numbers; store sigma0, not the complex signal")
        referenced = crs and transform != rasterio.Affine.identity()
        if not referenced and bare is not None:
            return cls(path, _given(path, shape, bare), dtype, nodata, tags)
        if not referenced:
            raise SceneError(
                f"{path} has no georeference (CRS {crs}, transform {tuple(transform)[:6]}), expected both a "
                "CRS and a transform; set them, for instance with gdal_translate -a_srs and -a_ullr, or name with "
                "--region where a bare prediction lies"
            )
        return cls(path, Grid(shape, crs, transform), dtype, nodata, tags)

    def read(self, region: Region) -> Shaped[np.ndarray, "row col"]:
        """The stored pixels of a region, in the file's own dtype.

        Raises:
            RegionError: the region leaves the raster.
            SceneError: the pixels cannot be read.
        """
        region.within(self.grid.shape)
        try:
            with self._opened() as file:
                pixels: np.ndarray = file.read(1, window=window(region))
        except RasterioError as error:
            raise SceneError(_unreadable(self.path, error)) from error
        return pixels

    @contextmanager
    def _opened(self) -> Iterator[DatasetReader]:
        """The file, opened to be read once."""
        with ungeoreferenced(), rasterio.open(self.path) as file:
            yield file

    @contextmanager
    def held(self) -> Iterator["HeldRaster"]:
        """The raster with its file open for as long as the context stands: for many readings.

        Raises:
            SceneError: the file cannot be opened.
        """
        with ExitStack() as stack:
            try:
                file = stack.enter_context(self._opened())
            except RasterioError as error:
                raise SceneError(_unreadable(self.path, error)) from error
            yield HeldRaster(**{each.name: getattr(self, each.name) for each in fields(self)}, file=file, lock=Lock())

    def is_nodata(self, pixels: Shaped[np.ndarray, "row col"]) -> Bool[np.ndarray, "row col"]:
        """Which of the stored pixels are the file's no-data value, NaN included."""
        if self.nodata is None:
            return np.zeros(pixels.shape, dtype=bool)
        return np.asarray(np.isnan(pixels) if np.isnan(self.nodata) else pixels == self.nodata)


@dataclass(frozen=True)
class HeldRaster(Raster):
    """A raster whose file is open; any thread may read it, one at a time, so that all share the blocks GDAL keeps."""

    file: DatasetReader
    lock: Lock

    @contextmanager
    def _opened(self) -> Iterator[DatasetReader]:
        with self.lock:
            yield self.file


def modest_cache() -> rasterio.Env:
    """A context in which GDAL keeps a modest amount of pixels in memory, the same on any machine."""
    return rasterio.Env(GDAL_CACHEMAX=_CACHE_BYTES)


@contextmanager
def ungeoreferenced() -> Iterator[None]:
    """A file without georeference is no cause for a warning: where it matters it is an error of ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield


def _given(path: Path, shape: tuple[int, int], grid: Grid) -> Grid:
    """The grid that a bare file is said to lie on.

    Raises:
        SceneError: it has another shape.
    """
    if shape != grid.shape:
        raise SceneError(
            f"{path} has {shape[0]} rows x {shape[1]} columns and no georeference, but is said to lie on a region of "
            f"{grid.shape[0]} x {grid.shape[1]}; give the region that was written"
        )
    return grid


def window(region: Region) -> Window:
    """The region in rasterio's terms."""
    rows, cols = region.shape
    return Window(region.col_start, region.row_start, cols, rows)


def _unreadable(path: Path, error: Exception) -> str:
    detail = str(error.__cause__ or error)
    return f"{path} cannot be read as a GeoTIFF: {detail}; replace it with a whole, readable file"
