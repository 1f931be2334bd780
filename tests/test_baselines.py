"""The baselines know the optical dates alone, and the regressors only those pixels that the network may learn from."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st

from port import baselines as module
from port.baselines import CAUSAL, INTERPOLATION, Baseline, baselines, missing_remark, regressors, time_weighted
from port.regions import Region
from port.scenes import Scene

BEFORE = np.array([[0.60, 0.60, 0.10]])
AFTER = np.array([[0.10, 0.62, 0.10]])
KEPT = Region(72, 120, 0, 60)
DAYS = st.integers(1, 400)
NAMES = ["interpolation", "causal", "time-weighted", "regressor F-", "regressor F-F+"]


def training_pixels(scene: Scene, kept: Region) -> list[tuple[float, float, float]]:
    """F-, F+ and F of each valid pixel outside a region, read file by file and pixel by pixel."""
    whole, found = scene.region, []
    (before, after), truth = (
        scene.channels(whole)[[6, 7]].astype(float) / 1000,
        scene.target(whole).astype(float) / 1000,
    )
    invalid = scene.masks(whole)
    for row, col in np.ndindex(scene.shape):
        inside = kept.row_start <= row < kept.row_stop and kept.col_start <= col < kept.col_stop
        if not inside and not invalid[:, row, col].any():
            found.append((float(before[row, col]), float(after[row, col]), float(truth[row, col])))
    return found


def changed(scene: Scene, folder: Path, where: np.ndarray) -> Scene:
    """The scene with other NDVI at all three dates in the pixels named; `folder` holds an altered copy to write to."""
    for number in (1, 2, 3):
        with rasterio.open(folder / f"00{number}_NDVI.tif", "r+") as file:
            pixels = file.read(1)
            pixels[where] = 900 - pixels[where] // 2
            file.write(pixels, 1)
    return Scene.open(folder)


def test_interpolation_is_the_mean_of_both_dates() -> None:
    """A harvest from 0.60 to 0.10 is put at 0.35, whichever side of t it fell on."""
    assert np.array_equal(INTERPOLATION(BEFORE, AFTER), np.array([[0.35, 0.61, 0.10]]))


def test_interpolation_of_stored_numbers_keeps_halves() -> None:
    """Float32 stored units are not rounded to whole numbers."""
    estimate = INTERPOLATION(np.float32([[3]]), np.float32([[4]]))
    assert estimate.item() == 3.5
    assert estimate.dtype == np.float32


def test_causal_is_the_last_image_and_a_copy() -> None:
    """F-, unchanged and not the same memory."""
    estimate = CAUSAL(BEFORE, AFTER)
    assert np.array_equal(estimate, BEFORE)
    assert not np.shares_memory(estimate, BEFORE)


def test_weights_by_hand() -> None:
    """Ten days after F- and twenty before F+, F- weighs two thirds."""
    weighted = time_weighted((date(2021, 6, 1), date(2021, 6, 11), date(2021, 7, 1)))
    assert weighted is not None
    assert weighted.intercept == 0
    assert weighted.before == pytest.approx(2 / 3, rel=1e-15, abs=0)
    assert weighted.after == pytest.approx(1 / 3, rel=1e-15, abs=0)


@given(DAYS, DAYS, st.floats(-0.01, 0.01), st.floats(0, 0.5))
def test_a_steady_growth_is_met(gap: int, next_gap: int, per_day: float, start: float) -> None:
    """NDVI that grows by the same each day is estimated to the last digits, however the dates lie."""
    first = date(2016, 5, 4)
    days = (first, first + timedelta(gap), first + timedelta(gap + next_gap))
    weighted = time_weighted(days)
    assert weighted is not None
    before, at, after = (np.array([start + per_day * day]) for day in (0, gap, gap + next_gap))
    assert abs(weighted(before, after) - at).item() <= 1e-13


@pytest.mark.parametrize("unknown", [0, 1, 2])
def test_no_weights_without_a_date(unknown: int) -> None:
    """A file without a DATE tag, at whichever date, leaves no time-weighted interpolation."""
    days: list[date | None] = [date(2021, 6, 1), date(2021, 7, 1), date(2021, 8, 1)]
    days[unknown] = None
    assert time_weighted(days) is None


def test_regressor_on_one_date_is_the_closed_form(synthetic_scene: Scene) -> None:
    """Slope = covariance / variance of F-, and the line goes through both means."""
    fitted = regressors(synthetic_scene, "per-channel", kept=KEPT)
    assert fitted is not None
    before, _, truth = np.array(training_pixels(synthetic_scene, KEPT)).T
    slope = np.cov(before, truth)[0, 1] / np.var(before, ddof=1)
    assert fitted[0].before == pytest.approx(slope, rel=0, abs=1e-12)
    assert fitted[0].intercept == pytest.approx(truth.mean() - slope * before.mean(), rel=0, abs=1e-12)
    assert fitted[0].after == 0


@pytest.mark.parametrize("strip_px", [7, 256])
def test_regressor_on_both_dates_is_the_pseudoinverse(
    strip_px: int, synthetic_scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same as from all pixels at once, by singular values, in strips of any height."""
    monkeypatch.setattr(module, "_STRIP_PX", strip_px)
    fitted = regressors(synthetic_scene, "per-channel", kept=KEPT)
    assert fitted is not None
    before, after, truth = np.array(training_pixels(synthetic_scene, KEPT)).T
    found = np.linalg.pinv(np.stack([np.ones_like(before), before, after], axis=1)) @ truth
    both = fitted[1]
    assert [both.intercept, both.before, both.after] == pytest.approx(list(found), rel=0, abs=1e-12)


def test_each_regressor_beats_its_rivals_where_it_was_fitted(hesbaye: Scene) -> None:
    """Least squares: over the fitted pixels no other baseline has a smaller squared error."""
    kept = Region(60, 100, 0, 100)
    before, after, truth = np.array(training_pixels(hesbaye, kept)).T
    found = baselines(hesbaye, "per-channel", kept=kept)
    error = {name: float(np.square(baseline(before, after) - truth).mean()) for name, baseline in found.items()}
    assert list(error) == NAMES
    assert min(error, key=lambda name: error[name]) == "regressor F-F+"
    assert error["regressor F-"] < error["causal"]


@pytest.mark.parametrize("where", ["kept", "masked"])
def test_regressors_never_see(where: str, synthetic_scene: Scene, altered: Any) -> None:
    """Other NDVI in the region kept, or under the masks, leaves the same coefficients, bit for bit; elsewhere not."""
    invalid = synthetic_scene.invalid()
    kept = np.zeros_like(invalid)
    kept[KEPT.slices] = True
    hidden = {"kept": kept, "masked": invalid}[where]
    assert 0 < hidden.sum() < hidden.size
    folder = altered("002_NDVI.tif")
    first = regressors(synthetic_scene, "per-channel", kept=KEPT)
    assert regressors(changed(synthetic_scene, folder, hidden), "per-channel", kept=KEPT) == first
    assert regressors(changed(synthetic_scene, folder, ~kept & ~invalid), "per-channel", kept=KEPT) != first


def test_unscaled_units_are_the_recipes(synthetic_scene: Scene) -> None:
    """Under scaling none the intercept is in stored units, 1000 times NDVI, the slopes are the same."""
    scaled, stored = (regressors(synthetic_scene, scaling, kept=KEPT) for scaling in ("per-channel", "none"))
    assert scaled is not None
    assert stored is not None
    assert stored[1].before == pytest.approx(scaled[1].before, rel=1e-8, abs=0)
    assert stored[1].intercept == pytest.approx(1000 * scaled[1].intercept, rel=1e-8, abs=0)


def test_a_constant_image_is_no_obstacle(altered: Any) -> None:
    """F- of 0.3 everywhere says nothing: the regressor on it is the mean of F."""
    scene = Scene.open(altered("001_NDVI.tif", lambda stored: np.full_like(stored, 300)))
    fitted = regressors(scene, "per-channel", kept=KEPT)
    assert fitted is not None
    mean = float(np.mean([truth for *_, truth in training_pixels(scene, KEPT)]))
    estimate = fitted[0](np.array([0.3]), np.array([0.5])).item()
    assert estimate == pytest.approx(mean, rel=1e-9, abs=0)
    assert abs(fitted[0].intercept) + abs(fitted[0].before) < 1


def test_no_training_pixel_leaves_no_regressor(synthetic_scene: Scene, altered: Any) -> None:
    """Where all is kept for testing, or all else is masked."""
    assert regressors(synthetic_scene, "per-channel", kept=synthetic_scene.region) is None
    masked = Scene.open(altered("003_MASK.tif", np.ones_like))
    assert regressors(masked, "per-channel", kept=KEPT) is None


def test_what_a_scene_does_not_allow_is_left_out_and_told(synthetic_scene: Scene) -> None:
    """All five have a name; without dates and training pixels two are left, and the remark says why."""
    complete = baselines(synthetic_scene, "per-channel", kept=KEPT)
    assert list(complete) == NAMES
    assert missing_remark(complete) == ""
    undated = replace(synthetic_scene, dates=(None, None, None))
    poor = baselines(undated, "per-channel", kept=undated.region)
    assert poor == {"interpolation": INTERPOLATION, "causal": CAUSAL}
    assert missing_remark(poor) == (
        "baselines not compared: time-weighted (a file has no DATE tag), "
        "regressor F- (no valid pixel lies outside the region kept for testing), "
        "regressor F-F+ (no valid pixel lies outside the region kept for testing)"
    )


@given(st.floats(-1, 1), st.floats(-2, 2), st.floats(-2, 2))
def test_a_baseline_is_its_formula(intercept: float, before: float, after: float) -> None:
    """Intercept + before F- + after F+, pixel by pixel."""
    estimate = Baseline(intercept, before, after)(BEFORE, AFTER)
    for index, pixel in np.ndenumerate(estimate):
        assert abs(pixel - (intercept + before * BEFORE[index] + after * AFTER[index])) <= 1e-15
