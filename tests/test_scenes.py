"""A scene is thirteen files on one grid; what differs, lacks or cannot be a number is refused with both values."""

import shutil
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import rasterio

from port.bands import SOURCES, TARGET_SOURCE, Band, Source
from port.errors import RegionError, SceneError
from port.layout import ALL_SOURCES
from port.regions import Region
from port.scenes import Scene
from tests.conftest import SYNTHETIC_SHAPE, Alter

CORNER = Region(0, 40, 0, 50)


def _whole(path: Path) -> np.ndarray:
    with rasterio.open(path) as file:
        return np.asarray(file.read(1))


def _hole(value: float):
    """A change of pixels: one of them, at row 3, column 4, becomes `value`."""

    def change(stored: np.ndarray) -> np.ndarray:
        stored[3, 4] = value
        return stored

    return change


def test_channels_are_the_files_in_training_order(synthetic_folder: Path, synthetic_scene: Scene) -> None:
    """Channel k is the file of band k, in stored units, as float32."""
    names = ["001_VH", "001_VV", "002_VH", "002_VV", "003_VV", "003_VH", "001_NDVI", "003_NDVI", "DEM"]
    channels = synthetic_scene.channels(CORNER)
    assert channels.dtype == np.float32
    for band, name in zip(Band, names, strict=True):
        assert np.array_equal(channels[band], _whole(synthetic_folder / f"{name}.tif")[CORNER.slices])


def test_bands_come_in_the_order_asked(synthetic_scene: Scene) -> None:
    """A subset is those channels of the whole, in the order given."""
    bands = (Band.DEM, Band.VV_AT, Band.VH_BEFORE)
    assert np.array_equal(synthetic_scene.channels(CORNER, bands), synthetic_scene.channels(CORNER)[list(bands)])


def test_target_is_ndvi_at_t(synthetic_folder: Path, synthetic_scene: Scene) -> None:
    """The target is the second date's NDVI."""
    assert np.array_equal(synthetic_scene.target(CORNER), _whole(synthetic_folder / "002_NDVI.tif")[CORNER.slices])


def test_masks_are_true_where_a_date_is_clouded(synthetic_folder: Path, synthetic_scene: Scene) -> None:
    """MASK is 0 where valid; the three dates in order; `invalid` joins them."""
    stored = np.stack([_whole(synthetic_folder / f"00{k}_MASK.tif") for k in (1, 2, 3)])
    assert stored.any(axis=(1, 2)).all()
    assert np.array_equal(synthetic_scene.masks(synthetic_scene.region), stored != 0)
    assert np.array_equal(synthetic_scene.invalid(), (stored != 0).any(axis=0))


def test_real_scene_opens(hesbaye: Scene) -> None:
    """A scene of composites: shape, CRS, dates, and NDVI within the stored range."""
    assert hesbaye.shape == (100, 100)
    assert hesbaye.grid.crs.to_epsg() == 32631
    assert hesbaye.dates == (date(2021, 6, 1), date(2021, 7, 1), date(2021, 8, 1))
    assert (np.abs(hesbaye.target(hesbaye.region)) <= 1000).all()
    assert hesbaye.changes(hesbaye.region) is None


def test_every_real_scene_opens_and_reads(real_scenes: Path) -> None:
    """All bands of all real scenes are finite and on one grid."""
    folders = sorted(path for path in real_scenes.iterdir() if path.is_dir())
    assert folders
    for folder in folders:
        scene = Scene.open(folder)
        assert np.isfinite(scene.channels(scene.region)).all()


def test_suffix_is_found(synthetic_folder: Path, tmp_path: Path) -> None:
    """Any one suffix before .tif is taken from the names, spaces and other letters included."""
    folder = tmp_path / "плато Бобо é"
    folder.mkdir()
    for path in synthetic_folder.iterdir():
        shutil.copy(path, folder / f"{path.stem}_сцена 1.tif")
    scene = Scene.open(folder)
    assert scene.suffix == "_сцена 1"
    assert np.array_equal(scene.target(CORNER), Scene.open(synthetic_folder).target(CORNER))
    assert scene.changes(CORNER) is not None


def test_later_triple_is_opened(synthetic_folder: Path, tmp_path: Path) -> None:
    """--first-date 2 of a longer series takes dates 2, 3 and 4."""
    for path in synthetic_folder.iterdir():
        number, _, rest = path.name.partition("_")
        shutil.copy(path, tmp_path / (f"{int(number) + 1:03d}_{rest}" if rest else path.name))
    scene = Scene.open(tmp_path, first_date=2)
    assert scene.rasters[TARGET_SOURCE].path.name == "003_NDVI.tif"
    message = r"lacks 001_VH\.tif.* 4 of the 13 .*--first-date \(dates present: 002, 003, 004\)"
    with pytest.raises(SceneError, match=message):
        Scene.open(tmp_path)


def test_missing_file_is_named(synthetic_folder: Path, tmp_path: Path) -> None:
    """The error names the missing files and their count."""
    folder = tmp_path / "scene"
    shutil.copytree(synthetic_folder, folder)
    (folder / "003_VV.tif").unlink()
    with pytest.raises(SceneError, match=r"scene lacks 003_VV\.tif: 1 of the 13 files of dates 1 to 3; add them"):
        Scene.open(folder)


def test_folder_without_a_scene_is_refused(tmp_path: Path) -> None:
    """The error says what was there and what was expected."""
    (tmp_path / "notes.txt").write_text("", encoding="utf-8")
    with pytest.raises(SceneError, match=r"none of the files of a scene among its 1 entries; expected 001_VH\.tif"):
        Scene.open(tmp_path)


def test_missing_folder_is_refused(tmp_path: Path) -> None:
    """A name that is no folder is said to be none."""
    with pytest.raises(SceneError, match=r"nowhere is not a folder; give the folder"):
        Scene.open(tmp_path / "nowhere")


def test_two_suffixes_are_refused(synthetic_folder: Path, tmp_path: Path) -> None:
    """The error names both suffixes with a file of each."""
    shutil.copytree(synthetic_folder, tmp_path, dirs_exist_ok=True)
    shutil.copy(tmp_path / "001_VH.tif", tmp_path / "001_VH_old.tif")
    with pytest.raises(SceneError, match=r"2 suffixes \('': 13 files .*; '_old': 1 files such as 001_VH_old\.tif\)"):
        Scene.open(tmp_path)


def test_another_shape_is_refused(altered: Alter) -> None:
    """The error holds the file and both shapes."""
    folder = altered("002_VH.tif", lambda stored: stored[:-1])
    with pytest.raises(SceneError, match=r"002_VH\.tif has shape .* \(119, 104\), 001_VH\.tif has \(120, 104\)"):
        Scene.open(folder)


def test_another_crs_is_refused(altered: Alter) -> None:
    """The error holds the file and both reference systems."""
    folder = altered("DEM.tif", crs="EPSG:4326")
    with pytest.raises(SceneError, match=r"DEM\.tif has CRS EPSG:4326, 001_VH\.tif has EPSG:32630; .*gdalwarp"):
        Scene.open(folder)


def test_half_a_pixel_is_another_transform(altered: Alter) -> None:
    """A shift of 5 m is an error that holds both transforms."""
    folder = altered("003_NDVI.tif", transform=rasterio.Affine(10, 0, 420005, 0, -10, 1250000))
    with pytest.raises(SceneError, match=r"003_NDVI\.tif has transform \(10\.0, 0\.0, 420005\.0.* has .*420000\.0"):
        Scene.open(folder)


def test_several_bands_are_refused(altered: Alter) -> None:
    """A file of two bands is not a scene's."""
    folder = altered("001_NDVI.tif", count=2)
    with pytest.raises(SceneError, match=r"001_NDVI\.tif has 2 bands, expected 1"):
        Scene.open(folder)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_nan_in_a_band_is_refused(altered: Alter, value: float) -> None:
    """The error holds the file, the count, the value and where the first is, counted in the scene."""
    scene = Scene.open(altered("001_VH.tif", _hole(value)))
    message = rf"001_VH\.tif has 1 NaN or infinite pixels in 2:50,1:50, .* first is {value} at row 3, column 4; fill"
    with pytest.raises(SceneError, match=message):
        scene.channels(Region(2, 50, 1, 50))


@pytest.mark.parametrize(("name", "dates"), [("001_VH.tif", [True, False, False]), ("DEM.tif", [True, True, True])])
def test_declared_nodata_is_invalid(altered: Alter, name: str, dates: list[bool]) -> None:
    """No-data reads as 0 and is invalid at its date, the DEM's at all three."""
    scene = Scene.open(altered(name, _hole(-9999.0), nodata=-9999.0))
    source = next(source for source, raster in scene.rasters.items() if raster.path.name == name)
    pixel = Region(3, 4, 4, 5)
    assert scene.read(source, pixel).item() == 0
    assert scene.masks(pixel).ravel().tolist() == dates


@pytest.mark.parametrize("name", ["001_VH.tif", "DEM.tif"])
def test_declared_nodata_can_be_ignored(altered: Alter, name: str) -> None:
    """It reads as stored then, and is invalid at no date."""
    scene = Scene.open(altered(name, _hole(-9999.0), nodata=-9999.0), nodata="ignored")
    source = next(source for source, raster in scene.rasters.items() if raster.path.name == name)
    pixel = Region(3, 4, 4, 5)
    assert scene.read(source, pixel).item() == -9999
    assert not scene.masks(pixel).any()
    assert not scene.declaring(0)


def test_region_outside_is_refused(synthetic_scene: Scene) -> None:
    """A region over the scene's edge is an error with both."""
    outside = Region(100, 121, 0, 104)
    with pytest.raises(RegionError, match="100:121,0:104 is not inside the scene of 120 rows x 104 columns"):
        synthetic_scene.channels(outside)


def test_truncated_file_is_refused(synthetic_folder: Path, tmp_path: Path) -> None:
    """A file cut short is one clear error."""
    shutil.copytree(synthetic_folder, tmp_path, dirs_exist_ok=True)
    whole = (tmp_path / "001_VH.tif").read_bytes()
    (tmp_path / "001_VH.tif").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SceneError, match=r"001_VH\.tif cannot be read as a GeoTIFF"):
        Scene.open(tmp_path).channels(Region.whole(SYNTHETIC_SHAPE))


def test_dates_out_of_order_are_refused(altered: Alter) -> None:
    """DATE tags must ascend from t-1 to t+1."""
    folder = altered("003_NDVI.tif", tags={"DATE": "2016-08-01"})
    with pytest.raises(SceneError, match="DATE tags 2016-08-15, 2016-09-14, 2016-08-01, expected ascending"):
        Scene.open(folder)


def test_unreadable_date_is_refused(altered: Alter) -> None:
    """A DATE tag that is no date is quoted."""
    folder = altered("003_NDVI.tif", tags={"DATE": "autumn"})
    with pytest.raises(SceneError, match=r"003_NDVI\.tif has DATE tag 'autumn', expected YYYY-MM-DD"):
        Scene.open(folder)


def test_changes_of_another_shape_are_refused(altered: Alter) -> None:
    """CHANGES.tif must lie on the scene's pixels."""
    scene = Scene.open(altered("CHANGES.tif", lambda stored: stored[:, :-4]))
    with pytest.raises(SceneError, match=r"CHANGES\.tif has shape .* \(120, 100\), 001_VH\.tif has \(120, 104\)"):
        scene.changes(CORNER)


def test_thirteen_files_serve_all_bands() -> None:
    """Nine bands and the target are among the thirteen files, the three masks are the rest."""
    rest = set(ALL_SOURCES) - set(SOURCES.values()) - {TARGET_SOURCE}
    assert len(ALL_SOURCES) == 13
    assert rest == {Source("MASK", offset) for offset in (0, 1, 2)}


@pytest.mark.parametrize(
    ("name", "dates"),
    [
        ("001_VH.tif", [True, False, False]),
        ("002_MASK.tif", [False, True, False]),
        ("DEM.tif", [True, True, True]),
    ],
)
def test_a_file_s_own_mask_is_nodata(altered: Alter, name: str, dates: list[bool]) -> None:
    """What it hides reads as 0 and is invalid at its date, the DEM's at all three; ignored, it changes nothing."""
    folder, pixel = altered(name, _hole(0)), Region(3, 4, 4, 5)
    shown = np.full(SYNTHETIC_SHAPE, 255, dtype=np.uint8)
    shown[3, 4] = 0
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(folder / name, "r+") as file:
        file.write_mask(shown)
    masked, ignored = Scene.open(folder), Scene.open(folder, nodata="ignored")
    assert masked.masks(pixel).ravel().tolist() == dates
    assert not ignored.masks(pixel).any()
    source = next(source for source, raster in masked.rasters.items() if raster.path.name == name)
    assert masked.rasters[source].masked
    assert masked.read(source, pixel).item() == 0
    assert masked.masks(masked.region).sum() == ignored.masks(ignored.region).sum() + sum(dates)
