"""A run leaves one whole folder or none, is repeatable to the last bit, and never trains on what it tests."""

import csv
import json
import re
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import rasterio
from safetensors.torch import load_file

from port import run_folders, runs
from port.baselines import baselines
from port.errors import OutputError, PatchError, RegionError, Sar2NdviError, SceneError, SettingError
from port.evaluation import read_maps
from port.rasters import ungeoreferenced
from port.recipes import Recipe, recipe
from port.regions import Region
from port.run_folders import new_folder
from port.runs import STAGES, Run, run
from port.scenes import Scene
from port.settings import Settings

FILES = [
    "checkpoint.json",
    "checkpoint.safetensors",
    "config.json",
    "loss.csv",
    "loss.png",
    "map.png",
    "metrics.json",
    "prediction.tif",
    "summary.txt",
]
QUICK = recipe("tuned", epochs=2, batch_size=4)
TEST_REGION = Region(72, 120, 0, 104)


class Listener:
    """Keeps all that it is told."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, int, int, str]] = []
        self.remarks: list[str] = []

    def step(self, stage: str, done: int, total: int, word: str) -> None:
        """Keep a step."""
        self.steps.append((stage, done, total, word))

    def remark(self, text: str) -> None:
        """Keep a remark."""
        self.remarks.append(text)


@pytest.fixture(scope="module")
def finished(synthetic_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Listener]:
    """A quick run on the synthetic scene, and what was told of it."""
    listener = Listener()
    out = tmp_path_factory.mktemp("finished")
    return run(Settings(variant="SOPTIIp", recipe=QUICK, data=synthetic_folder, out=out), listener), listener


def test_all_files_are_there(finished: tuple[Run, Listener]) -> None:
    """The folder is named by UTC time and variant, and nothing hidden is left beside it."""
    folder = finished[0].folder
    assert sorted(path.name for path in folder.iterdir()) == FILES
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
    assert folder.name.endswith("Z-SOPTIIp")


def test_six_stages_are_told_in_order(finished: tuple[Run, Listener]) -> None:
    """Train, predict, evaluate, baseline, summary, figures; each reaches its total."""
    steps = finished[1].steps
    assert tuple(dict.fromkeys(stage for stage, *_ in steps)) == STAGES
    last = {stage: (done, total) for stage, done, total, _ in steps}
    assert all(done == total for done, total in last.values())


def test_config_tells_all_switches(finished: tuple[Run, Listener]) -> None:
    """The recipe can be made again from what is recorded; seed, region, patches and versions stand beside it."""
    config = json.loads((finished[0].folder / "config.json").read_text())
    assert Recipe(**config["recipe"]) == QUICK
    assert (config["seed"], config["test_region"], config["scene_shape_px"]) == (0, str(TEST_REGION), [120, 104])
    assert config["patches"]["training"] >= QUICK.batch_size
    assert {"torch", "numpy", "python"} <= set(config["versions"])


def test_losses_are_listed(finished: tuple[Run, Listener]) -> None:
    """A line for each epoch."""
    with (finished[0].folder / "loss.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert all(float(row["training"]) > 0 for row in rows)


def test_metrics_are_those_of_the_geotiff(finished: tuple[Run, Listener], synthetic_scene: Scene) -> None:
    """The errors in metrics.json are those of prediction.tif, computed here from the rasters alone."""
    folder = finished[0].folder
    with rasterio.open(folder / "prediction.tif") as file:
        pixels = file.read(1).astype(np.float64)
    truth = synthetic_scene.target(TEST_REGION) / 1000
    scored = ~np.isnan(pixels) & ~synthetic_scene.masks(TEST_REGION).any(axis=0)
    found = json.loads((folder / "metrics.json").read_text())["groups"]["all"]["prediction"]
    assert found["pixels"] == scored.sum()
    assert abs(found["mae"] - np.abs(pixels - truth)[scored].mean()) < 1e-6


def test_summary_has_all_methods_and_each_kind(finished: tuple[Run, Listener]) -> None:
    """Five baselines, the prediction, and its gain over interpolation, for all, harvested, sown and stable pixels."""
    lines = (finished[0].folder / "summary.txt").read_text().splitlines()
    methods = [re.split(" {2,}", line)[1] for line in lines[1:]]
    names = ["interpolation", "causal", "time-weighted", "regressor F-", "regressor F-F+", "prediction"]
    assert [methods.count(name) for name in (*names, "gain over interpolation")] == [4] * 7
    assert {"all", "harvested", "sown", "stable"} <= {line.split()[0] for line in lines}


def test_regressors_are_those_of_the_training_pixels(finished: tuple[Run, Listener], synthetic_scene: Scene) -> None:
    """Their coefficients stand in metrics.json: fitted outside the test region."""
    told = json.loads((finished[0].folder / "metrics.json").read_text())["baselines"]
    expected = baselines(synthetic_scene, "per-channel", kept=TEST_REGION)
    assert told == {name: asdict(baseline) for name, baseline in expected.items()}


def test_a_seed_gives_one_result(finished: tuple[Run, Listener], synthetic_folder: Path, tmp_path: Path) -> None:
    """The same run again ends in the same weights and pixels, bit for bit; another seed does not."""
    first = finished[0].folder
    same, other = (
        run(Settings(variant="SOPTIIp", recipe=QUICK, data=synthetic_folder, out=tmp_path, seed=seed)).folder
        for seed in (0, 1)
    )
    assert (same / "checkpoint.safetensors").read_bytes() == (first / "checkpoint.safetensors").read_bytes()
    assert (same / "loss.csv").read_bytes() == (first / "loss.csv").read_bytes()
    with rasterio.open(same / "prediction.tif") as mine, rasterio.open(first / "prediction.tif") as theirs:
        assert np.array_equal(mine.read(1), theirs.read(1), equal_nan=True)
    one, two = (load_file(folder / "checkpoint.safetensors")["conv1.weight"] for folder in (first, other))
    assert not np.array_equal(one.numpy(), two.numpy())


def test_test_region_is_never_trained_on(synthetic_folder: Path) -> None:
    """No patch, of training or validation, touches a pixel of the test region."""
    region = Region(30, 60, 40, 80)
    settings = Settings(variant="SAR", recipe=recipe(batch_size=1, stride_px=3), data=synthetic_folder)
    split = runs._split(Scene.open(synthetic_folder), region, settings)
    corners = np.concatenate([split.training, split.validation])
    apart = (
        (corners[:, 0] + 33 <= region.row_start)
        | (corners[:, 0] >= region.row_stop)
        | (corners[:, 1] + 33 <= region.col_start)
        | (corners[:, 1] >= region.col_stop)
    )
    assert len(corners) > 50
    assert apart.all()


def test_changing_the_test_pixels_changes_no_weight(synthetic_folder: Path, altered: object, tmp_path: Path) -> None:
    """NDVI at t of the test region turned upside down trains the same network, to the last bit."""

    def turned(stored: np.ndarray) -> np.ndarray:
        changed = stored.copy()
        changed[72:] = changed[72:][::-1]
        return changed

    folders = (synthetic_folder, altered("002_NDVI.tif", turned))
    made = [run(Settings(variant="SOPTII", recipe=QUICK, data=data, out=tmp_path)).folder for data in folders]
    weights = [load_file(folder / "checkpoint.safetensors") for folder in made]
    assert all(np.array_equal(weights[0][name].numpy(), weights[1][name].numpy()) for name in weights[0])
    metrics = [json.loads((folder / "metrics.json").read_text())["groups"]["all"] for folder in made]
    assert metrics[0] != metrics[1]


def test_synthetic_scene_is_kept_with_the_run(tmp_path: Path) -> None:
    """Without data the scene is made in the run's folder, and can be predicted from again."""
    quick = recipe(epochs=1, stride_px=32)
    done = run(Settings(variant="OPTII", recipe=quick, out=tmp_path))
    scene = Scene.open(done.folder / "scene")
    assert read_maps(scene, done.folder / "prediction.tif", "per-channel").region == Region(154, 256, 0, 256)
    assert json.loads((done.folder / "config.json").read_text())["data"] == "scene"


@pytest.mark.parametrize(("name", "shape"), [("corrected", (30, 104)), ("original", (14, 88))])
def test_region_of_a_recipe(name: str, shape: tuple[int, int], synthetic_folder: Path, tmp_path: Path) -> None:
    """With the halo the whole region is written, with the original's crop 16 rows and columns less."""
    chosen = recipe(name, epochs=1, batch_size=2)
    settings = Settings(
        variant="SAR", recipe=chosen, data=synthetic_folder, out=tmp_path, test_region=Region(80, 110, 0, 104)
    )
    done = run(settings)  # reads the bare file of `original` itself: it knows where it was written
    with ungeoreferenced(), rasterio.open(done.folder / "prediction.tif") as file:
        assert file.shape == shape


def test_remarks_warn_of_scale_and_of_validation(synthetic_folder: Path, tmp_path: Path) -> None:
    """Recipe published forced on NDVI x 1000 is told what the public program expects; an empty validation set, why."""
    listener = Listener()
    chosen = recipe("published", epochs=1, batch_size=2, learning_rate=1e-9)
    run(Settings(variant="SAR", recipe=chosen, data=synthetic_folder, out=tmp_path, force=True), listener)
    scale, place, validation = listener.remarks
    assert "the public program expects NDVI in [-1, 1]" in scale
    assert re.search(r"until it is whole; if it is stopped: .* train --resume ", place)
    assert "validation is empty" in validation


def test_unscaled_ndvi_is_remarked_too(altered: object, tmp_path: Path) -> None:
    """NDVI stored in [-1, 1] under a recipe that divides by 1000."""
    folder = altered("001_NDVI.tif", lambda stored: (stored / 1000).astype(np.float32))
    listener = Listener()
    chosen = recipe(epochs=1, batch_size=2)
    run(Settings(variant="SAR", recipe=chosen, data=folder, out=tmp_path / "o", force=True), listener)
    assert "seems to be stored in [-1, 1], but scaling 'per-channel' divides it by 1000" in listener.remarks[0]


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"variant": "SOPTIII"}, SettingError, "unknown variant 'SOPTIII'"),
        (
            {"variant": "SAR", "recipe": recipe("tuned")},
            SettingError,
            "variant SAR has no NDVI_BEFORE and no NDVI_AFTER",
        ),
        ({"test_region": Region(100, 121, 0, 104)}, RegionError, "100:121,0:104 is not inside the scene of 120 rows"),
        ({"test_region": Region(0, 8, 0, 104)}, RegionError, "within 8 px of the scene's edge"),
        ({"test_region": Region(0, 120, 0, 104)}, PatchError, "none of .* patches"),
        ({"recipe": recipe(batch_size=999)}, PatchError, "training patches are fewer than one batch of 999"),
        ({"first_date": 2}, SceneError, "lacks 004_VH.tif"),
        ({"data": Path("nowhere")}, SceneError, "nowhere is not a folder"),
    ],
)
def test_bad_settings_leave_nothing(
    settings: dict[str, object], error: type[Sar2NdviError], message: str, synthetic_folder: Path, tmp_path: Path
) -> None:
    """The error says what to do, and even the folder for runs is not made."""
    given = {"variant": "SOPTII", "recipe": QUICK, "data": synthetic_folder} | settings
    with pytest.raises(error, match=message):
        run(Settings(**given, out=tmp_path / "runs"))
    assert not (tmp_path / "runs").exists()


def test_a_nan_in_a_band_leaves_nothing(altered: object, tmp_path: Path) -> None:
    """The message names file, count and first pixel; no run appears."""

    def spoilt(stored: np.ndarray) -> np.ndarray:
        changed = stored.copy()
        changed[3, 5] = np.nan
        return changed

    folder = altered("002_VH.tif", spoilt)
    with pytest.raises(SceneError, match=r"002_VH.tif has 1 NaN or infinite pixels .*row 3, column 5"):
        run(Settings(variant="SOPTII", recipe=QUICK, data=folder, out=tmp_path / "runs"))
    assert not (tmp_path / "runs").exists()


def test_divergence_leaves_nothing(synthetic_folder: Path, tmp_path: Path) -> None:
    """A learning rate that blows the loss up is an error, not a run of NaN."""
    chosen = recipe(learning_rate=1e30, epochs=5, batch_size=4)
    with pytest.raises(SettingError, match=r"the training loss is (nan|inf) in epoch"):
        run(Settings(variant="SOPTII", recipe=chosen, data=synthetic_folder, out=tmp_path / "runs"))
    assert not (tmp_path / "runs").exists()


def test_an_unwritable_place_is_an_error(synthetic_folder: Path, tmp_path: Path) -> None:
    """A file where the folder for runs should be."""
    (tmp_path / "runs").write_text("mine")
    with pytest.raises(OutputError, match=r"cannot write a run into .*give --out a folder"):
        run(Settings(variant="SOPTII", recipe=QUICK, data=synthetic_folder, out=tmp_path / "runs"))
    assert (tmp_path / "runs").read_text() == "mine"


def test_runs_of_one_second_do_not_meet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two runs begun in one second, side by side, get two folders; a third does not overwrite either."""

    class Stopped(run_folders.datetime):
        @classmethod
        def now(cls, tz: object = None) -> "Stopped":
            return cls(2016, 9, 14, 10, 30, 0)

    monkeypatch.setattr(run_folders, "datetime", Stopped)
    with new_folder(tmp_path, "SAR") as first, new_folder(tmp_path, "SAR") as second:
        assert first.partial != second.partial
    with new_folder(tmp_path, "SAR"):
        pass
    names = ["20160914T103000Z-SAR", "20160914T103000Z-SAR-2", "20160914T103000Z-SAR-3"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names


def test_a_stopped_run_leaves_nothing(tmp_path: Path) -> None:
    """Ctrl-C in the middle removes what was written."""

    def interrupted() -> None:
        with new_folder(tmp_path / "runs", "SAR") as folder:
            (folder.partial / "loss.csv").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not (tmp_path / "runs").exists()
