"""Every bad scene ends in its one error, exit code 2, and nothing written; what only looks bad works as documented."""

import codecs
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import rasterio

from port.initialisation import initialise
from port.lasagne_weights import write_npz
from port.network import make_network
from port.prediction import write_prediction
from port.recipes import recipe
from port.scenes import Scene
from port.synthetic import write_synthetic_scene
from tests.bad_scenes import CASES, EVALUATE, PREDICT, SOUND, Case, Sound
from tests.scene_damage import FILES, Pixels, rewritten, with_value

NOBODY = 65534
ROOT = Path(__file__).parents[1]
Port = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a scene of 64 x 64 px, weights, and what they predict; not to be changed."""
    folder = tmp_path_factory.mktemp("sound")
    network, corrected = make_network("SOPTIIp", recipe("corrected")), recipe("corrected")
    initialise(network, "pytorch", seed=0)
    write_npz(folder / "model.npz", network.state_dict())
    scene = Scene.open(write_synthetic_scene(folder / "scene", size_px=(64, 64), seed=7))
    write_prediction(
        folder / "estimate.tif", network, scene, variant="SOPTIIp", recipe=corrected, region=scene.region, workers=1
    )
    return folder


@pytest.fixture
def folder(sound: Path, tmp_path: Path, port: object) -> Iterator[Path]:
    """A copy of it to damage, in which commands run; open to other users, and afterwards to whoever removes it."""
    shutil.copytree(sound, tmp_path, dirs_exist_ok=True)
    tmp_path.chmod(0o777)
    yield tmp_path
    for path in (tmp_path, *tmp_path.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755)


@contextmanager
def user(*, privileged: bool) -> Iterator[None]:
    """Root may read and write everything: where that hides the fault, another user acts."""
    drops = not privileged and os.geteuid() == 0
    codecs.lookup("cp437")  # of a zip's names: Python's own files may be closed to another user
    if drops:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if drops:
            os.seteuid(0)


def content(folder: Path) -> dict[str, object]:
    """All that lies in a folder: files with their bytes, links with their target."""
    return {
        str(path.relative_to(folder)): path.readlink()
        if path.is_symlink()
        else path.read_bytes()
        if path.is_file()
        else path.stat().st_mode
        for path in folder.rglob("*")
    }


def pixels(path: Path) -> np.ndarray:
    """A prediction's pixels."""
    with rasterio.open(path) as file:
        return np.asarray(file.read(1))


@pytest.mark.parametrize("case", [case for cases in CASES.values() for case in cases], ids=lambda case: case.name)
def test_bad_scene_is_one_error(case: Case, folder: Path, port: Port) -> None:
    """Exactly its error, beside notes that say "note:"; exit code 2; no result; the folder is as before."""
    case.damage(folder)
    before = content(folder)
    with user(privileged=not case.unprivileged):
        code, out, err = port(*shlex.split(case.command))
    assert (code, out) == (2, "")
    (error,) = (line for line in err.splitlines() if not line.startswith("note: "))
    assert re.fullmatch(re.escape(f"error: {case.error}").replace(r"\{bytes\}", r"\d+"), error), error
    assert content(folder) == before


def test_no_two_cases_are_one() -> None:
    """Each stands in the table once, and there are many."""
    names = [case.name for cases in CASES.values() for case in cases]
    assert len(set(names)) == len(names) >= 45


@pytest.mark.parametrize("case", SOUND, ids=lambda case: case.name)
def test_what_only_looks_bad_works(case: Sound, folder: Path, port: Port) -> None:
    """The numbers predicted are those of the scene as it was, bit for bit."""
    case.damage(folder)
    code, _, err = port(*shlex.split(case.command), "--threads", 1)
    assert (code, err.count("error")) == (0, 0), err
    assert np.array_equal(pixels(folder / case.written), pixels(folder / "estimate.tif"), equal_nan=True)


VH, FAR = "scene/001_VH.tif", -1.7976931348623157e308


def hole(value: float, dtype: str | None = None) -> Pixels:
    """One valid pixel, well inside, of another value."""
    return with_value(value, dtype, row=20, col=30)


SHOWN = hole(0)(np.full((64, 64), 255, dtype=np.uint8))
"""A mask that hides it."""
MISSING = {
    "by value": rewritten(VH, hole(-9999.0), nodata=-9999.0),
    "by NaN": rewritten(VH, hole(np.nan), nodata=np.nan),
    "by infinity": rewritten(VH, hole(np.inf), nodata=np.inf),
    "by a value beyond float32": rewritten(VH, hole(FAR, "float64"), nodata=FAR),
    "by a mask in the file": rewritten(VH, hole(np.nan), mask=SHOWN),
    "by a mask beside the file": rewritten(VH, hole(7.0), mask=SHOWN, internal_mask=False),
}


@pytest.mark.parametrize("way", MISSING)
def test_missing_pixels_read_as_0_and_are_not_compared(way: str, folder: Path, port: Port) -> None:
    """However a file declares them: predicted from 0, left out of the comparison; at that pixel and nowhere else."""
    rewritten(VH, hole(0.0))(folder)
    assert port(*shlex.split(PREDICT.replace("ndvi.tif", "zero.tif")), "--threads", 1)[0] == 0
    (before,) = re.findall(r"on (\d+) pixels", port(*shlex.split(EVALUATE))[1])
    MISSING[way](folder)
    code, _, err = port(*shlex.split(PREDICT), "--threads", 1)
    assert code == 0, err
    assert np.array_equal(pixels(folder / "ndvi.tif"), pixels(folder / "zero.tif"), equal_nan=True)
    (after,) = re.findall(r"on (\d+) pixels", port(*shlex.split(EVALUATE))[1])
    assert int(after) == int(before) - 1


@pytest.mark.parametrize("way", ["by value", "by a mask in the file"])
def test_a_prediction_s_missing_pixels_are_not_compared(way: str, folder: Path, port: Port) -> None:
    """A program that marks them otherwise than by NaN is understood."""
    rewritten("estimate.tif", hole(np.nan), nodata=np.nan)(folder)
    expected = port(*shlex.split(EVALUATE))
    if way == "by value":
        rewritten("estimate.tif", lambda stored: np.where(np.isnan(stored), -9999, stored), nodata=-9999.0)(folder)
    else:
        shown = np.where(np.isnan(pixels(folder / "estimate.tif")), 0, 255).astype("u1")
        rewritten("estimate.tif", np.nan_to_num, mask=shown)(folder)
    assert port(*shlex.split(EVALUATE)) == expected
    assert expected[0] == 0


def test_the_smallest_scene_has_one_pixel_to_predict(folder: Path, port: Port) -> None:
    """17 x 17 px are the network's window."""
    rewritten(FILES, lambda stored: stored[:17, :17].copy())(folder)
    assert port(*shlex.split(PREDICT))[0] == 0
    assert np.argwhere(~np.isnan(pixels(folder / "ndvi.tif"))).tolist() == [[8, 8]]


def _garbled(folder: Path) -> None:
    """The tags of one file are no text, on which GDAL remarks; another file is empty."""
    path = folder / "scene" / "001_VH.tif"
    path.write_bytes(path.read_bytes().replace(b"<GDALMetadata>", b"<G\xffALMetadata>"))
    (folder / "scene" / "DEM.tif").write_bytes(b"")


@pytest.mark.parametrize("debug", [False, True], ids=["plain", "debug"])
def test_nothing_but_the_error_reaches_a_shell(debug: bool, folder: Path) -> None:
    """A process of its own prints no remark of GDAL's and no traceback; with --debug the traceback, then the error."""
    _garbled(folder)
    words = [*(["--debug"] if debug else []), "audit", "--data", "scene"]
    done = subprocess.run(
        [sys.executable, "-m", "port", *words],
        capture_output=True,
        encoding="utf-8",
        check=False,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert (done.returncode, done.stdout) == (2, "")
    *before, error = done.stderr.splitlines()
    assert error == "error: scene/DEM.tif cannot be read as a GeoTIFF: it is empty (0 bytes); copy it again"
    assert before[:1] == (["Traceback (most recent call last):"] if debug else [])
