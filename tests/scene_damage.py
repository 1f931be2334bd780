"""Damage is what is done to a sound scene before a command meets it; each function gives one, to be done to a folder.

The folder holds the synthetic scene as `scene`, weights as `model.npz` and a prediction as `estimate.tif`.
"""

import os
import shutil
import struct
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.errors import NotGeoreferencedWarning

Damage = Callable[[Path], None]
Pixels = Callable[[np.ndarray], np.ndarray]

SCENE = tuple(f"scene/{date}_{kind}.tif" for date in ("001", "002", "003") for kind in ("VH", "VV", "NDVI", "MASK"))
FILES = (*SCENE, "scene/DEM.tif", "scene/CHANGES.tif")
"""All files of the synthetic scene."""


def nothing(_: Path) -> None:
    """The scene as it is: the command itself is wrong."""


def each(*damages: Damage) -> Damage:
    """One after another."""

    def damage(folder: Path) -> None:
        for one in damages:
            one(folder)

    return damage


def rewritten(
    names: str | Iterable[str],
    pixels: Pixels = lambda stored: stored,
    *,
    tags: Mapping[str, str] | None = None,
    mask: np.ndarray | None = None,
    times: int = 1,
    **profile: Any,
) -> Damage:
    """Files with other pixels, tags, profile or mask, or so many bands; a list of names is that of several files."""

    def damage(folder: Path) -> None:
        for name in [names] if isinstance(names, str) else names:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", NotGeoreferencedWarning)  # some are meant to lack it
                _rewrite(folder / name, pixels, dict(tags or {}), mask, times, profile)

    return damage


def _rewrite(
    path: Path, pixels: Pixels, tags: dict[str, str], mask: np.ndarray | None, times: int, profile: dict[str, Any]
) -> None:
    with rasterio.open(path) as file:
        stored, kept, found = file.read(1), file.profile, file.tags()
    changed = pixels(stored)
    kept = {"driver": "GTiff", "crs": kept["crs"], "transform": kept["transform"], "compress": "deflate"}
    kept |= {"dtype": changed.dtype.name, "height": changed.shape[0], "width": changed.shape[1], "count": times}
    path.unlink()
    internal = rasterio.Env(GDAL_TIFF_INTERNAL_MASK=profile.pop("internal_mask", True))
    with internal, rasterio.open(path, "w", **kept | profile) as file:
        for band in range(times):
            file.write(changed, band + 1)
        file.update_tags(**found | tags)
        if mask is not None:
            file.write_mask(mask)


def with_value(value: float, dtype: str | None = None, row: int = 3, col: int = 4) -> Pixels:
    """One pixel of another value, in another dtype if it asks for one."""

    def change(stored: np.ndarray) -> np.ndarray:
        changed = stored.astype(dtype or stored.dtype)
        changed[row, col] = value
        return changed

    return change


def scaled(factor: float, dtype: str = "float32") -> Pixels:
    """All pixels in another unit."""
    return lambda stored: (stored * factor).astype(dtype)


def filled(value: float) -> Pixels:
    """The same value everywhere."""
    return lambda stored: np.full_like(stored, value)


def as_dtype(dtype: str) -> Pixels:
    """The same numbers in another dtype."""
    return lambda stored: stored.astype(dtype)


def as_cloud_of_nan(stored: np.ndarray) -> np.ndarray:
    """A mask that is NaN where it was not 0."""
    return np.where(stored == 0, 0, np.nan).astype("float32")


def cut_out(rows: int, cols: int) -> Pixels:
    """The upper left corner only."""
    return lambda stored: stored[:rows, :cols].copy()


def bytes_of(name: str, change: Callable[[bytes], bytes]) -> Damage:
    """A file whose bytes are others."""
    return lambda folder: _replace(folder / name, change((folder / name).read_bytes()))


def _replace(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def block_garbled(name: str) -> Damage:
    """A file whose first block is no longer what its compression can read."""
    return _first_block(name, lambda block: bytes(range(7, 207)) + block[200:])


def byte_changed(name: str, place: int) -> Damage:
    """A file with another byte at a place in its first block."""
    return _first_block(name, lambda block: block[:place] + bytes([block[place] ^ 1]) + block[place + 1 :])


def _first_block(name: str, change: Callable[[bytes], bytes]) -> Damage:
    def damage(folder: Path) -> None:
        with rasterio.open(folder / name) as file:
            start, size = (int(file.get_tag_item(f"BLOCK_{what}_0_0", "TIFF", bidx=1)) for what in ("OFFSET", "SIZE"))
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(whole[:start] + change(whole[start : start + size]) + whole[start + size :])

    return damage


def bare_header(name: str, rows: int, cols: int, *, bands: int = 1, times: int = 1) -> Damage:
    """A GeoTIFF of 32-bit floats that declares so many pixels, bands and images, and holds not one pixel."""
    entries = [
        (256, 4, 1, cols), (257, 4, 1, rows), (258, 3, 1, 32), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 0),
        (277, 3, 1, bands), (278, 4, 1, 1024), (279, 4, 1, 0), (339, 3, 1, 3),
    ]  # fmt: skip
    size = 2 + 12 * len(entries) + 4
    content = b"II*\0" + struct.pack("<I", 8)
    for image in range(times):
        content += struct.pack("<H", len(entries))
        content += b"".join(struct.pack("<HHII", *entry) for entry in entries)
        content += struct.pack("<I", 0 if image == times - 1 else 8 + size * (image + 1))
    return lambda folder: _replace(folder / name, content)


def removed(*names: str) -> Damage:
    """Files that are not there."""

    def damage(folder: Path) -> None:
        for name in names:
            (folder / name).unlink()

    return damage


def copied(source: str, target: str) -> Damage:
    """A file once more under another name."""
    return lambda folder: _copy(folder / source, folder / target)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copy(source, target)


def moved(source: str, target: str) -> Damage:
    """A file or folder under another name; the folder above it is made."""

    def damage(folder: Path) -> None:
        (folder / target).parent.mkdir(parents=True, exist_ok=True)
        (folder / source).rename(folder / target)

    return damage


def exchanged(one: str, other: str) -> Damage:
    """Two files under each other's names."""
    return each(moved(one, "aside.tif"), moved(other, one), moved("aside.tif", other))


def linked(name: str, target: str) -> Damage:
    """A symbolic link in a file's place; the file lies under the same name in `elsewhere`."""
    return each(moved(name, f"elsewhere/{Path(name).name}"), lambda folder: os.symlink(target, folder / name))


def made_folder(name: str) -> Damage:
    """A folder, in the place of a file if there is one."""

    def damage(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        (folder / name).mkdir()

    return damage


def made_pipe(name: str) -> Damage:
    """A named pipe in a file's place: who opens it waits for ever."""
    return each(removed(name), lambda folder: os.mkfifo(folder / name))


def made_file(name: str, content: bytes = b"precious") -> Damage:
    """A file in the place of whatever is there."""

    def damage(folder: Path) -> None:
        if (folder / name).is_dir():
            shutil.rmtree(folder / name)
        (folder / name).write_bytes(content)

    return damage


def permitted(name: str, mode: int) -> Damage:
    """What may be done with a file or folder, by others than root."""
    return lambda folder: (folder / name).chmod(mode)
