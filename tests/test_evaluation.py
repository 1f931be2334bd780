"""Both methods are compared with NDVI at t on the same pixels, found by the prediction's own georeference."""

import math
from pathlib import Path

import numpy as np
import pytest
import rasterio

from port.crops import Change
from port.errors import PatchError, RegionError, SceneError
from port.evaluation import Comparison, accuracy, compare, read_maps
from port.metrics import Metrics
from port.raster_writer import RasterWriter
from port.regions import Region
from port.scenes import Scene
from port.summary import COLUMNS, as_json, table_rows, table_text

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
    found = accuracy(maps, maps.baseline)
    assert list(found) == ["all", "harvested", "sown", "stable"]
    assert found["all"].pixels == sum(found[kind].pixels for kind in ("harvested", "sown", "stable"))
    codes = synthetic_scene.changes(REGION)
    assert codes is not None
    harvested = np.isin(codes, (Change.HARVESTED_BEFORE_T, Change.HARVESTED_AFTER_T))
    assert found["harvested"].pixels == (harvested & maps.valid).sum()
    assert min(found["harvested"].mae, found["sown"].mae) > 3 * found["stable"].mae


def test_real_scenes_have_no_kinds(hesbaye: Scene, tmp_path: Path) -> None:
    """Without CHANGES.tif all pixels are one kind; interpolation's error there is the 0.095 known."""
    region = Region(60, 100, 0, 100)
    maps = read_maps(hesbaye, estimate(tmp_path / "p.tif", hesbaye, region, 0), "per-channel")
    found = accuracy(maps, maps.baseline)
    assert list(found) == ["all"]
    assert round(found["all"].mae, 3) == 0.095


def test_a_part_can_be_compared(synthetic_scene: Scene, tmp_path: Path) -> None:
    """A region within the prediction."""
    path = estimate(tmp_path / "p.tif", synthetic_scene, REGION, 0)
    assert read_maps(synthetic_scene, path, "per-channel", Region(50, 60, 10, 30)).truth.shape == (10, 20)
    with pytest.raises(RegionError, match="share no pixel"):
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
    with pytest.raises(PatchError, match="none of 832 pixels is valid"):
        accuracy(maps, maps.estimate)


def sample(cc: float = 0.5) -> dict[str, Comparison]:
    """Interpolation 0.1 / 0.2 / cc, prediction 0.06 / 0.1 / 0.9, on 7 pixels."""
    return compare(interpolation={"all": Metrics(0.1, 0.2, cc, 7)}, prediction={"all": Metrics(0.06, 0.1, 0.9, 7)})


def test_gain_is_in_percent_of_interpolation() -> None:
    """MAE 0.1 to 0.06 is 40 % less, RMSE 0.2 to 0.1 is 50 % less, CC 0.5 to 0.9 is 80 % more."""
    assert table_rows(sample()) == [
        ("all (7)", "interpolation", "0.1000", "0.2000", "0.5000"),
        ("", "prediction", "0.0600", "0.1000", "0.9000"),
        ("", "gain %", "+40.0", "+50.0", "+80.0"),
    ]


def test_a_correlation_that_is_no_number_is_a_dash() -> None:
    """A constant baseline has none: a dash in the table, null in JSON."""
    unknown = sample(math.nan)
    assert table_rows(unknown)[0][-1] == table_rows(unknown)[2][-1] == "-"
    assert as_json(unknown)["all"]["interpolation"]["cc"] is None
    assert as_json(unknown)["all"]["gain_percent"]["cc"] is None


def test_text_table_is_aligned() -> None:
    """Each line of the plain table ends at one column."""
    lines = table_text(sample()).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert lines[0].split() == list(COLUMNS)
