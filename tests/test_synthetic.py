"""The synthetic scene behaves as the method's data do: what changed at t, only the radar at t and the DEM can tell."""

import hashlib
import resource
from pathlib import Path

import numpy as np
import pytest
import rasterio

from port.backscatter import POLARISATIONS, sigma0
from port.bands import NDVI_SCALE, Source
from port.crops import Change
from port.errors import OutputError, SettingError
from port.landscape import make_landscape, smooth_noise
from port.scenes import Scene
from port.synthetic import write_synthetic_scene

BEFORE, AT, AFTER = 0, 1, 2


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """The default scene: 256 x 256 px, seed 0."""
    return Scene.open(write_synthetic_scene(tmp_path_factory.mktemp("default") / "scene"))


def _ndvi(scene: Scene, date: int) -> np.ndarray:
    return scene.read(Source("NDVI", date), scene.region) / NDVI_SCALE


def _db(scene: Scene, kind: str, date: int, where: np.ndarray) -> float:
    """Mean backscatter of an area in dB."""
    return float(10 * np.log10(scene.read(Source(kind, date), scene.region)[where].mean()))


def _changed(scene: Scene, change: Change) -> np.ndarray:
    """The clear pixels whose field did this."""
    codes = scene.changes(scene.region)
    assert codes is not None
    return (codes == change) & ~scene.invalid()


def _digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def test_one_seed_writes_the_same_bytes(synthetic_folder: Path, tmp_path: Path) -> None:
    """All 14 files are equal byte for byte; another seed changes every one."""
    again = write_synthetic_scene(tmp_path / "again", size_px=(120, 104), seed=7)
    other = write_synthetic_scene(tmp_path / "other", size_px=(120, 104), seed=8)
    assert len(_digests(again)) == 14
    assert _digests(again) == _digests(synthetic_folder)
    assert not set(_digests(other).values()) & set(_digests(again).values())


def test_layout_is_the_originals(synthetic_folder: Path) -> None:
    """dtypes, units and georeference of the original's files; dates a month apart."""
    dtypes = {"VH": "float32", "VV": "float32", "NDVI": "int16", "MASK": "uint8", "DEM": "float32", "CHANGES": "uint8"}
    for path in synthetic_folder.glob("*.tif"):
        with rasterio.open(path) as file:
            assert file.dtypes == (dtypes[path.stem.split("_")[-1]],)
            assert (file.crs.to_epsg(), file.res, file.shape) == (32630, (10, 10), (120, 104))
            assert "UNITS" in file.tags()
    dates = Scene.open(synthetic_folder).dates
    assert [str(day) for day in dates] == ["2016-08-15", "2016-09-14", "2016-10-14"]


def test_ranges_are_the_methods(scene: Scene) -> None:
    """sigma0 above 0 and mostly below 0.3, VV above VH; NDVI in [-0.1, 1]; the DEM spans [0, 1]."""
    for date in (BEFORE, AT, AFTER):
        vh, vv = (scene.read(Source(kind, date), scene.region) for kind in ("VH", "VV"))
        assert min(vh.min(), vv.min()) > 0
        assert np.quantile(vv, 0.999) < 0.3
        assert vv.mean() > 2 * vh.mean()
        assert np.abs(_ndvi(scene, date) - 0.45).max() <= 0.55
    dem = scene.read(Source("DEM", None), scene.region)
    assert (dem.min(), dem.max()) == (0, 1)


def test_ndvi_is_zero_under_clouds(scene: Scene) -> None:
    """Each date has clouds; NDVI is 0 there, as in real scenes."""
    masks = scene.masks(scene.region)
    for date in (BEFORE, AT, AFTER):
        assert 0.005 < masks[date].mean() < 0.03
        assert not _ndvi(scene, date)[masks[date]].any()


@pytest.mark.parametrize("seed", range(4))
def test_a_fifth_to_a_third_of_the_land_changes(seed: int, tmp_path: Path) -> None:
    """Each kind of change has its share; most of the land is stable."""
    codes = Scene.open(write_synthetic_scene(tmp_path / "scene", seed=seed))
    counts = np.bincount(codes.changes(codes.region).ravel(), minlength=len(Change)) / 256**2
    assert 0.2 <= counts[1:].sum() <= 0.34
    assert counts.min() > 0.02


@pytest.mark.parametrize(
    ("change", "green"),
    [
        (Change.HARVESTED_BEFORE_T, (True, False, False)),
        (Change.HARVESTED_AFTER_T, (True, True, False)),
        (Change.EMERGED_BEFORE_T, (False, True, True)),
        (Change.EMERGED_AFTER_T, (False, False, True)),
    ],
)
def test_change_codes_say_when_fields_are_green(scene: Scene, change: Change, green: tuple[bool, ...]) -> None:
    """A harvested field is green up to the harvest, an emerged one from its emergence."""
    where = _changed(scene, change)
    for date, is_green in enumerate(green):
        mean = _ndvi(scene, date)[where].mean()
        assert (mean > 0.45) if is_green else (mean < 0.25)


@pytest.mark.parametrize("change", list(Change)[1:])
def test_interpolation_is_half_the_change_wrong(scene: Scene, change: Change) -> None:
    """On changed fields its error is about half of |F+ - F-|, less what the dry spell took; small on stable ones."""
    before, at, after = (_ndvi(scene, date) for date in (BEFORE, AT, AFTER))
    error = np.abs((before + after) / 2 - at)
    where, stable = _changed(scene, change), _changed(scene, Change.STABLE)
    assert 0.33 < error[where].mean() / np.abs(after - before)[where].mean() < 0.6
    assert error[stable].mean() < 0.06


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        (Change.HARVESTED_BEFORE_T, Change.HARVESTED_AFTER_T),
        (Change.EMERGED_AFTER_T, Change.EMERGED_BEFORE_T),
    ],
)
def test_only_radar_at_t_tells_on_which_side_of_t(scene: Scene, earlier: Change, later: Change) -> None:
    """Fields that are bare and those that are green at t look alike at t-1 and t+1; VH at t parts them by 5 dB."""
    bare, green = _changed(scene, earlier), _changed(scene, later)
    for date in (BEFORE, AFTER):
        assert abs(_ndvi(scene, date)[bare].mean() - _ndvi(scene, date)[green].mean()) < 0.1
    assert _db(scene, "VH", AT, green) - _db(scene, "VH", AT, bare) > 5


def test_only_the_dem_tells_where_the_dry_spell_bit(scene: Scene) -> None:
    """On stable green land interpolation overestimates high ground, and by more than low ground."""
    before, at, after = (_ndvi(scene, date) for date in (BEFORE, AT, AFTER))
    dem = scene.read(Source("DEM", None), scene.region)
    green = _changed(scene, Change.STABLE) & (before > 0.4) & (after > 0.4)
    error = (before + after) / 2 - at
    high, low = (error[green & part].mean() for part in (dem > 0.6, dem < 0.3))
    assert high > low + 0.05


def test_speckle_has_mean_1_and_the_looks_asked() -> None:
    """Over uniform ground the mean is the model's and mean^2 / variance the number of looks."""
    ground = np.zeros((400, 400))
    of = POLARISATIONS["VV"]
    image = sigma0(ground, ground, of, looks=4.4, generator=np.random.default_rng(0)).astype(np.float64)
    assert image.mean() == pytest.approx(10 ** (of.dry_soil_db / 10), rel=0.01, abs=0)
    assert image.mean() ** 2 / image.var() == pytest.approx(4.4, rel=0.05, abs=0)


@pytest.mark.parametrize("kind", POLARISATIONS)
def test_backscatter_runs_from_soil_to_canopy(kind: str) -> None:
    """Without vegetation sigma0 is the soil's, under much of it the canopy's; wet soil is brighter."""
    of = POLARISATIONS[kind]

    def mean_db(biomass: float, moisture: float) -> float:
        maps = (np.full((50, 50), value) for value in (biomass, moisture))
        return float(10 * np.log10(sigma0(*maps, of, looks=1e9, generator=np.random.default_rng(0)).mean()))

    assert mean_db(0.0, 0.0) == pytest.approx(of.dry_soil_db, abs=0.01, rel=0)
    assert mean_db(0.0, 1.0) == pytest.approx(of.dry_soil_db + of.wetting_db, abs=0.01, rel=0)
    assert mean_db(20.0, 0.5) == pytest.approx(of.canopy_db, abs=0.01, rel=0)


def test_fields_cover_the_land() -> None:
    """Each pixel has a field; numbers run from 0 without gaps; roads and margins are thin."""
    land = make_landscape((200, 150), np.random.default_rng(3))
    assert np.array_equal(np.unique(land.field), np.arange(land.field_count))
    assert land.field_count > 50
    assert not (land.margin & land.road).any()
    assert 0.05 < (land.margin | land.road).mean() < 0.35


def test_field_mean_is_the_mean_over_each_field() -> None:
    """A map of field numbers has the numbers as its means."""
    land = make_landscape((60, 60), np.random.default_rng(0))
    assert np.array_equal(land.field_mean(land.field.astype(float)), np.arange(land.field_count))


def test_smooth_noise_is_standard_and_smooth() -> None:
    """Mean 0, standard deviation 1, and neighbours alike within the scale asked."""
    noise = smooth_noise((120, 90), 10.0, np.random.default_rng(0))
    assert abs(noise.mean()) < 1e-12
    assert noise.std() == pytest.approx(1, rel=1e-12, abs=0)
    assert np.abs(np.diff(noise, axis=0)).max() < 0.5


@pytest.mark.parametrize("size_px", [(17, 17), (17, 400), (90, 33)])
def test_odd_sizes_are_written(size_px: tuple[int, int], tmp_path: Path) -> None:
    """Any size from 17 px on gives a scene that opens and reads."""
    scene = Scene.open(write_synthetic_scene(tmp_path / "scene", size_px=size_px))
    assert scene.channels(scene.region).shape == (9, *size_px)


def test_folder_in_use_is_kept(tmp_path: Path) -> None:
    """A folder that holds something is refused and left as it is."""
    (tmp_path / "notes.txt").write_text("precious", encoding="utf-8")
    with pytest.raises(OutputError, match="exists and is not an empty folder; give another name"):
        write_synthetic_scene(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_empty_folder_is_filled(tmp_path: Path) -> None:
    """An empty folder may be given; nothing stays beside it."""
    (tmp_path / "scene").mkdir()
    write_synthetic_scene(tmp_path / "scene", size_px=(40, 40))
    assert [path.name for path in tmp_path.iterdir()] == ["scene"]


def test_unwritable_place_is_refused(tmp_path: Path) -> None:
    """A path below a plain file is one clear error."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(OutputError, match=r"scene cannot be written: .*; choose a folder that is writable"):
        write_synthetic_scene(tmp_path / "file" / "scene", size_px=(40, 40))


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"size_px": (16, 300)}, "a scene of 16 x 300 px is too small; give at least 17"),
        ({"looks": 0.0}, r"looks is 0\.0; it must be above 0"),
    ],
)
def test_impossible_settings_are_refused(setting: dict, message: str, tmp_path: Path) -> None:
    """The error holds the value and the limit; no folder appears."""
    with pytest.raises(SettingError, match=message):
        write_synthetic_scene(tmp_path / "scene", **setting)
    assert list(tmp_path.iterdir()) == []


def test_full_disk_leaves_nothing(tmp_path: Path) -> None:
    """GDAL closes a file that it could not write without an error: each is read back."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(OutputError, match=r"scene cannot be written: .*on a disk with space"):
            write_synthetic_scene(tmp_path / "scene", size_px=(256, 256))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []
