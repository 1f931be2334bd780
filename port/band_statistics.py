"""Statistics of a scene's bands as stored, over their valid pixels, gathered by strips of rows, or from a few squares.

Extremes, shares and variance are of all pixels read; percentiles are of a regular sample of their rows and columns, at
most about 2^18 pixels (all pixels of a scene up to 512 x 512), so a scene is never held whole.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32

from port.band_limits import FILL_VALUES, LARGEST_NUMBER
from port.bands import SOURCES, TARGET_SOURCE, Source
from port.layout import TRIPLE
from port.regions import Region
from port.scenes import Scene

BAND_SOURCES = tuple(dict.fromkeys((*SOURCES.values(), TARGET_SOURCE)))
"""The ten files that channels and target are read from."""
_STRIP_PX = 256  # rows read at once
_SQUARE_PX = 256  # side of a square of a sample
_SAMPLE_PX = 2**18  # pixels kept for the percentiles
_PERCENTILES = (1, 50, 99)


@dataclass(frozen=True, kw_only=True)
class BandStatistics:
    """One file's pixels in stored units; NaN where no pixel is valid.

    Valid: unmasked at the band's date, not its declared no-data value, not a fill value. `masked` is the share of the
    file's pixels that are masked or no-data, `missing` that of its own no-data; `filled` and `zeros` are shares of the
    unmasked pixels; `fill` is the fill value found, if any.
    """

    masked: float
    missing: float
    filled: float
    fill: float | None
    zeros: float
    count: int
    minimum: float
    low: float
    median: float
    high: float
    maximum: float
    variance: float

    @property
    def largest(self) -> float:
        """The larger magnitude of the 1st and 99th percentile."""
        return max(abs(self.low), abs(self.high))


@dataclass(frozen=True, kw_only=True)
class Survey:
    """Statistics of each file, the masks' own masked shares by date, and the median of VH / VV in dB by date.

    `read` is the share of the scene's pixels that they are of.
    """

    bands: Mapping[Source, BandStatistics]
    masked: Mapping[int, float]
    vh_over_vv_db: Mapping[int, float]
    read: float = 1.0


def survey(scene: Scene, sources: Iterable[Source] = BAND_SOURCES, *, limit_px: int | None = None) -> Survey:
    """The statistics of these files of a scene; of one with more pixels than the limit, those of a grid of squares.

    Where all is read, the blocks of the files and of the masks are checked, too.

    Raises:
        SceneError: a band cannot be read, holds NaN, or a block of it was changed.
    """
    tallies = {source: _Tally() for source in sources}
    mask_px = dict.fromkeys(TRIPLE, 0)
    strips = list(scene.region.strips(_STRIP_PX))
    if limit_px is not None and math.prod(scene.shape) > limit_px:
        strips = sample_squares(scene.shape, limit_px)
    else:
        for source in (*tallies, *(Source("MASK", date) for date in TRIPLE)):
            scene.rasters[source].check_blocks()
    total = sum(math.prod(strip.shape) for strip in strips)
    step = math.ceil(math.sqrt(total / _SAMPLE_PX))
    for strip in strips:
        masks = scene.masks(strip)
        for date in TRIPLE:
            mask_px[date] += int((scene.rasters[Source("MASK", date)].read(strip) != 0).sum())
        for source, tally in tallies.items():
            missing = _missing(scene, source, strip)
            masked = missing if source.date_offset is None else masks[source.date_offset]
            tally.add(scene.read(source, strip), masked, missing, slice(-strip.row_start % step, None, step))
    ratios = {date: _ratio_db(tallies, date) for date in TRIPLE}
    return Survey(
        bands={source: tally.result() for source, tally in tallies.items()},
        masked={date: count / total for date, count in mask_px.items()},
        vh_over_vv_db={date: ratio for date, ratio in ratios.items() if not math.isnan(ratio)},
        read=total / math.prod(scene.shape),
    )


def sample_squares(shape: tuple[int, int], limit_px: int) -> list[Region]:
    """Squares of 256 px on a regular grid from edge to edge, at most so many pixels but one square at least."""
    count = max(1, math.isqrt(limit_px) // _SQUARE_PX)
    rows, cols = ([round(start) for start in np.linspace(0, max(0, side - _SQUARE_PX), count)] for side in shape)
    squares = [Region(row, row + _SQUARE_PX, col, col + _SQUARE_PX) for row in rows for col in cols]
    return list(dict.fromkeys(square.clipped(shape) for square in squares))


class _Tally:
    """Running sums of one file."""

    def __init__(self) -> None:
        self.pixels = self.masked = self.missing = self.filled = self.zeros = self.count = 0
        self.fill: float | None = None
        self.minimum, self.maximum = math.inf, -math.inf
        self.sum = self.squares = 0.0
        self.samples: list[np.ndarray] = []

    def add(
        self,
        stored: Float32[np.ndarray, "row col"],
        masked: Bool[np.ndarray, "row col"],
        missing: Bool[np.ndarray, "row col"],
        rows: slice,
    ) -> None:
        """Count a strip; `rows` are those of the sample, its columns are as far apart."""
        fill = ~masked & (np.isin(stored, FILL_VALUES) | (np.abs(stored) > LARGEST_NUMBER))
        valid = ~masked & ~fill
        pixels = stored[valid].astype(np.float64)
        self.pixels += stored.size
        self.masked += int(masked.sum())
        self.missing += int(missing.sum())
        self.filled += int(fill.sum())
        self.zeros += int((pixels == 0).sum())
        self.count += pixels.size
        if fill.any():
            self.fill = float(stored[fill][0])
        if pixels.size:
            self.minimum = min(self.minimum, float(pixels.min()))
            self.maximum = max(self.maximum, float(pixels.max()))
        self.sum += float(pixels.sum())
        self.squares += float((pixels**2).sum())
        self.samples.append(np.where(valid, stored, np.nan)[rows, :: rows.step].ravel())

    def sample(self) -> Float32[np.ndarray, "pixel"]:
        """The sampled pixels, NaN where invalid, at the same places in every file."""
        return np.concatenate(self.samples)

    def result(self) -> BandStatistics:
        """What was counted."""
        unmasked = self.pixels - self.masked
        valid = self.sample()
        valid = valid[~np.isnan(valid)]
        nothing = (math.nan,) * len(_PERCENTILES)
        low, median, high = np.percentile(valid.astype(np.float64), _PERCENTILES) if valid.size else nothing
        mean = self.sum / self.count if self.count else math.nan
        return BandStatistics(
            masked=self.masked / self.pixels,
            missing=self.missing / self.pixels,
            filled=self.filled / unmasked if unmasked else 0.0,
            fill=self.fill,
            zeros=self.zeros / unmasked if unmasked else 0.0,
            count=self.count,
            minimum=self.minimum if self.count else math.nan,
            low=float(low),
            median=float(median),
            high=float(high),
            maximum=self.maximum if self.count else math.nan,
            variance=max(self.squares / self.count - mean**2, 0.0) if self.count else math.nan,
        )


def _missing(scene: Scene, source: Source, strip: Region) -> Bool[np.ndarray, "row col"]:
    """Where a file holds its declared no-data value."""
    raster = scene.rasters[source]
    return raster.missing(strip) if raster.declares_missing else np.zeros(strip.shape, dtype=bool)


def _ratio_db(tallies: Mapping[Source, _Tally], date: int) -> float:
    """Median of VH / VV in dB where both are above 0; NaN where no pixel is, or a file was not asked for."""
    sources = Source("VH", date), Source("VV", date)
    if not all(source in tallies for source in sources):
        return math.nan
    vh, vv = (tallies[source].sample() for source in sources)
    both = (vh > 0) & (vv > 0)
    return 10 * math.log10(float(np.median(vh[both] / vv[both]))) if both.any() else math.nan
