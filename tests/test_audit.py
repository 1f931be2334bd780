"""`audit` tells and exits by what it finds; `train` looks first, and stops on a sure error before anything is made."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from port.bands import VARIANTS

TRAIN = ("train", "--epochs", "1", "--batch-size", "4", "--threads", "1")


@pytest.fixture
def port(port: object, monkeypatch: pytest.MonkeyPatch) -> object:
    """The command line, in a window as narrow as they are."""
    monkeypatch.setenv("COLUMNS", "80")
    return port


def in_db(stored: np.ndarray) -> np.ndarray:
    """Backscatter in dB."""
    return 10 * np.log10(stored)


@pytest.mark.parametrize("width", ["80", "120"])
@pytest.mark.parametrize("name", ["synthetic", "hesbaye_s_2021-06_2021-08", "wervik_2017-09-23_2017-11-22"])
def test_sound_scene_is_told_in_two_tables(
    name: str, width: str, port: object, synthetic_folder: Path, real_scenes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every channel and the target, stored and as fed, within the terminal's width; nothing found, exit code 0."""
    monkeypatch.setenv("COLUMNS", width)
    folder = synthetic_folder if name == "synthetic" else real_scenes / name
    code, out, _ = port("audit", "--data", folder)
    assert code == 0
    *tables, last = out.splitlines()
    assert last == f"{folder}: no sure errors, no warnings"
    assert max(map(len, tables)) <= int(width)
    assert "\N{HORIZONTAL ELLIPSIS}" not in out
    for channel in ("VH at t-1", "VV at t-1", "VH at t", "VV at t", "VV at t+1", "VH at t+1", "NDVI at t-1", "DEM"):
        assert len(re.findall(rf"^ ?\d +{re.escape(channel)}  ", out, re.MULTILINE)) == 2
    assert len(re.findall(r"^ ?target +NDVI at t  ", out, re.MULTILINE)) == 2


def test_sure_error_is_exit_code_1(port: object, altered: object, tmp_path: Path) -> None:
    """The finding is a line of its own, and in the JSON with all numbers; NaN is null."""
    folder = altered("002_VH.tif", in_db)
    code, out, err = port("audit", "--data", folder, "--json", "audit.json")
    assert (code, err) == (1, "")
    lines = out.splitlines()
    assert lines[-2].startswith("error sar-in-db: 002_VH.tif has a median of -")
    assert lines[-1] == f"{folder}: 1 sure error, no warnings"
    told = json.loads((tmp_path / "audit.json").read_text(encoding="utf-8"))
    assert [(finding["id"], finding["severity"], finding["where"]) for finding in told["findings"]] == [
        ("sar-in-db", "error", "002_VH.tif")
    ]
    assert [channel["number"] for channel in told["channels"]] == [*range(9), None]
    assert told["channels"][2]["stored"]["median"] < 0
    assert told["channels"][6]["normalised"]["median"] == told["channels"][6]["stored"]["median"] / 1000
    assert all(channel["influence"] is None for channel in told["channels"])


def test_date_without_a_valid_pixel_is_null_in_json(port: object, altered: object, tmp_path: Path) -> None:
    """JSON has no NaN."""
    folder = altered("002_MASK.tif", np.ones_like)
    assert port("audit", "--data", folder, "--json", "audit.json")[0] == 1
    text = (tmp_path / "audit.json").read_text(encoding="utf-8")
    assert "NaN" not in text
    assert json.loads(text)["channels"][2]["stored"]["median"] is None


def test_warning_is_exit_code_0(port: object, synthetic_folder: Path) -> None:
    """Recipe original is allowed, and told what it does."""
    code, out, _ = port("audit", "--data", synthetic_folder, "--recipe", "original")
    assert code == 0
    assert re.search(
        r"^warning channel-invisible: VH at t-1 varies by .* \(also VV at t-1, .*, DEM\)$", out, re.MULTILINE
    )
    assert out.endswith(": no sure errors, 1 warning\n")


@pytest.mark.parametrize("variant", VARIANTS)
def test_each_variant_is_audited(variant: str, port: object, synthetic_folder: Path) -> None:
    """The channels fed are the variant's own and the target."""
    code, out, _ = port("audit", "--data", synthetic_folder, "--variant", variant)
    assert code == 0
    fed = out[out.index("Fed to variant") :]
    assert len(re.findall(r"^ ?\d  ", fed, re.MULTILINE)) == len(VARIANTS[variant])


def test_checkpoint_s_use_of_each_channel_is_told(port: object, synthetic_folder: Path, original: Path) -> None:
    """The original's own weight file: a third table, and the channels that do not count by name."""
    code, out, _ = port(
        "audit", "--data", synthetic_folder, "--checkpoint", original, "--variant", "SOPTIIp", "--recipe", "original",
        "--test-region", "60:120,0:104", "--json", "audit.json",
    )  # fmt: skip
    assert code == 0
    assert "in 60:120,0:104" in out
    assert len(re.findall(r"^ ?\d +\S+(?: at \S+)? +[+-]\d\.\d{5} ", out, re.MULTILINE)) == 9
    assert "warning channel-unused: VH at t-1" in out
    told = json.loads(Path("audit.json").read_text(encoding="utf-8"))
    assert told["region"] == "60:120,0:104"
    assert told["channels"][6]["influence"]["movement"] > 1e3 * told["channels"][0]["influence"]["movement"]
    assert told["channels"][-1]["influence"] is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--data", "nowhere"), "nowhere is not a folder"),
        (("--variant", "SOPTIII"), "unknown variant 'SOPTIII'"),
        (("--recipe", "best"), "unknown recipe 'best'"),
        (("--checkpoint", "a.npz"), "says neither its variant nor its recipe"),
        (("--checkpoint", "a.safetensors"), "cannot read checkpoint a.safetensors"),
        (("--json", "no/audit.json"), "cannot write no/audit.json"),
        (("--first-date", "2"), "lacks 004_VH.tif"),
    ],
)
def test_bad_words_are_exit_code_2(
    words: tuple[str, ...], message: str, port: object, synthetic_folder: Path, tmp_path: Path
) -> None:
    """One paragraph, no traceback, no file."""
    code, _, err = port("audit", "--data", synthetic_folder, *words)
    assert code == 2
    assert re.fullmatch(r"error: [^\n]+\n", err)
    assert message in err
    assert not list(tmp_path.iterdir())


def test_training_stops_on_a_sure_error(port: object, altered: object, tmp_path: Path) -> None:
    """Finding, file, both values, what to do; not even the folder for runs is made."""
    folder = altered("001_VV.tif", lambda stored: stored / np.float32(1000))
    code, out, err = port(*TRAIN, "--data", folder, "--variant", "SOPTII")
    assert (code, out) == (2, "")
    assert re.fullmatch(
        r"error: .*altered does not suit recipe corrected: sar-divided-by-1000: 001_VV.tif has a median of \S+, "
        r"expected linear sigma0 with a median above 0.001 .*store it as measured.*--force\n",
        err,
    )
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


def test_training_goes_on_by_force(port: object, altered: object, tmp_path: Path) -> None:
    """The same is a remark then, and the run is whole."""
    folder = altered("001_VV.tif", lambda stored: stored / np.float32(1000))
    code, out, err = port(*TRAIN, "--data", folder, "--variant", "SOPTII", "--force")
    assert code == 0
    assert "note: sar-divided-by-1000: 001_VV.tif has a median of" in err
    assert (tmp_path / out.splitlines()[-1].split(": ")[0] / "metrics.json").is_file()


def test_training_without_the_file_does_not_stop(port: object, altered: object) -> None:
    """Backscatter in dB matters to no variant without backscatter; it is a remark."""
    code, _, err = port(*TRAIN, "--data", altered("001_VV.tif", in_db), "--variant", "OPTII")
    assert code == 0
    assert "note: sar-in-db: 001_VV.tif has a median of -" in err
    assert "(variant OPTII does not use it)" in err


def test_the_past_can_be_trained_again(port: object, synthetic_folder: Path) -> None:
    """Recipe original, which hides the radar, is a remark and no error; NDVI x 1000 under published is one."""
    words = ("--data", synthetic_folder, "--variant", "SOPTII", "--epochs", 1, "--batch-size", 4, "--threads", 1)
    code, _, err = port("train", *words, "--recipe", "original")
    assert code == 0
    assert "note: channel-invisible: VH at t-1 varies by" in err
    code, _, err = port("train", *words, "--recipe", "published")
    assert code == 2
    assert "does not suit recipe published: ndvi-scaled: 001_NDVI.tif reaches" in err


def test_own_synthetic_scene_is_sound(port: object) -> None:
    """Nothing is remarked of the scene that a run makes for itself."""
    code, _, err = port("train", "--epochs", 1, "--stride-px", 32, "--variant", "SOPTIIp", "--threads", 1)
    assert code == 0
    (note,) = (line for line in err.splitlines() if line.startswith("note"))
    assert note.startswith("note: the run is in ")


def test_prediction_is_remarked_only(port: object, altered: object, original: Path) -> None:
    """What is wrong in the files a variant uses is said before its prediction is written."""
    folder = altered("001_VV.tif", in_db)
    words = ("--data", folder, "--recipe", "original", "--region", "30:80,20:90", "--threads", 1)
    code, _, err = port("predict", "--checkpoint", original, "--variant", "SOPTIIp", "--out", "a.tif", *words)
    assert code == 0
    assert "note: sar-in-db: 001_VV.tif has a median of -" in err


def test_nan_is_still_the_reader_s_error(port: object, altered: object) -> None:
    """File, count and place; exit code 2."""

    def spoilt(stored: np.ndarray) -> np.ndarray:
        changed = stored.copy()
        changed[3, 5] = np.nan
        return changed

    code, _, err = port("audit", "--data", altered("002_VV.tif", spoilt))
    assert code == 2
    assert re.search(r"002_VV.tif has 1 NaN or infinite pixels .*row 3, column 5", err)
