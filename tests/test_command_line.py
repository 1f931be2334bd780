"""The command line does each job, ends in a line that says what and where, and fails in one paragraph with code 2."""

import errno
import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio

from port.rasters import ungeoreferenced
from port.terminal import StageProgress

TRAIN = ("train", "--epochs", "1", "--batch-size", "4", "--threads", "1")


def test_train_ends_in_what_and_where(port: object, synthetic_folder: Path, tmp_path: Path) -> None:
    """Progress by stages, a table of all methods, and a last line that names the folder and its files."""
    code, out, err = port(*TRAIN, "--data", synthetic_folder, "--variant", "SOPTII", "--seed", 3)
    assert code == 0
    assert [word for word in ("train", "predict", "evaluate", "baseline", "summary", "figures") if word in err] == [
        "train", "predict", "evaluate", "baseline", "summary", "figures",
    ]  # fmt: skip
    assert re.search(r"interpolation.*\n.*causal.*\n(.*\n)*.*prediction.*\n.*gain over interpolation", out)
    assert "…" not in out  # the table fits into 80 columns
    assert max(map(len, out.splitlines()[:-1])) <= 80
    folder, files = out.splitlines()[-1].split(": ")
    assert (tmp_path / folder).is_dir()
    assert sorted(path.name for path in (tmp_path / folder).iterdir()) == files.split(", ")


def test_a_run_s_checkpoint_predicts_what_the_run_did(port: object, synthetic_folder: Path, tmp_path: Path) -> None:
    """`predict` from the checkpoint gives the run's prediction.tif, and `evaluate` its accuracies."""
    _, said, _ = port(*TRAIN, "--data", synthetic_folder, "--variant", "SOPTII")
    run = tmp_path / said.splitlines()[-1].split(": ")[0]
    code, out, _ = port(
        "predict", "--checkpoint", run / "checkpoint.safetensors", "--data", synthetic_folder, "--region",
        "72:120,0:104", "--out", "again.tif", "--threads", 1,
    )  # fmt: skip
    assert (code, out) == (0, "again.tif: NDVI at t of 72:120,0:104 (48 x 104 px)\n")
    with rasterio.open(run / "prediction.tif") as mine, rasterio.open("again.tif") as theirs:
        assert np.array_equal(mine.read(1), theirs.read(1), equal_nan=True)
        assert mine.transform == theirs.transform
    code, out, _ = port("evaluate", "--prediction", "again.tif", "--data", synthetic_folder)
    assert code == 0
    table = said.splitlines()[:-1]
    assert any("gain over interpolation" in line for line in table)
    assert table == out.splitlines()[:-1]
    assert re.search(r"again.tif: compared with .* on \d+ pixels of 72:120,0:104\n$", out)


def test_evaluating_a_whole_scene_names_what_is_not_compared(
    port: object, original: Path, synthetic_folder: Path
) -> None:
    """No pixel is left to fit a regressor on; the other baselines are in the table."""
    weights = ("--checkpoint", original, "--variant", "SOPTIIp", "--recipe", "corrected")
    assert port("predict", *weights, "--data", synthetic_folder, "--out", "all.tif")[0] == 0
    code, out, err = port("evaluate", "--prediction", "all.tif", "--data", synthetic_folder)
    assert code == 0
    assert "note: baselines not compared: regressor F- (no valid pixel lies outside" in err
    assert "time-weighted" in out
    assert "regressor" not in out


def test_original_weights_predict(port: object, original: Path, synthetic_folder: Path) -> None:
    """The public program's .npz, recipe published: the region cropped, never negative, and a word on NDVI's scale."""
    code, out, err = port(
        "predict", "--checkpoint", original, "--variant", "SOPTIIp", "--recipe", "published", "--data",
        synthetic_folder, "--region", "30:80,20:90", "--out", "F.tif",
    )  # fmt: skip
    assert (code, out) == (0, "F.tif: NDVI at t of 38:72,28:82 (34 x 54 px)\n")
    assert "the public program expects NDVI in [-1, 1]" in err
    with ungeoreferenced(), rasterio.open("F.tif") as file:
        assert file.shape == (34, 54)
        assert file.read(1).min() >= 0


def test_bfloat16_says_what_it_costs(port: object, original: Path, synthetic_folder: Path) -> None:
    """Its measured difference and speed are remarked before, the engine stands in the file; float32 stays silent."""
    weights = ("--checkpoint", original, "--variant", "SOPTIIp", "--recipe", "corrected", "--data", synthetic_folder)
    code, _, err = port("predict", *weights, "--out", "F.tif", "--engine", "bfloat16")
    assert code == 0
    said = re.search(
        r"engine bfloat16 gives NDVI that differs from channels-last's by (\S+) on average and (\S+) at most", err
    )
    assert said
    assert 0 < float(said[1]) < float(said[2]) < 0.1
    assert port("predict", *weights, "--out", "G.tif")[2].count("differs") == 0
    with rasterio.open("F.tif") as rounded, rasterio.open("G.tif") as file:
        assert (rounded.tags()["ENGINE"], file.tags()["ENGINE"]) == ("bfloat16", "channels-last")
        assert rounded.tags()["CHECKPOINT"] == file.tags()["CHECKPOINT"]
        difference = np.abs(rounded.read(1) - file.read(1))
    assert 0 < np.nanmax(difference) <= 2 * float(said[2])


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_prediction_leaves_nothing(
    number: signal.Signals, code: int, port: object, original: Path, synthetic_folder: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """By Ctrl-C, or as a scheduler of jobs stops it: one line, no file, no hidden half of one."""
    monkeypatch.setattr(StageProgress, "step", lambda *told: signal.raise_signal(number))
    weights = ("--checkpoint", original, "--variant", "SOPTIIp", "--recipe", "corrected", "--data", synthetic_folder)
    ended, out, err = port("predict", *weights, "--out", "F.tif")
    assert (ended, out) == (code, "")
    assert err.splitlines()[-1] == f"stopped by {number.name}; nothing is kept of F.tif"
    assert not list(tmp_path.iterdir())


def test_threads_tiles_and_the_progress_s_end(port: object, original: Path, synthetic_folder: Path) -> None:
    """Three threads and tiles of 24 px write the bits of one thread and the tiles of the default."""
    weights = ("--checkpoint", original, "--variant", "SOPTIIp", "--recipe", "corrected", "--data", synthetic_folder)
    _, _, err = port("predict", *weights, "--out", "F.tif", "--threads", 3, "--tile-px", 24)
    assert port("predict", *weights, "--out", "G.tif", "--threads", 1, "--tile-px", 24)[0] == 0
    with rasterio.open("F.tif") as many, rasterio.open("G.tif") as one:
        assert np.array_equal(many.read(1), one.read(1), equal_nan=True)
    assert re.search(r"predict +\d+/9152 px, 0:\d\d:\d\d left", err)
    assert "predict   9152/9152 px\n" in err


def test_a_bare_prediction_is_evaluated_where_it_is_said_to_lie(
    port: object, original: Path, synthetic_folder: Path
) -> None:
    """Recipe published writes a bare file: one paragraph asks for --region, with it all is compared."""
    weights = ("--checkpoint", original, "--variant", "SOPTIIp", "--recipe", "published")
    assert port("predict", *weights, "--data", synthetic_folder, "--region", "30:80,20:90", "--out", "F.tif")[0] == 0
    asked = ("evaluate", "--prediction", "F.tif", "--data", synthetic_folder)
    code, _, err = port(*asked)
    assert code == 2
    assert re.search(r"F.tif has no georeference .* or name with --region where a bare prediction lies\n$", err)
    code, _, err = port(*asked, "--region", "30:80,20:90")
    assert code == 2
    assert "34 rows x 54 columns and no georeference, but is said to lie on a region of 50 x 70" in err
    code, out, _ = port(*asked, "--region", "38:72,28:82")
    assert code == 0
    assert re.search(r"on \d+ pixels of 38:72,28:82\n$", out)


def test_convert_there_and_back(port: object, original: Path) -> None:
    """.npz to .safetensors and back holds the same arrays."""
    code, out, _ = port("convert", original, "ours.safetensors", "--variant", "SOPTIIp", "--recipe", "published")
    assert (code, out) == (0, f"ours.safetensors: weights of variant SOPTIIp, from {original}\n")
    assert port("convert", "ours.safetensors", "theirs.npz")[0] == 0
    with np.load(original, allow_pickle=False) as first, np.load("theirs.npz", allow_pickle=False) as last:
        assert first.files == last.files
        assert all(np.array_equal(first[name], last[name]) for name in first.files)


def test_synth_writes_a_scene(port: object, tmp_path: Path) -> None:
    """A folder of 14 files of the size asked for."""
    code, out, _ = port("synth", "scene", "--size", "64x80", "--seed", 2)
    assert (code, out) == (0, "scene: a synthetic scene of 64 x 80 px, 14 GeoTIFFs\n")
    with rasterio.open(tmp_path / "scene" / "DEM.tif") as file:
        assert file.shape == (64, 80)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--variant", "SOPTIII"), "unknown variant 'SOPTIII'; choose one of SAR, SARp"),
        (("--recipe", "best"), "unknown recipe 'best'; choose one of original"),
        (("--scaling", "by-1000"), "scaling is 'by-1000'; choose one of per-channel"),
        (("--epochs", "0"), "epochs is 0; it must be above 0"),
        (("--test-region", "60:100"), "region '60:100' is not of the form R0:R1,C0:C1"),
        (("--test-region", "100:130,0:104"), "region 100:130,0:104 is not inside the scene of 120 rows x 104 columns"),
        (("--first-date", "4"), "lacks 004_VH.tif"),
        (("--batch-size", "500"), "training patches are fewer than one batch of 500"),
        (("--patch-side-px", "121"), "a scene of 120 rows x 104 columns is too small for one patch of 121 x 121 px"),
        (("--data", "nowhere"), "nowhere is not a folder"),
    ],
)
def test_bad_words_are_one_paragraph(
    words: tuple[str, ...], message: str, port: object, synthetic_folder: Path, tmp_path: Path
) -> None:
    """Exit code 2, no traceback, nothing printed as a result, nothing left on disk."""
    code, out, err = port("train", "--data", synthetic_folder, *words)
    assert code == 2
    assert out == ""
    assert re.fullmatch(r"error: [^\n]+\n", err)
    assert message in err
    assert not list(tmp_path.iterdir())


def nan_at_start(stored: np.ndarray) -> np.ndarray:
    """The first pixel is NaN."""
    changed = stored.copy()
    changed[0, 0] = np.nan
    return changed


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("002_VV.tif", {"pixels": lambda stored: stored[:100]}, "(100, 104), 001_VH.tif has (120, 104)"),
        ("DEM.tif", {"crs": "EPSG:32631"}, "CRS EPSG:32631, 001_VH.tif has EPSG:32630"),
        ("001_VH.tif", {"pixels": nan_at_start}, "1 NaN or infinite pixels"),
    ],
    ids=["shape", "CRS", "NaN"],
)  # fmt: skip
def test_bad_scenes_are_one_paragraph(
    name: str, change: dict[str, object], message: str, port: object, altered: object, tmp_path: Path
) -> None:
    """Another shape, another CRS, NaN in a band: both values, exit code 2, nothing left beside the scene."""
    folder = altered(name, **change)
    code, out, err = port("train", "--data", folder, "--batch-size", 4)
    assert (code, out) == (2, "")
    assert message in err
    assert "Traceback" not in err
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


def test_a_missing_file_is_one_paragraph(port: object, altered: object, tmp_path: Path) -> None:
    """The file's name, and how many of the 13 are missing."""
    folder = altered("DEM.tif")
    (folder / "003_NDVI.tif").unlink()
    code, out, err = port("train", "--data", folder)
    assert (code, out) == (2, "")
    assert "lacks 003_NDVI.tif: 1 of the 13 files of dates 1 to 3" in err
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--variant", "SAR", "--recipe", "published"), "arr_0 (W1) has shape (48, 9, 9, 9), expected (48, 2, 9, 9)"),
        (("--variant", "SOPTIIp"), "says neither its variant nor its recipe; give --variant"),
        (("--recipe", "published"), "says neither its variant nor its recipe; give --variant"),
        (("--variant", "SOPTIIp", "--recipe", "original", "--tile-px", "0"), "--tile-px is '0'; give a number"),
        (("--variant", "SOPTIIp", "--recipe", "original", "--engine", "gpu"), "unknown engine 'gpu'; choose one of"),
        (("--variant", "SOPTIIp", "--recipe", "original", "--region", "0:16,0:50"), "region 0:16,0:50 has 16 rows"),
    ],
)
def test_bad_predictions_leave_nothing(
    words: tuple[str, ...], message: str, port: object, original: Path, synthetic_folder: Path, tmp_path: Path
) -> None:
    """A wrong variant, none, or a region too small: exit code 2 and no GeoTIFF."""
    code, out, err = port("predict", "--checkpoint", original, "--data", synthetic_folder, "--out", "F.tif", *words)
    assert (code, out) == (2, "")
    assert message in err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("convert", "a.npz", "b.npz"), "one must end in .npz (the original's), the other in .safetensors"),
        (("convert", "a.safetensors", "b.npz"), "cannot read checkpoint a.safetensors: No such file"),
        (("predict", "--checkpoint", "a.pt", "--data", ".", "--out", "F.tif"), "a.pt ends in '.pt', expected"),
        (("synth", "s", "--size", "64"), "size '64' is not of the form ROWSxCOLS"),
        (("synth", "s", "--size", "16x64"), "16 x 64 px is too small"),
    ],
)
def test_other_bad_words_are_one_paragraph(words: tuple[str, ...], message: str, port: object, tmp_path: Path) -> None:
    """Every command fails alike."""
    code, out, err = port(*words)
    assert (code, out) == (2, "")
    assert message in err
    assert not list(tmp_path.iterdir())


def test_ablate_ends_in_what_and_where(port: object, synthetic_folder: Path, tmp_path: Path) -> None:
    """A table for the scene, a line that names the files; the same command again has nothing left to do."""
    words = ("ablate", "--data", synthetic_folder, "--variants", "OPTII,SOPTII", "--seeds", 1, "--epochs", 1)
    code, out, err = port(*words, "--batch-size", 4, "--jobs", 2)
    assert code == 0
    assert re.search(r"ablate +2/2 synthetic S?OPTII seed 0: MAE 0\.\d{4}; about 0 s left", err)
    assert [word for word in ("OPTII", "SOPTII", "causal", "SAR: OPTII to SOPTII") if word not in out] == []
    assert out.splitlines()[-1] == "ablation: ablation.csv, .json, .md, .png; 2 runs done now, 0 before"
    names = ["ablation.csv", "ablation.json", "ablation.md", "ablation.png", "runs"]
    assert sorted(path.name for path in (tmp_path / "ablation").iterdir()) == names
    _, again, _ = port(*words, "--batch-size", 4, "--jobs", 1)
    assert again.splitlines()[-1].endswith("0 runs done now, 2 before")
    assert again.splitlines()[:-1] == out.splitlines()[:-1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--variants", "OPTII,SOPTIII"), "unknown variant 'SOPTIII'; choose one of SAR, SARp"),
        (("--data", "nowhere"), "nowhere is not a folder"),
        (("--size", "64"), "size '64' is not of the form ROWSxCOLS"),
        (("--recipe", "tuned"), "SAR"),
    ],
)
def test_bad_ablations_are_one_paragraph(words: tuple[str, ...], message: str, port: object, tmp_path: Path) -> None:
    """Exit code 2, no traceback, nothing left on disk."""
    code, out, err = port("ablate", *words)
    assert (code, out) == (2, "")
    assert re.fullmatch(r"error: [^\n]+\n", err)
    assert message in err
    assert not list(tmp_path.iterdir())


def test_debug_shows_the_traceback(port: object) -> None:
    """With --debug it stands above the same paragraph, and the exit code is the same."""
    code, out, err = port("--debug", "train", "--data", "nowhere")
    assert (code, out) == (2, "")
    assert err.startswith("Traceback (most recent call last):\n")
    assert "\nport.errors.SceneError: nowhere is not a folder" in err
    assert re.search(r"\nerror: nowhere is not a folder[^\n]*\n$", err)
    assert "Traceback" not in port("--no-debug", "train", "--data", "nowhere")[2]


@pytest.mark.parametrize(
    ("raised", "code", "message"),
    [
        (
            KeyError("blue"),
            70,
            r"this is a mistake of the program, not yours: KeyError: 'blue' \(port/file_commands\.py, line",
        ),
        (ValueError(), 70, r"ValueError: no words \(port/.*\); please report it with what .* --debug\n$"),
        (RuntimeError("two\n lines"), 70, r"RuntimeError: two lines \(port/"),
        (RuntimeError("DefaultCPUAllocator: no 9 GiB"), 2, r"^error: the memory does not suffice \(Default"),
        (
            MemoryError("no 9 GiB"),
            2,
            r"^error: the memory does not suffice \(no 9 GiB\); give a smaller scene or region",
        ),
        (
            PermissionError(errno.EACCES, "Permission denied", "closed/scene"),
            2,
            r"^error: closed/scene: Permission denied; make it accessible, or give another\n$",
        ),
        (OSError(errno.EIO, "Input/output error", "scene"), 70, r"OSError: \[Errno 5\] Input/output error"),
    ],
    ids=["KeyError", "ValueError", "RuntimeError", "PyTorch", "MemoryError", "path", "OSError"],
)
def test_unexpected_errors_are_one_line(
    raised: Exception, code: int, message: str, port: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mistake of the program says that it is one, and where; exit code 70. No traceback without --debug."""

    def fails(*_: object, **__: object) -> None:
        raise raised

    monkeypatch.setattr("port.file_commands.Scene.open", fails)
    found, out, err = port("audit", "--data", "scene")
    assert (found, out) == (code, "")
    assert re.fullmatch(r"error: [^\n]+\n", err)
    assert re.search(message, err)
    assert "Traceback" in port("--debug", "audit", "--data", "scene")[2]


def test_module_runs_from_a_shell(tmp_path: Path) -> None:
    """`python -m port` ends with code 2 and one paragraph, no traceback."""
    command = [sys.executable, "-m", "port", "train", "--data", str(tmp_path / "nowhere")]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False, cwd=Path(__file__).parents[1])
    assert done.returncode == 2
    assert re.fullmatch(r"error: .*nowhere is not a folder[^\n]*\n", done.stderr)
    assert done.stdout == ""


def test_the_fastest_engine_is_said(port: object, synthetic_folder: Path) -> None:
    """`--engine auto` tells what an update takes by each, and the run records which was taken."""
    words = ("--data", synthetic_folder, "--variant", "OPTI", "--epochs", 2, "--engine", "auto", "--threads", 1)
    code, _, err = port("train", *words)
    assert code == 0, err
    (said,) = re.findall(r"note: engine (\S+), for an update takes by eager .* ms, channels-last .* ms", err)
    (folder,) = Path("runs").iterdir()
    assert json.loads((folder / "config.json").read_text())["engine"] == said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--engine", "fast"), "unknown engine 'fast'; choose one of auto, eager, channels-last"),
        (("--engine", "bfloat16", "--precision", "float64"), "precision is float64; choose another engine"),
        (("--batching", "tiles"), "batching is 'tiles'; choose one of patches, blocks"),
    ],
)
def test_unfit_trainings_are_refused(
    words: tuple[str, ...], message: str, port: object, synthetic_folder: Path
) -> None:
    """Before anything is trained."""
    code, _, err = port("train", "--data", synthetic_folder, *words)
    assert code == 2
    assert message in err
    assert not Path("runs").exists()
