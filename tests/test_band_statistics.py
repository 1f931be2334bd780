"""Statistics by strips are those of the whole scene at once."""

from pathlib import Path

import numpy as np
import pytest

from port import band_statistics
from port.band_statistics import BAND_SOURCES, sample_squares, survey
from port.bands import SOURCES, TARGET_SOURCE, Band, Source
from port.scenes import Scene

CLOUDED = "wervik_2017-09-23_2017-11-22"


@pytest.fixture
def clouded(real_scenes: Path) -> Scene:
    """A real scene with clouds at all three dates."""
    return Scene.open(real_scenes / CLOUDED)


def test_sources_are_the_nine_channels_and_the_target() -> None:
    """Ten files, none twice."""
    assert {SOURCES[band] for band in Band} | {TARGET_SOURCE} == set(BAND_SOURCES)
    assert len(BAND_SOURCES) == 10


@pytest.mark.parametrize("source", BAND_SOURCES, ids=lambda source: f"{source.kind}{source.date_offset}")
def test_statistics_are_those_of_the_valid_pixels(source: Source, clouded: Scene) -> None:
    """Extremes, percentiles and variance, computed here from the whole array."""
    masks = clouded.masks(clouded.region)
    masked = np.zeros(clouded.shape, dtype=bool) if source.date_offset is None else masks[source.date_offset]
    pixels = clouded.read(source, clouded.region)[~masked].astype(np.float64)
    found = survey(clouded).bands[source]
    assert found.count == pixels.size
    assert found.masked == masked.mean()
    assert (found.minimum, found.maximum) == (pixels.min(), pixels.max())
    assert [found.low, found.median, found.high] == [np.percentile(pixels, q) for q in (1, 50, 99)]
    assert abs(found.variance - pixels.var()) < 1e-10 * pixels.var()
    assert (found.missing, found.filled, found.fill) == (0, 0, None)
    assert found.zeros == (pixels == 0).mean()


def test_ratio_is_the_median_of_the_valid_pixels(clouded: Scene) -> None:
    """VH / VV in dB at each date, where both are above 0 and the date is clear."""
    masks = clouded.masks(clouded.region)
    for date, found in survey(clouded).vh_over_vv_db.items():
        vh, vv = (clouded.read(Source(kind, date), clouded.region)[~masks[date]] for kind in ("VH", "VV"))
        assert abs(found - 10 * np.log10(np.median(vh / vv))) < 1e-6
        assert found < 0


@pytest.mark.parametrize("strip_px", [1, 7, 63])
def test_strips_do_not_matter(strip_px: int, clouded: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any strip gives the same numbers, but for the rounding of the variance's sums."""
    whole = survey(clouded)
    monkeypatch.setattr(band_statistics, "_STRIP_PX", strip_px)
    strips = survey(clouded)
    for source, band in whole.bands.items():
        other = strips.bands[source]
        assert abs(other.variance - band.variance) < 1e-12 * band.variance + 1e-12 * band.maximum**2
        for name in ("count", "masked", "zeros", "minimum", "low", "median", "high", "maximum"):
            assert getattr(other, name) == getattr(band, name)
    assert strips.vh_over_vv_db == whole.vh_over_vv_db
    assert strips.masked == whole.masked


@pytest.mark.parametrize("strip_px", [5, 64])
def test_percentiles_of_a_sample_come_near(strip_px: int, clouded: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every third row and column, whatever the strips; extremes, shares and variance are still of all pixels."""
    whole = survey(clouded)
    monkeypatch.setattr(band_statistics, "_SAMPLE_PX", 64 * 64 // 9 + 1)
    monkeypatch.setattr(band_statistics, "_STRIP_PX", strip_px)
    sampled = survey(clouded)
    masks = clouded.masks(clouded.region)
    for source, band in sampled.bands.items():
        masked = np.zeros(clouded.shape, dtype=bool) if source.date_offset is None else masks[source.date_offset]
        every_third = clouded.read(source, clouded.region)[::3, ::3][~masked[::3, ::3]].astype(np.float64)
        assert band.median == np.median(every_third)
        assert abs(band.median - whole.bands[source].median) < 0.2 * whole.bands[source].variance ** 0.5
        assert (band.minimum, band.maximum) == (whole.bands[source].minimum, whole.bands[source].maximum)


def test_only_the_files_asked_for_are_read(altered: object) -> None:
    """A NaN in another band does not matter."""

    def spoilt(stored: np.ndarray) -> np.ndarray:
        changed = stored.copy()
        changed[0, 0] = np.nan
        return changed

    scene = Scene.open(altered("002_VH.tif", spoilt))
    asked = (Source("NDVI", 0), Source("NDVI", 2))
    found = survey(scene, asked)
    assert tuple(found.bands) == asked
    assert found.vh_over_vv_db == {}


def test_a_limit_above_the_scene_changes_nothing(clouded: Scene) -> None:
    """All pixels are read, and the statistics say so."""
    assert survey(clouded, limit_px=10**6) == survey(clouded)
    assert survey(clouded).read == 1


def test_a_large_scene_is_sampled(clouded: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four squares of 16 px, one at each corner: the statistics are of those pixels, the share read is told."""
    monkeypatch.setattr(band_statistics, "_SQUARE_PX", 16)
    found = survey(clouded, limit_px=2000)
    squares = sample_squares(clouded.shape, 2000)
    seen = []
    for square in squares:
        clear = ~clouded.masks(square)[1]
        seen.append(clouded.target(square)[clear])
    pixels = np.concatenate(seen)
    assert len(squares) == 4
    assert found.read == 4 * 16 * 16 / np.prod(clouded.shape)
    target = found.bands[TARGET_SOURCE]
    assert (target.count, target.minimum, target.maximum) == (pixels.size, pixels.min(), pixels.max())


@pytest.mark.parametrize(("shape", "limit_px"), [((5253, 4797), 2**21), ((100, 9000), 2**18), ((300, 300), 1)])
def test_squares_reach_from_edge_to_edge_within_the_limit(shape: tuple[int, int], limit_px: int) -> None:
    """First and last touch opposite corners where there is room for more than one; none is read twice."""
    squares = sample_squares(shape, limit_px)
    assert len(set(squares)) == len(squares)
    assert sum(np.prod(square.shape) for square in squares) <= max(limit_px, 256**2)
    assert (squares[0].row_start, squares[0].col_start) == (0, 0)
    if len(squares) > 1:
        assert (squares[-1].row_stop, squares[-1].col_stop) == shape
