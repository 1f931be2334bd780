"""A raster is one single-band GeoTIFF on a grid, read by windows."""

import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from threading import Lock

import numpy as np
import rasterio
from jaxtyping import Bool, Shaped
from rasterio._err import CPLE_BaseError  # what rasterio passes on as it is where it did not expect GDAL to fail
from rasterio.crs import CRS
from rasterio.enums import MaskFlags
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader
from rasterio.windows import Window

from port.errors import SceneError
from port.raster_faults import check_blocks, check_file, check_size, damaged
from port.regions import Region

_SAME_GRID_PX = 1e-6  # two transforms whose terms differ by less than this share of a pixel are one
_FAULTS = (RasterioError, CPLE_BaseError, ValueError)  # ValueError: a CRS, or text that is no UTF-8
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
    """One band on disk: its path, grid, dtype name, no-data value (None: the file declares none) and tags.

    `masked`: beside the band the file has a mask of its own, which tells what is no-data.
    """

    path: Path
    grid: Grid
    dtype: str
    nodata: float | None
    tags: dict[str, str]
    masked: bool

    @classmethod
    def open(cls, path: Path, *, bare: Grid | None = None, unplaced: str = "") -> "Raster":
        """The raster's header; no pixel is read.

        Args:
            path: the file.
            bare: where the pixels lie if the file does not say so itself; None if it must.
            unplaced: what else can be done about a file that does not say so, for the error.

        Raises:
            SceneError: missing, unreadable, not one real-valued band, without georeference, or a bare file of another
                shape than the grid.
        """
        check_file(path)
        try:
            with ungeoreferenced(), rasterio.open(path, driver="GTiff") as file:
                count, pages, dtypes, tags = file.count, len(file.subdatasets), file.dtypes, dict(file.tags())
                shape, crs, transform, nodata = (file.height, file.width), file.crs, file.transform, file.nodata
                masked = count == 1 and MaskFlags.per_dataset in file.mask_flag_enums[0]
        except _FAULTS as error:
            raise damaged(path, "its header") from error
        if count != 1 or pages > 1:
            what = f"{count} bands" if count != 1 else f"{pages} images"
            raise SceneError(f"{path} has {what}, expected 1; write each band to its own file")
        if "complex" in dtypes[0]:
            raise SceneError(f"{path} is {dtypes[0]}, expected real numbers; store sigma0, not the complex signal")
        check_size(path, shape, np.dtype(dtypes[0]).itemsize)
        referenced = crs and transform != rasterio.Affine.identity() and not transform.is_degenerate
        if not referenced and bare is not None:
            return cls(path, _given(path, shape, bare), dtypes[0], nodata, tags, masked)
        if not referenced:
            raise SceneError(
                f"{path} has no georeference (CRS {crs}, transform {tuple(transform)[:6]}), expected both a "
                f"CRS and a transform; set them, for instance with gdal_translate -a_srs and -a_ullr{unplaced}"
            )
        return cls(path, Grid(shape, crs, transform), dtypes[0], nodata, tags, masked)

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
        except _FAULTS as error:
            raise damaged(self.path, f"a part of {region}") from error
        return pixels

    def check_blocks(self) -> None:
        """See that no block was changed since it was written, as far as its compression can tell; reads all of them.

        Raises:
            SceneError: one was.
        """
        check_blocks(self.path)

    def missing(
        self, region: Region, pixels: Shaped[np.ndarray, "row col"] | None = None
    ) -> Bool[np.ndarray, "row col"]:
        """Where a region holds the file's no-data value, or is hidden by its mask; `pixels` are its own, if read.

        Raises:
            RegionError, SceneError: see `read`.
        """
        missing: np.ndarray = self.is_nodata(self.read(region) if pixels is None else pixels) | self.hidden(region)
        return missing

    def hidden(self, region: Region) -> Bool[np.ndarray, "row col"]:
        """Where the file's own mask, if it has one, hides a region.

        Raises:
            RegionError, SceneError: see `read`.
        """
        region.within(self.grid.shape)
        if not self.masked:
            return np.zeros(region.shape, dtype=bool)
        try:
            with self._opened() as file:
                shown: np.ndarray = file.read_masks(1, window=window(region))
        except _FAULTS as error:
            raise damaged(self.path, f"the mask of a part of {region}") from error
        return np.asarray(shown == 0)

    @contextmanager
    def _opened(self) -> Iterator[DatasetReader]:
        """The file, opened to be read once."""
        with ungeoreferenced(), rasterio.open(self.path, driver="GTiff") as file:
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
            except _FAULTS as error:
                raise damaged(self.path, "its header") from error
            yield HeldRaster(**{each.name: getattr(self, each.name) for each in fields(self)}, file=file, lock=Lock())

    @property
    def declares_missing(self) -> bool:
        """Whether the file says, by a value or a mask, that pixels of it are missing."""
        return self.nodata is not None or self.masked

    def is_nodata(self, pixels: Shaped[np.ndarray, "row col"]) -> Bool[np.ndarray, "row col"]:
        """Which of the stored pixels are the file's no-data value, NaN included."""
        if self.nodata is None:
            return np.zeros(pixels.shape, dtype=bool)
        return np.asarray(np.isnan(pixels) if np.isnan(self.nodata) else pixels == self.nodata)


@dataclass(frozen=True)
class HeldRaster(Raster):
    """A raster whose file is open; any thread may read it, one at a time, so that all share the blocks GDAL keeps."""

    file: DatasetReader
    lock: AbstractContextManager[object]

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
