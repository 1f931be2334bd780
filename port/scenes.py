"""A scene is one folder of single-band GeoTIFFs on one grid: VH, VV, NDVI and MASK of three dates, and one DEM."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32, UInt8

from port.bands import SOURCES, TARGET_SOURCE, Band, Source
from port.errors import SceneError
from port.layout import ALL_SOURCES, TRIPLE, dates_in, file_name, names_in, suffix_in
from port.network import BORDER_PX
from port.rasters import Grid, Raster
from port.recipes import Nodata
from port.regions import Region

_SMALLEST_PX = 2 * BORDER_PX + 1  # the network's own window
_STRIP_PX = 256  # rows read at once where a whole scene is passed over


@dataclass(frozen=True)
class Scene:
    """Three dates (t-1, t, t+1) of one place, read by windows.

    Nodata "masked": pixels that hold their file's declared no-data value, or that its own mask hides, read as 0 and are
    invalid in the mask of their date (of all three dates for the DEM). "ignored": they read as stored, and MASK alone
    tells what is invalid. NaN and infinities that remain are an error. `dates` are the NDVI files' DATE tags, None
    where a file has none.
    """

    directory: Path
    suffix: str
    first_date: int
    grid: Grid
    dates: tuple[date | None, date | None, date | None]
    rasters: Mapping[Source, Raster]
    nodata: Nodata = "masked"

    @classmethod
    def open(cls, directory: Path | str, *, first_date: int = 1, nodata: Nodata = "masked") -> "Scene":
        """Check all 13 files of the triple (first_date, +1, +2) by their headers.

        Raises:
            SceneError: a file is missing or unreadable, two suffixes, files that differ in shape, CRS or transform, or
                a scene too small for the network.
        """
        folder = Path(directory)
        suffix = suffix_in(folder)
        paths = {source: folder / file_name(source, first_date, suffix) for source in ALL_SOURCES}
        present = names_in(folder)
        missing = [path.name for path in paths.values() if path.name not in present]
        if missing:
            ours = {name.lower() for name in missing}
            alike = sorted(name for name in present if name.lower().replace(".tiff", ".tif") in ours)
            raise SceneError(
                f"{folder} lacks {', '.join(missing)}: {len(missing)} of the 13 files of dates {first_date} to "
                f"{first_date + 2}; add them"
                + (f" (there is {', '.join(alike)}: rename)" if alike else "")
                + f", or choose another --first-date (dates present: {dates_in(folder)})"
            )
        rasters = {source: Raster.open(path) for source, path in paths.items()}
        grid = _common_grid(rasters)
        if min(grid.shape) < _SMALLEST_PX:
            raise SceneError(
                f"{folder} is a scene of {grid.shape[0]} rows x {grid.shape[1]} columns, but the network sees "
                f"{_SMALLEST_PX} x {_SMALLEST_PX} px at once, the least that a scene must have; give a larger one"
            )
        return cls(folder, suffix, first_date, grid, _acquisition_dates(rasters), rasters, nodata)

    @contextmanager
    def held(self, bands: Iterable[Band]) -> Iterator["Scene"]:
        """The scene with these bands' files open for as long as the context stands: for many readings, by any thread.

        Raises:
            SceneError: a file cannot be opened.
        """
        with ExitStack() as stack:
            sources = dict.fromkeys(SOURCES[band] for band in bands)
            held = {source: stack.enter_context(self.rasters[source].held()) for source in sources}
            yield replace(self, rasters={**self.rasters, **held})

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return self.grid.shape

    @property
    def region(self) -> Region:
        """All pixels."""
        return Region.whole(self.shape)

    def read(self, source: Source, region: Region) -> Float32[np.ndarray, "row col"]:
        """One file's pixels in stored units, masked no-data as 0.

        Raises:
            RegionError: the region leaves the scene.
            SceneError: unreadable, or NaN or infinite pixels.
        """
        raster = self.rasters[source]
        stored = raster.read(region)
        with np.errstate(over="ignore"):  # what is too large becomes infinite, and an error below
            pixels: np.ndarray = stored.astype(np.float32, copy=False)
        if self.nodata == "masked" and raster.declares_missing:
            pixels = np.where(raster.missing(region, stored), np.float32(0), pixels)
        finite = np.isfinite(pixels)
        if not finite.all():
            bad = np.argwhere(~finite)
            row, col = bad[0]
            kind = "too large" if np.isfinite(stored[row, col]) else "NaN or infinite"  # for float32, or at all
            raise SceneError(
                f"{raster.path} has {len(bad)} {kind} pixels in {region}, expected none; the first is "
                f"{stored[row, col]} at row {row + region.row_start}, column {col + region.col_start}; fill them, or "
                "declare that value as the file's no-data value and leave nodata at masked"
            )
        return pixels

    def channels(self, region: Region, bands: Sequence[Band] = tuple(Band)) -> Float32[np.ndarray, "channel row col"]:
        """The bands' pixels in stored units, in the order given."""
        channels = np.empty((len(bands), *region.shape), dtype=np.float32)
        for channel, band in zip(channels, bands, strict=True):
            channel[:] = self.read(SOURCES[band], region)
        return channels

    def target(self, region: Region) -> Float32[np.ndarray, "row col"]:
        """NDVI at t in stored units."""
        return self.read(TARGET_SOURCE, region)

    def masks(self, region: Region) -> Bool[np.ndarray, "3 row col"]:
        """True where a pixel is invalid at t-1, t, t+1: MASK is not 0, or a file of that date says it is missing."""
        masks = np.stack([self.rasters[Source("MASK", offset)].read(region) != 0 for offset in TRIPLE])
        for offset in TRIPLE:
            for source in self.declaring(offset):
                raster = self.rasters[source]
                masks[offset] |= raster.is_nodata(raster.read(region))
            for source in self._hiding(offset):
                masks[offset] |= self.rasters[source].hidden(region)
        return masks

    def declaring(self, offset: int) -> list[Source]:
        """The files whose no-data is masked at a date: bands of that date and the DEM that declare a value."""
        return [
            source
            for source, raster in self.rasters.items()
            if self.nodata == "masked" and raster.nodata is not None and source.kind != "MASK"
            if source.date_offset in (offset, None)
        ]

    def _hiding(self, offset: int) -> list[Source]:
        """The files of a date and the DEM whose own mask tells what is missing; MASK may have one, too."""
        return [
            source
            for source, raster in self.rasters.items()
            if self.nodata == "masked" and raster.masked and source.date_offset in (offset, None)
        ]

    def invalid(self) -> Bool[np.ndarray, "row col"]:
        """True where a pixel of the scene is invalid at any of the three dates; one byte a pixel, read by strips."""
        return np.concatenate([self.masks(strip).any(axis=0) for strip in self.region.strips(_STRIP_PX)])

    def changes(self, region: Region) -> UInt8[np.ndarray, "row col"] | None:
        """What happened between the dates, in `port.crops.Change`'s codes; None where the scene has no such file.

        Raises:
            SceneError: the file lies on another grid than the scene, or holds no whole numbers.
        """
        path = self.directory / f"CHANGES{self.suffix}.tif"
        if path.name not in names_in(self.directory):
            return None
        raster = Raster.open(path)
        _check_grid(raster, self.rasters[ALL_SOURCES[0]])
        if raster.dtype != "uint8":
            raise SceneError(f"{path} is {raster.dtype}, expected codes as uint8; store it so, or remove it")
        return np.asarray(raster.read(region))


def _common_grid(rasters: Mapping[Source, Raster]) -> Grid:
    """The grid all files share, with the first file as the measure."""
    reference = rasters[ALL_SOURCES[0]]
    for raster in rasters.values():
        _check_grid(raster, reference)
    return reference.grid


def _check_grid(raster: Raster, reference: Raster) -> None:
    """Raise SceneError unless a raster lies on the same grid as another."""
    mine, theirs = raster.grid, reference.grid
    if mine.shape != theirs.shape:
        what, found, expected = "shape (rows, columns)", str(mine.shape), str(theirs.shape)
    elif mine.crs != theirs.crs:
        what, found, expected = "CRS", mine.crs.to_string(), theirs.crs.to_string()
    elif not mine.same_transform(theirs):
        what, found, expected = "transform", str(tuple(mine.transform)[:6]), str(tuple(theirs.transform)[:6])
    else:
        return
    raise SceneError(
        f"{raster.path} has {what} {found}, {reference.path.name} has {expected}; "
        "all files of a scene must lie on one grid: resample it, for instance with gdalwarp"
    )


def _acquisition_dates(rasters: Mapping[Source, Raster]) -> tuple[date | None, date | None, date | None]:
    """DATE tags of the three NDVI files, in ascending order where all are there."""
    dates = [_date_tag(rasters[Source("NDVI", offset)]) for offset in TRIPLE]
    known = [day for day in dates if day is not None]
    if sorted(set(known)) != known:
        raise SceneError(
            f"{rasters[ALL_SOURCES[0]].path.parent} has DATE tags {', '.join(map(str, known))}, expected "
            "ascending dates for t-1, t, t+1; rename the files in the order of their dates"
        )
    return dates[0], dates[1], dates[2]


def _date_tag(raster: Raster) -> date | None:
    text = raster.tags.get("DATE")
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).date()
    except ValueError:
        raise SceneError(
            f"{raster.path} has DATE tag {text!r}, expected YYYY-MM-DD; correct or remove the tag"
        ) from None
