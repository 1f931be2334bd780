"""A repetition is a run done again from its record, and compared with what the run gave: bit for bit, or not."""

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import rasterio
import torch
from rasterio.errors import RasterioError
from safetensors import SafetensorError
from safetensors.torch import load_file

from port import run_record
from port.conditions import changed, conditions
from port.errors import OutputError, SettingError
from port.observer import Observer, Silent
from port.rasters import ungeoreferenced
from port.runs import run
from port.scenes import Scene


@dataclass(frozen=True)
class Repetition:
    """What was compared, in words; what differs first, empty if nothing does; the conditions that are not the run's."""

    compared: str
    difference: str
    changed: list[str]


def repeat(folder: Path, out: Path | None = None, observer: Observer | None = None) -> Repetition:
    """Do a whole run again, into a new folder in `out`, or in one that is removed; a synthetic scene is made again.

    The number of PyTorch's threads is set to the run's.

    Raises:
        SettingError: the folder is no whole run.
        SceneError: the scene is not there any more, or holds other pixels.
        Sar2NdviError: see `port.runs.run`.
    """
    record = run_record.read(folder)
    absent = [name for name in FILES if not (folder / name).is_file()]
    if absent:
        raise SettingError(f"{folder} lacks {', '.join(absent)}: it is no whole run; resume it, or give another")
    torch.set_num_threads(record["threads"])
    with TemporaryDirectory(prefix="sar2ndvi-") as temporary:
        settings = replace(run_record.settings_of(record, out or Path(temporary)), resumable=out is not None)
        if settings.data is not None:
            nodata = settings.recipe.nodata
            run_record.of_scene(record, Scene.open(settings.data, first_date=settings.first_date, nodata=nodata))
        again = run(settings, observer or Silent()).folder
        differences = (difference for name in FILES if (difference := _difference(name, folder, again)))
        others = [text for texts in record.get("resumed", []) for text in texts]
        return Repetition(_compared(folder), next(differences, ""), [*changed(record, conditions()), *others])


def _difference(name: str, recorded: Path, repeated: Path) -> str:
    """The first value of a file that differs, with both; empty if none does."""
    if (recorded / name).read_bytes() == (repeated / name).read_bytes():
        return ""
    values = FILES[name]
    try:
        for one, other in zip_longest(values(recorded / name), values(repeated / name), fillvalue=("nothing more", "")):
            if one[0] != other[0]:
                return f"{name}: {one[0]} recorded, {other[0]} repeated"
            if one != other:
                return f"{name}, {one[0]}: {one[1]} recorded, {other[1]} repeated"
    except (OSError, RasterioError, SafetensorError, ValueError, LookupError) as problem:
        raise OutputError(f"{recorded / name} cannot be compared ({problem}); the run was changed") from problem
    return ""


Values = Iterator[tuple[str, str]]
"""Where each value stands, and the value, such that equal text is equal bits."""


def _losses(path: Path) -> Values:
    """Every epoch's losses."""
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            for name in ("training", "validation"):
                yield f"{name} loss of epoch {row['epoch']}", row[name]


def _tensors(path: Path) -> Values:
    """Every number of every tensor."""
    for name, tensor in sorted(load_file(path).items()):
        yield from _numbers(name, tensor.numpy())


def _pixels(path: Path) -> Values:
    """Every pixel."""
    with ungeoreferenced(), rasterio.open(path) as file:
        yield from _numbers("pixel", file.read(1))


def _numbers(name: str, values: np.ndarray) -> Values:
    """Every number by its index, written so that no bit is lost."""
    yield f"shape of {name}", f"{values.shape} {values.dtype}"
    for index, value in np.ndenumerate(values):
        yield f"{name} {index}", repr(value.item())


def _metrics(path: Path) -> Values:
    """Every number of a JSON file by the names that lead to it."""
    yield from _leaves("", json.loads(path.read_text(encoding="utf-8")))


def _leaves(place: str, content: Any) -> Values:
    """What a JSON object holds that is no object itself."""
    if isinstance(content, Mapping):
        for name, value in content.items():
            yield from _leaves(f"{place}/{name}" if place else name, value)
    else:
        yield place, repr(content)


FILES = {
    "loss.csv": _losses,
    "checkpoint.safetensors": _tensors,
    "prediction.tif": _pixels,
    "metrics.json": _metrics,
}
"""What is compared, in the order in which it is computed."""


def _compared(folder: Path) -> str:
    """How much was compared."""
    epochs = len((folder / "loss.csv").read_text(encoding="utf-8").splitlines()) - 1
    weights = sum(tensor.numel() for tensor in load_file(folder / "checkpoint.safetensors").values())
    with ungeoreferenced(), rasterio.open(folder / "prediction.tif") as file:
        pixels = file.width * file.height
    return f"losses of {epochs} epochs, {weights} numbers of the checkpoint, {pixels} pixels, all metrics"
