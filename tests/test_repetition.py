"""A run done again from its record gives its bits, in any process, or the first value that differs is told."""

import csv
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from killed_runs import forking, started
from safetensors.torch import load_file, save_file

from port import run_record
from port.errors import OutputError, SceneError, SettingError
from port.recipes import recipe
from port.repetition import FILES, repeat
from port.runs import run
from port.settings import Settings
from port.synthetic import write_synthetic_scene

TINY = recipe("tuned", epochs=2, patch_side_px=21, stride_px=4, batch_size=4)
SAME = "the same bit for bit: losses of 2 epochs, 94114 numbers of the checkpoint, 1856 pixels, all metrics"
Port = Callable[..., tuple[int, str, str]]
pytestmark = pytest.mark.usefixtures("quick_runs")


@pytest.fixture(scope="module")
def scene(tiny_folder: Path) -> Path:
    """The scene of all runs."""
    return tiny_folder


@pytest.fixture(scope="module")
def whole(scene: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run done by another process."""
    out = tmp_path_factory.mktemp("whole")
    with forking() as context:
        process, _reports = started(context, Settings(variant="OPTII", recipe=TINY, data=scene, out=out, seed=5))
        process.join()
    (folder,) = out.iterdir()
    return folder


@pytest.fixture
def copied(whole: Path, tmp_path: Path) -> Path:
    """A copy of the run, to be changed."""
    return Path(shutil.copytree(whole, tmp_path / "run"))


def test_another_process_gives_the_same_bits(whole: Path, port: Port, tmp_path: Path) -> None:
    """Exit code 0, one line; nothing is left of the repetition, and the number of threads is the run's own."""
    torch.set_num_threads(2)
    code, out, err = port("repeat", whole)
    assert (code, out) == (0, f"{whole}: {SAME}\n"), err
    assert "not the conditions" not in err
    assert not list(tmp_path.iterdir())


def test_the_repetition_can_be_kept(whole: Path, port: Port, tmp_path: Path) -> None:
    """It is a run like any other."""
    assert port("repeat", whole, "--out", "again")[0] == 0
    (again,) = (tmp_path / "again").iterdir()
    for name in (*FILES, "config.json"):
        assert (again / name).read_bytes() == (whole / name).read_bytes()


def test_synthetic_scenes_are_made_again(tmp_path: Path) -> None:
    """From the seed, not from the copy in the run's folder."""
    chosen = recipe(epochs=1, stride_px=32)
    folder = run(Settings(variant="OPTI", recipe=chosen, out=tmp_path, seed=2)).folder
    shutil.rmtree(folder / "scene")
    found = repeat(folder)
    assert (found.difference, found.changed) == ("", [])


def change_loss(folder: Path) -> None:
    """Its last digit, in the second epoch."""
    with (folder / "loss.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    rows[2][1] = repr(float(np.nextafter(float(rows[2][1]), 1)))
    with (folder / "loss.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)


def change_weight(folder: Path) -> None:
    """One bit of one weight."""
    tensors = load_file(folder / "checkpoint.safetensors")
    tensors["conv2.bias"][7] = torch.nextafter(tensors["conv2.bias"][7], torch.tensor(1.0))
    save_file(tensors, folder / "checkpoint.safetensors")


def lose_velocities(folder: Path) -> None:
    """As a checkpoint of another recipe has none."""
    tensors = load_file(folder / "checkpoint.safetensors")
    weights = {name: value for name, value in tensors.items() if not name.startswith("optimiser/conv3")}
    save_file(weights, folder / "checkpoint.safetensors")


def change_pixel(folder: Path) -> None:
    """One bit of one pixel."""
    with rasterio.open(folder / "prediction.tif", "r+") as file:
        pixels = file.read(1)
        pixels[3, 20] = np.nextafter(pixels[3, 20], np.float32(1))
        file.write(pixels, 1)


def change_metric(folder: Path) -> None:
    """One number of many."""
    content = json.loads((folder / "metrics.json").read_text())
    content["groups"]["all"]["prediction"]["mae"] = 0.5
    (folder / "metrics.json").write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (change_loss, r"loss.csv, training loss of epoch 2: 0\.\d+ recorded, 0\.\d+ repeated"),
        (change_weight, r"checkpoint.safetensors, conv2.bias \(7,\): -?0\.\d+ recorded, -?0\.\d+ repeated"),
        (lose_velocities, r"checkpoint.safetensors: nothing more recorded, shape of optimiser/conv3.bias/\w+ repeated"),
        (change_pixel, r"prediction.tif, pixel \(3, 20\): 0\.\d+ recorded, 0\.\d+ repeated"),
        (change_metric, r"metrics.json, groups/all/prediction/mae: 0\.5 recorded, 0\.\d+ repeated"),
    ],
)
def test_the_first_difference_is_told(change: Callable[[Path], None], told: str, copied: Path, port: Port) -> None:
    """File, place and both values; exit code 1."""
    change(copied)
    code, out, _ = port("repeat", copied)
    assert code == 1
    assert re.fullmatch(rf"{copied}: not the same; first {told}.*\n", out), out


def test_differences_are_told_in_the_order_of_computing(copied: Path) -> None:
    """What follows from an earlier one is not the first."""
    change_metric(copied)
    change_pixel(copied)
    assert repeat(copied).difference.startswith("prediction.tif")


def test_other_conditions_are_told(copied: Path, port: Port) -> None:
    """Each that is not as recorded, here or where the run was resumed; that the bits are the same is told too."""
    record = run_record.read(copied)
    record["versions"]["numpy"] = "1.0"
    record["processor"], record["processes"] = "abacus", 2
    run_record.write(copied, {**record, "resumed": [["torch 2.0 then, 2.1 now"]]})
    code, out, err = port("repeat", copied)
    assert (code, out) == (0, f"{copied}: {SAME}\n")
    (told,) = re.findall(r"not the conditions of the run, so equality cannot be expected: (.*)", err)
    texts = (r"processes 2 then, 1 now", r"processor abacus then, .* now", r"numpy 1.0 then, .* now")
    assert re.fullmatch("; ".join((*texts, r"torch 2.0 then, 2.1 now")), told)


def test_another_scene_is_refused(whole: Path, scene: Path, copied: Path, tmp_path: Path) -> None:
    """Its pixels are not those of the record."""
    other = write_synthetic_scene(tmp_path / "other", size_px=(72, 64), seed=4)
    run_record.write(copied, {**run_record.read(copied), "data": str(other)})
    with pytest.raises(SceneError, match="holds another scene"):
        repeat(copied)


def test_only_whole_runs_are_repeated(copied: Path, tmp_path: Path) -> None:
    """What is missing is named; what is no file of its kind, too."""
    with pytest.raises(SettingError, match=r"holds no config.json"):
        repeat(tmp_path)
    (copied / "metrics.json").write_text("{")
    with pytest.raises(OutputError, match=r"metrics.json cannot be compared .* the run was changed"):
        repeat(copied)
    (copied / "metrics.json").unlink()
    with pytest.raises(SettingError, match=r"lacks metrics.json: it is no whole run"):
        repeat(copied)


def test_a_seed_is_not_another(whole: Path, copied: Path) -> None:
    """Another seed gives other losses from the first epoch on."""
    run_record.write(copied, {**run_record.read(copied), "seed": 6})
    assert repeat(copied).difference.startswith("loss.csv, training loss of epoch 1: ")


def test_the_engine_once_chosen_is_repeated(scene: Path, tmp_path: Path) -> None:
    """It is recorded, not measured again; and a checkpoint without velocities is compared as it is."""
    chosen = replace(TINY, optimiser_state="lost")
    folder = run(Settings(variant="OPTII", recipe=chosen, data=scene, out=tmp_path, engine="auto")).folder
    assert repeat(folder).difference == ""
