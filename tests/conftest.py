"""A small synthetic scene, altered copies of it, the real scenes, the command line, a file of the original's."""

import os
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch
from dask_processes import START_S, DaskProcesses, dask_processes
from hypothesis import settings
from jaxtyping import install_import_hook
from rasterio.errors import NotGeoreferencedWarning

install_import_hook("port", "beartype.beartype")  # a wrong shape or dtype in a signature fails here

from port import figures  # noqa: E402
from port.__main__ import main  # noqa: E402
from port.cluster import Place  # noqa: E402
from port.initialisation import initialise  # noqa: E402
from port.lasagne_weights import write_npz  # noqa: E402
from port.network import make_network  # noqa: E402
from port.recipes import recipe  # noqa: E402
from port.scenes import Scene  # noqa: E402
from port.synthetic import write_synthetic_scene  # noqa: E402

settings.register_profile("repeatable", derandomize=True, deadline=None)  # the same examples each time, on any machine
settings.load_profile("repeatable")

SYNTHETIC_SHAPE = (120, 104)
DEFAULT_DATA = Path(__file__).parents[2] / "shared" / "data"

Alter = Callable[..., Path]


@pytest.fixture(autouse=True)
def same_threads() -> Iterator[None]:
    """A test that sets PyTorch's threads, as the commands do, leaves them as they were: sums depend on their number."""
    torch = sys.modules.get("torch")  # the judge's own tests do without it
    before = torch.get_num_threads() if torch else None
    yield
    if torch:
        torch.set_num_threads(before)


@pytest.fixture(scope="session")
def synthetic_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A synthetic scene of 120 x 104 px, seed 7; not to be changed."""
    return write_synthetic_scene(tmp_path_factory.mktemp("scenes") / "synthetic", size_px=SYNTHETIC_SHAPE, seed=7)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A synthetic scene of 72 x 64 px, seed 3; not to be changed."""
    return write_synthetic_scene(tmp_path_factory.mktemp("scenes") / "tiny", size_px=(72, 64), seed=3)


@pytest.fixture
def quick_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole runs on one thread, with small figures: those are not compared, and take most of the time."""
    monkeypatch.setattr(figures, "_DPI", 50)
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskProcesses]:
    """A scheduler and two workers; a test that kills one starts another."""
    with dask_processes(tmp_path_factory.mktemp("dask"), 2) as processes:
        yield processes


@pytest.fixture
def place(dask: DaskProcesses) -> Place:
    """Where they are."""
    return Place(address=dask.address, wait_s=START_S)


@pytest.fixture(scope="session")
def synthetic_scene(synthetic_folder: Path) -> Scene:
    """The synthetic scene, opened."""
    return Scene.open(synthetic_folder)


@pytest.fixture
def altered(synthetic_folder: Path, tmp_path: Path) -> Alter:
    """A function that copies the synthetic scene with one file rewritten: other pixels, profile or tags."""

    def alter(
        name: str,
        pixels: Callable[[np.ndarray], np.ndarray] = lambda stored: stored,
        tags: dict[str, str] | None = None,
        **profile: Any,
    ) -> Path:
        folder = tmp_path / "altered"
        shutil.copytree(synthetic_folder, folder, dirs_exist_ok=True)
        with rasterio.open(folder / name) as file:
            stored, kept, found = file.read(), file.profile, file.tags()
        changed = np.stack([pixels(band) for band in stored])
        kept |= {"dtype": changed.dtype.name, "height": changed.shape[1], "width": changed.shape[2]} | profile
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)  # some copies are meant to lack it
            with rasterio.open(folder / name, "w", **kept) as file:
                for band in range(kept["count"]):
                    file.write(changed[0], band + 1)
                file.update_tags(**found | (tags or {}))
        return folder

    return alter


@pytest.fixture(scope="session")
def real_scenes() -> Path:
    """The folder of real scenes: $SAR2NDVI_DATA, or shared/data beside the repository. Missing data is a failure."""
    folder = Path(os.environ.get("SAR2NDVI_DATA", DEFAULT_DATA))
    if not folder.is_dir():
        pytest.fail(f"no real scenes at {folder}; set SAR2NDVI_DATA to the folder that holds them", pytrace=False)
    return folder


@pytest.fixture(scope="session")
def hesbaye(real_scenes: Path) -> Scene:
    """A real scene of 100 x 100 px: June to August 2021."""
    return Scene.open(real_scenes / "hesbaye_s_2021-06_2021-08")


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> object:
    """A function that runs a command in an empty folder; gives the exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["sar2ndvi", *map(str, words)])
        with pytest.raises(SystemExit) as stop:
            main()
        said = capsys.readouterr()
        return int(stop.value.code or 0), said.out, said.err

    return run


@pytest.fixture
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file such as the public program saves, of variant SOPTIIp."""
    network = make_network("SOPTIIp", recipe("published"))
    initialise(network, "pytorch", seed=0)
    path = tmp_path_factory.mktemp("weights") / "model_IDSOPTIIp.npz"
    write_npz(path, network.state_dict())
    return path
