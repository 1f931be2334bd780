"""What the port reads and writes: the dates in a scene's folder, weight files, predictions."""

import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import rasterio
from rasterio.errors import NotGeoreferencedWarning

from parity_tests.measured.small_scene import small_scene
from port import checkpoints
from port.bands import Source
from port.checkpoints import Checkpoint
from port.errors import SceneError
from port.layout import ALL_SOURCES, TRIPLE, file_name
from port.network import make_network
from port.prediction import write_prediction
from port.recipes import recipe
from port.scenes import Scene
from port.weights import convert

VARIANT = "SOPTIIp"
SEVEN = range(1, 8)


def dates_of_a_triple() -> int:
    """How many dates a scene reads."""
    return len({source.date_offset for source in ALL_SOURCES} - {None})


def targets_of_seven_dates() -> int:
    """How many dates of a folder of seven can be the middle of a triple."""
    with small_scene() as scene:
        for number in SEVEN:
            _copy_date(scene, number)
        return sum(_opens(scene.directory, first_date) for first_date in SEVEN)


def weight_file_keys() -> list[str]:
    """The names in a weight file that a checkpoint of ours is converted to."""
    return list(_weight_file())


def weight_file_shapes() -> list[list[int]]:
    """The shapes of its arrays."""
    return [list(array.shape) for array in _weight_file().values()]


def prediction_file() -> list[int | str]:
    """Bands, type and CRS of a prediction as `original` writes it."""
    original = recipe("original")
    network = make_network(VARIANT, original)
    with small_scene() as scene, _folder() as folder:
        path = folder / "prediction.tif"
        write_prediction(path, network, scene, variant=VARIANT, recipe=original, region=scene.region)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(path) as file:
                return [file.count, file.dtypes[0], "none" if file.crs is None else file.crs.to_string()]


def _weight_file() -> dict[str, np.ndarray]:
    """The arrays of a converted checkpoint."""
    original = recipe("original")
    weights = make_network(VARIANT, original).state_dict()
    with _folder() as folder:
        ours, theirs = folder / "ours.safetensors", folder / "theirs.npz"
        checkpoints.save(ours, Checkpoint(variant=VARIANT, recipe=original, epoch=0, weights=weights))
        convert(ours, theirs)
        with np.load(theirs, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}


def _copy_date(scene: Scene, number: int) -> None:
    """Give the scene's folder a date of this number, ten days a step; those that are there get the date only."""
    for kind in ("VH", "VV", "NDVI", "MASK"):
        path = scene.directory / file_name(Source(kind, 0), number, "")
        if not path.exists():
            shutil.copy(scene.rasters[Source(kind, TRIPLE[-1])].path, path)
        with rasterio.open(path, "r+") as file:
            file.update_tags(DATE=(date(2016, 5, 1) + timedelta(10 * number)).isoformat())


def _opens(folder: Path, first_date: int) -> bool:
    """Whether a triple can be read."""
    try:
        Scene.open(folder, first_date=first_date)
    except SceneError:
        return False
    return True


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder that goes afterwards."""
    with tempfile.TemporaryDirectory(prefix="sar2ndvi-") as folder:
        yield Path(folder)
