"""All methods are compared with NDVI at t on the same pixels, found by the prediction's own georeference."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import rasterio

from port.baselines import baselines
from port.crops import Change
from port.errors import PatchError, RegionError, SceneError
from port.evaluation import Comparison, accuracy, compare, compared, read_maps
from port.metrics import Metrics
from port.raster_writer import RasterWriter
from port.regions import Region
from port.scenes import Scene
from port.summary import COLUMNS, as_json, table_sections, table_text

REGION = Region(40, 100, 0, 104)


def estimate(path: Path, scene: Scene, region: Region, offset: float) -> Path:
    """A prediction that is NDVI at t plus an offset, written as ours are; no-data in its first 3 columns."""
    with RasterWriter(path, scene.grid, region) as writer:
        pixels = scene.target(region) / 1000 + np.float32(offset)
        pixels[:, :3] = np.nan
        writer.write(region, pixels)
    return path


def test_valid_pixels_are_unmasked_inner_and_estimated(synthetic_scene: Scene, tmp_path: Path) -> None:
    """All three masks 0, 8 px or more from the scene's edge, and not no-data."""
    path = estimate(tmp_path / "p.tif", synthetic_scene, REGION, 0)
    maps = read_maps(synthetic_scene, path, "per-channel")
    assert maps.region == REGION
    inner = np.zeros(REGION.shape, dtype=bool)
    inner[:, 8:96] = True  # all rows are 8 px or more from the edge
    assert np.array_equal(maps.valid, inner & ~synthetic_scene.masks(REGION).any(axis=0))


def test_a_constant_offset_is_the_error(synthetic_scene: Scene, tmp_path: Path) -> None:
    """NDVI plus 0.05 is wrong by 0.05 in mean and root mean square, and correlates fully, within float32 rounding."""
    maps = read_maps(synthetic_scene, estimate(tmp_path / "p.tif", synthetic_scene, REGION, 0.05), "per-channel")
    found = accuracy(maps, maps.estimate)["all"]
    rounding = 4 * np.finfo(np.float32).eps
    assert abs(found.mae - 0.05) < rounding
    assert abs(found.rmse - 0.05) < rounding
    assert abs(found.cc - 1) < 1e-9


def test_kinds_of_field_are_told_apart(synthetic_scene: Scene, tmp_path: Path) -> None:
    """Harvested, sown and stable pixels add up to all, and interpolation is worst where something changed."""
    maps = read_maps(synthetic_scene, estimate(tmp_path / "p.tif", synthetic_scene, REGION, 0), "per-channel")
    found = accuracy(maps, maps.baseline("interpolation"))
    assert list(found) == ["all", "harvested", "sown", "stable"]
    assert found["all"].pixels == sum(found[kind].pixels for kind in ("harvested", "sown", "stable"))
    codes = synthetic_scene.changes(REGION)
    assert codes is not None
    harvested = np.isin(codes, (Change.HARVESTED_BEFORE_T, Change.HARVESTED_AFTER_T))
    assert found["harvested"].pixels == (harvested & maps.valid).sum()
    assert min(found["harvested"].mae, found["sown"].mae) > 3 * found["stable"].mae


def test_kinds_of_field_have_no_ssim(synthetic_scene: Scene, tmp_path: Path) -> None:
    """Only all pixels together do: whole windows of one kind would be the middles of large fields."""
    maps = read_maps(synthetic_scene, estimate(tmp_path / "p.tif", synthetic_scene, REGION, 0.05), "per-channel")
    found = accuracy(maps, maps.estimate)
    assert {kind for kind, metrics in found.items() if not math.isnan(metrics.ssim)} == {"all"}


def test_regressors_are_fitted_outside_the_prediction(synthetic_scene: Scene, tmp_path: Path) -> None:
    """Also where a part of it is compared; or outside the region said to be kept from training."""
    path = estimate(tmp_path / "p.tif", synthetic_scene, REGION, 0)
    kept = Region(30, 110, 0, 104)
    for given, region, outside in ((None, None, REGION), (None, Region(50, 60, 10, 30), REGION), (kept, None, kept)):
        maps = read_maps(synthetic_scene, path, "per-channel", region, kept=given)
        assert maps.baselines == baselines(synthetic_scene, "per-channel", kept=outside)


def test_a_prediction_of_all_leaves_no_regressor(synthetic_scene: Scene, tmp_path: Path) -> None:
    """The other baselines are compared all the same."""
    path = estimate(tmp_path / "p.tif", synthetic_scene, synthetic_scene.region, 0)
    found = compared(read_maps(synthetic_scene, path, "per-channel"))
    assert list(found["all"].baselines) == ["interpolation", "causal", "time-weighted"]


def test_values_under_the_mask_change_nothing(synthetic_folder: Path, altered: object, tmp_path: Path) -> None:
    """Other NDVI where a date is masked: the same numbers of every method, bit for bit."""
    scene = Scene.open(synthetic_folder)
    invalid = scene.invalid()
    assert invalid[REGION.slices].any()
    other = Scene.open(altered("002_NDVI.tif", lambda stored: np.where(invalid, 777, stored).astype(stored.dtype)))
    path = estimate(tmp_path / "p.tif", scene, REGION, 0.05)
    first, second = (compared(read_maps(each, path, "per-channel")) for each in (scene, other))
    assert as_json(first) == as_json(second)


def test_real_scenes_have_no_kinds(hesbaye: Scene, tmp_path: Path) -> None:
    """Without CHANGES.tif all pixels are one kind; interpolation's error there is the 0.095 known."""
    region = Region(60, 100, 0, 100)
    maps = read_maps(hesbaye, estimate(tmp_path / "p.tif", hesbaye, region, 0), "per-channel")
    found = accuracy(maps, maps.baseline("interpolation"))
    assert list(found) == ["all"]
    assert round(found["all"].mae, 3) == 0.095


def test_a_part_can_be_compared(synthetic_scene: Scene, tmp_path: Path) -> None:
    """A region within the prediction."""
    path = estimate(tmp_path / "p.tif", synthetic_scene, REGION, 0)
    assert read_maps(synthetic_scene, path, "per-channel", Region(50, 60, 10, 30)).truth.shape == (10, 20)
    with pytest.raises(RegionError, match=r"p.tif covers .* no pixel of region 0:10,0:10"):
        read_maps(synthetic_scene, path, "per-channel", Region(0, 10, 0, 10))


def test_another_grid_is_refused(synthetic_scene: Scene, hesbaye: Scene, tmp_path: Path) -> None:
    """A prediction of another scene: both grids are in the message."""
    path = estimate(tmp_path / "p.tif", hesbaye, hesbaye.region, 0)
    with pytest.raises(SceneError, match=r"100 x 100 px, EPSG:32631.* the grid of .*120 x 104 px, EPSG:32630"):
        read_maps(synthetic_scene, path, "per-channel")


def test_half_a_pixel_off_is_refused(synthetic_scene: Scene, tmp_path: Path) -> None:
    """A prediction shifted by less than a pixel would be compared with the wrong ground."""
    path = estimate(tmp_path / "p.tif", synthetic_scene, REGION, 0)
    with rasterio.open(path, "r+") as file:
        a, b, c, d, e, f = tuple(file.transform)[:6]
        file.transform = rasterio.Affine(a, b, c + 4.0, d, e, f)
    with pytest.raises(SceneError, match="does not lie on the grid"):
        read_maps(synthetic_scene, path, "per-channel")


def test_no_valid_pixel_is_an_error(synthetic_scene: Scene, tmp_path: Path) -> None:
    """A region at the scene's edge holds nothing to compare."""
    region = Region(112, 120, 0, 104)
    path = estimate(tmp_path / "p.tif", synthetic_scene, region, 0)
    maps = read_maps(synthetic_scene, path, "per-channel")
    with pytest.raises(PatchError, match="none of 832 pixels in 112:120,0:104 is valid"):
        accuracy(maps, maps.estimate)


def sample(cc: float = 0.5) -> dict[str, Comparison]:
    """Interpolation 0.1 / 0.2 / cc, a regressor between it and the prediction's 0.06 / 0.1 / 0.9, on 7 pixels."""
    baselines = {
        "interpolation": {"all": Metrics(0.1, 0.2, cc, 14.0, 0.6, 7)},
        "regressor F-": {"all": Metrics(0.08, 0.125, 0.6, 18.0, 0.5, 7)},
    }
    return compare(baselines=baselines, prediction={"all": Metrics(0.06, 0.1, 0.9, 20.0, 0.75, 7)})


def test_gain_is_told_over_interpolation_and_the_best() -> None:
    """MAE 0.1 to 0.06 is 40 % less, CC 0.5 to 0.9 is 80 % more, 14 to 20 dB is 6 dB; the best has the smallest MAE."""
    assert table_sections(sample()) == [
        [
            ("all", "interpolation", "0.1000", "0.2000", "0.5000", "14.00", "0.6000"),
            ("7 px", "regressor F-", "0.0800", "0.1250", "0.6000", "18.00", "0.5000"),
            ("", "prediction", "0.0600", "0.1000", "0.9000", "20.00", "0.7500"),
            ("", "gain over interpolation", "+40.0%", "+50.0%", "+80.0%", "+6.00", "+25.0%"),
            ("", "gain over regressor F-", "+25.0%", "+20.0%", "+50.0%", "+2.00", "+50.0%"),
        ]
    ]


def test_the_best_may_be_interpolation() -> None:
    """Then its gain is told once."""
    of = sample()["all"]
    alone = Comparison({"interpolation": of.interpolation}, of.prediction)
    assert alone.best == "interpolation"
    rows = table_sections({"all": alone})[0]
    assert [row[1] for row in rows] == ["interpolation", "prediction", "gain over interpolation"]


def test_a_correlation_that_is_no_number_is_a_dash() -> None:
    """A constant baseline has none: a dash in the table, null in JSON."""
    unknown = sample(math.nan)
    assert [table_sections(unknown)[0][row][4] for row in (0, 3)] == ["-", "-"]
    assert as_json(unknown)["all"]["baselines"]["interpolation"]["cc"] is None
    assert as_json(unknown)["all"]["gain"]["interpolation"]["cc_percent"] is None


def test_a_perfect_method_is_json() -> None:
    """Its PSNR is infinite, its error 0: `inf` in the table, null in JSON, and no gain over it."""
    perfect = Metrics(0.0, 0.0, 1.0, math.inf, 1.0, 7)
    of = compare(baselines={"interpolation": {"all": perfect}}, prediction={"all": perfect})
    assert table_sections(of)[0][0] == ("all", "interpolation", "0.0000", "0.0000", "1.0000", "inf", "1.0000")
    assert table_sections(of)[0][2][2:] == ("-", "-", "+0.0%", "-", "+0.0%")
    assert json.loads(json.dumps(as_json(of), allow_nan=False))["all"]["prediction"]["psnr"] is None


def test_json_holds_each_method_and_gain() -> None:
    """Unrounded; the best baseline by name, the gain over every one."""
    told = as_json(sample())["all"]
    assert told["prediction"] == {"mae": 0.06, "rmse": 0.1, "cc": 0.9, "psnr": 20.0, "ssim": 0.75, "pixels": 7}
    assert told["best_baseline"] == "regressor F-"
    assert list(told["gain"]) == list(told["baselines"]) == ["interpolation", "regressor F-"]
    assert told["gain"]["regressor F-"]["mae_percent"] == pytest.approx(25, rel=1e-12, abs=0)


def test_text_table_is_aligned() -> None:
    """Each line of the plain table ends at one column."""
    lines = table_text(sample()).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert " ".join(lines[0].split()) == " ".join(COLUMNS)
