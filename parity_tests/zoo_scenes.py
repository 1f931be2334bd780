"""Mistakes in reading a scene: pixels of another type, order or date, and masks that say something else."""

from collections.abc import Callable
from typing import Any

import numpy as np

from parity_tests.mutation import Mutation, Plant, wrapped
from port import scene_recording, scenes
from port.bands import Source
from port.layout import TRIPLE
from port.rasters import Raster
from port.regions import Region
from port.scenes import Scene

Pixels = Callable[[np.ndarray], np.ndarray]


def mistake(
    id: str, stage: str, title: str, plant: Plant, *, rows: tuple[str, ...] = (), known: str = "", case: str = "path"
) -> Mutation:
    """A mutation on a whole scene."""
    return Mutation(id=id, rows=rows, title=title, case=case, stage=stage, known=known, plant=plant)


# --- raster/*


def _pixels(wrong: Pixels) -> Plant:
    """Every file's pixels, of whatever dtype, changed as they are read."""

    def read(original: Callable[..., np.ndarray], raster: Raster, region: Region) -> np.ndarray:
        return wrong(original(raster, region))

    return wrapped(Raster, "read", read)


def _only(dtype: str, wrong: Pixels) -> Plant:
    return _pixels(lambda pixels: wrong(pixels) if pixels.dtype.name == dtype else pixels)


def _from_the_south(read: Callable[..., np.ndarray], raster: Raster, region: Region) -> np.ndarray:
    return read(raster, Region.whole(raster.grid.shape))[::-1][region.slices]


def _dates_as_text(_name: Callable[..., str], source: Source, first_date: int, suffix: str) -> str:
    if source.date_offset is None:
        return f"{source.kind}{suffix}.tif"
    date = sorted(str(first_date + offset) for offset in TRIPLE)[source.date_offset]
    return f"{date.zfill(3)}_{source.kind}{suffix}.tif"


_RASTERS = (
    mistake(
        "int16-multiplied", "raster/001_NDVI", "Stored NDVI is multiplied by 10 and divided by 10 again, in int16.",
        _only("int16", lambda pixels: pixels * np.int16(10) // np.int16(10)), rows=("Z38",), known="int16-overflow",
    ),
    mistake(
        "uint16-read-as-int16", "raster/001_VH", "Radar stored as uint16 is read as int16.",
        _only("uint16", lambda pixels: pixels.view(np.int16)), rows=("Z38",), known="unsigned-as-signed",
        case="unsigned",
    ),
    mistake(
        "uint16-cut-off-at-int16", "raster/001_VH", "Radar stored as uint16 is cut off where int16 ends.",
        _only("uint16", lambda pixels: np.minimum(pixels, np.iinfo(np.int16).max)), rows=("Z38",), case="unsigned",
    ),
    mistake(
        "int16-read-as-uint16", "raster/001_NDVI", "Negative NDVI is read as uint16.",
        _only("int16", lambda pixels: pixels.view(np.uint16)), rows=("Z38",),
    ),
    mistake(
        "nan-read-as-0", "raster/001_VH", "NaN in a file is read as 0, where a sound port refuses the scene.",
        _only("float32", lambda pixels: np.nan_to_num(pixels, nan=0.0)), rows=("Z37",), known="nan-as-zero",
        case="hole",
    ),
    mistake(
        "rasters-in-float16", "raster/001_VH", "Radar and DEM are kept in half precision on their way from the file.",
        _only("float32", lambda pixels: pixels.astype(np.float16).astype(np.float32)), known="rounded-float16",
    ),
    mistake(
        "rasters-from-the-south", "raster/001_VH", "Rows are read from the last to the first.",
        wrapped(Raster, "read", _from_the_south), known="mirrored",
    ),
    mistake(
        "dates-sorted-as-text", "raster/001_VH", "Of the dates 9, 10 and 11 the first is 10, as in a list of names.",
        wrapped(scenes, "file_name", _dates_as_text), case="clouded",
    ),
)  # fmt: skip


# --- mask/*


def _masks(wrong: Pixels) -> Plant:
    """What is invalid at the three dates, changed."""
    return wrapped(Scene, "masks", lambda original, scene, region: wrong(original(scene, region)))


def _where_it_is_1(_masks: Callable[..., np.ndarray], scene: Scene, region: Region) -> np.ndarray:
    return np.stack([scene.rasters[Source("MASK", offset)].read(region) == 1 for offset in TRIPLE])


def _excluding(wrong: Callable[[np.ndarray, Region], Any]) -> Plant:
    """The test region marked in a copy of the masks, otherwise."""

    def excluding(_original: Callable[..., np.ndarray], invalid: np.ndarray, region: Region) -> np.ndarray:
        excluded = invalid.copy()
        excluded[wrong(invalid, region)] = True
        return excluded

    return wrapped(scene_recording, "excluding", excluding)


_AT_T = np.array([False, True, False])
_MASKS = (
    mistake(
        "masks-inverted", "mask/001", "Pixels are invalid where MASK is 0.", _masks(np.logical_not),
        rows=("Z31",), known="mask-inverted", case="clouded",
    ),
    mistake(
        "only-the-target-s-mask-read", "mask/001", "The masks at t-1 and t+1 are taken to be clear.",
        _masks(lambda masks: masks & _AT_T[:, None, None]), rows=("Z31",), known="mask-ignored",
    ),
    mistake(
        "test-region-not-excluded", "mask/001", "The region kept for testing is left valid.",
        _excluding(lambda invalid, _region: np.zeros(invalid.shape, bool)),
        rows=("Z31",), known="region-not-excluded",
    ),
    mistake(
        "test-region-excluded-at-t-alone", "mask/001", "The test region is marked in the target's mask alone.",
        _excluding(lambda invalid, region: (*[slice(1, 2)] * (invalid.ndim == 3), *region.slices)),
        known="region-not-excluded",
    ),
    mistake(
        "test-region-s-axes-exchanged", "mask/001", "The test region's rows are taken for its columns.",
        _excluding(lambda _invalid, region: (..., *region.slices[::-1])),
    ),
    mistake(
        "test-region-closed", "mask/001", "The test region's last row and column are taken to belong to it.",
        _excluding(
            lambda _, r: (..., slice(r.row_start, r.row_stop + 1), slice(r.col_start, r.col_stop + 1))
        ), case="clouded",
    ),
    mistake(
        "test-region-counted-from-1", "mask/001", "The test region's rows and columns are counted from 1.",
        _excluding(lambda _, region: (..., *Region(*(n - 1 for n in scene_recording.listed(region))).slices)),
    ),
    mistake(
        "masks-of-other-dates", "mask/001", "Each date has the mask of the date before it.",
        _masks(lambda masks: np.roll(masks, 1, axis=0)),
    ),
    mistake(
        "masked-where-1", "mask/002", "Pixels are masked where MASK is 1, not where it is 255 or 7.",
        wrapped(Scene, "masks", _where_it_is_1),
    ),
)  # fmt: skip

SCENES: tuple[Mutation, ...] = (*_RASTERS, *_MASKS)
"""raster/* and mask/*."""
