"""A scene recording puts the way from a scene's files to its training patches onto a tape."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from jaxtyping import Int

from parity.errors import TraceError
from parity.trace import Record
from port.bands import SOURCES, TARGET_SOURCE, Band, Source
from port.blocks import BlockDataset, in_batches
from port.dataset import SentinelPatchDataset
from port.layout import TRIPLE
from port.network import BORDER_PX
from port.patches import clear_patches, excluding
from port.recipes import Nodata, Recipe
from port.regions import Region
from port.scenes import Scene
from port.splits import Split, drawn_permutation, shares, shuffled, split_patches
from port.stacks import BandStack
from port.tape import Tape

Corners = Int[np.ndarray, "patch 2"]
LIST = ("patches/raw", "targets/raw")
VALIDATION = ("validation/raw", "validation/targets")


def raster_stage(source: Source) -> str:
    """raster/001_VH, ..., raster/DEM: 001 to 003 are t-1 to t+1, whatever the files are called."""
    return f"raster/{source.kind if source.date_offset is None else f'{source.date_offset + 1:03d}_{source.kind}'}"


CHANNELS = [raster_stage(SOURCES[band]) for band in Band]
TARGET = raster_stage(TARGET_SOURCE)
MASKS = [raster_stage(Source("MASK", offset)) for offset in TRIPLE]


def unpacked(request: Record, folder: Path, nodata: Nodata) -> Scene:
    """The scene whose files a request carries.

    Raises:
        TraceError: a file's name has a part of a path, or another ending.
        SceneError: see `Scene.open`.
    """
    for entry, content in request.arrays.items():
        if entry.startswith("files/"):
            name = entry.removeprefix("files/")
            if Path(name).name != name or "\\" in name or not name.endswith(".tif"):
                raise TraceError(
                    f"{request.path}: the file name {name!r} is no plain name that ends in .tif; write the request "
                    "again"
                )
            (folder / name).write_bytes(content.tobytes())
    return Scene.open(folder, first_date=request.manifest["scene"]["first_date"], nodata=nodata)


def taught_scene(scene: Scene, teacher: Record, folder: Path) -> Scene:
    """The scene with the pixels that the teacher read, as files of its own."""
    for source, raster in scene.rasters.items():
        pixels = teacher[raster_stage(source)]
        with rasterio.open(raster.path) as file:
            profile = file.profile | {"dtype": pixels.dtype.name, "height": pixels.shape[0], "width": pixels.shape[1]}
        with rasterio.open(folder / raster.path.name, "w", **profile) as file:
            file.write(pixels, 1)
    return Scene.open(folder, first_date=scene.first_date, nodata=scene.nodata)


class SceneRecording:
    """The scene of a request, from its rasters to patches in stored units.

    Args:
        tape: where the stages go.
        recipe: how patches are chosen.
        scene: the request's.
        taught: the teacher's scene, for teacher-forced stages; the same one where there is no teacher.
        test_region: kept from training.
        seed: of the split and of the order.
    """

    def __init__(
        self, tape: Tape, recipe: Recipe, scene: Scene, taught: Scene, *, test_region: Region, seed: int
    ) -> None:
        self.tape, self.recipe, self.scene, self.taught = tape, recipe, scene, taught
        self.test_region, self.seed = test_region, seed

    def rasters(self) -> None:
        """All 13 files as stored."""
        for source, raster in self.scene.rasters.items():
            pixels = raster.read(self.scene.region)
            self.tape.put(raster_stage(source), "decode", [], pixels, file=raster.path.name, dtype=pixels.dtype.name)

    def patches(self) -> Corners:
        """The masks with the test region, and the patches that are clear of both."""
        own, taught = (excluding(scene.masks(scene.region), self.test_region) for scene in (self.scene, self.taught))
        region = listed(self.test_region)
        for offset in TRIPLE:

            def again(*_rasters: np.ndarray, offset: int = offset) -> np.ndarray:
                return np.asarray(taught[offset], dtype=np.uint8)

            value, inputs, nodata = own[offset].astype(np.uint8), [MASKS[offset]], self._declared(offset)
            told = {"nodata": list(nodata.values())} if nodata else {}
            inputs += nodata
            self.tape.put(f"mask/{offset + 1:03d}", "exclude", inputs, value, again=again, region=region, **told)
        index: np.ndarray = clear_patches(excluding(self.scene.invalid(), self.test_region), self.recipe)
        self.tape.put(
            "patches/index",
            "clear_patches",
            [f"mask/{offset + 1:03d}" for offset in TRIPLE],
            index,
            again=lambda *masks: clear_patches(np.stack(masks) != 0, self.recipe),
            side=self.recipe.patch_side_px,
            stride=self.recipe.stride_px,
            origin=self.recipe.patch_origin_px,
        )
        return index

    def _declared(self, offset: int) -> dict[str, float | None]:
        """The raster stages that are masked where they hold their no-data value, and that value; None is NaN."""
        values = {source: self.scene.rasters[source].nodata for source in self.scene.declaring(offset)}
        return {
            raster_stage(source): None if value is None or math.isnan(value) else value
            for source, value in values.items()
        }

    def split(self, index: Corners, given: Int[np.ndarray, "numbers"] | None) -> Split:
        """The shuffle, given or drawn from the seed, and what trains and validates."""
        permutation = drawn_permutation(len(index), self.seed) if given is None else given
        if given is None:
            length = len(index)
            self.tape.put("split/permutation", "permutation", [], permutation, seed=self.seed, length=length)
        else:
            self.tape.put("split/permutation", "given", [], permutation)
        inputs = ["patches/index", "split/permutation"]
        self.tape.put("split/shuffled", "shuffle", inputs, shuffled(index, permutation), again=shuffled)
        split = self._split(index, permutation)
        parts = {"split/training": split.training, "split/validation": split.validation}
        if self.recipe.split == "blocks":
            for stage, part in parts.items():
                self.tape.put(stage, "blocks", ["patches/index"], part, side=self.recipe.patch_side_px)
            return split
        train, total = shares(len(index), limit=self.recipe.patch_limit, fraction=self.recipe.validation_fraction)
        for (stage, part), (start, stop) in zip(parts.items(), ((0, train), (train, total)), strict=True):
            again = self._again(stage)
            self.tape.put(stage, "rows", ["split/shuffled"], part, again=again, start=start, stop=stop)
        return split

    def _split(self, index: Corners, permutation: Int[np.ndarray, "numbers"]) -> Split:
        return split_patches(index, self.recipe, seed=self.seed, permutation=permutation)

    def _again(self, stage: str) -> Any:
        """A part of a list that is shuffled already."""
        part = stage.removeprefix("split/")
        return lambda listed: getattr(self._split(listed, np.arange(len(listed))), part)

    def order(
        self, training: SentinelPatchDataset | BlockDataset, taught: BandStack
    ) -> Int[np.ndarray, "step batch_size"]:
        """The rows of the training list that each step uses, of all epochs; -1 fills an incomplete batch."""
        recipe, attributes = self.recipe, {"batch_size": self.recipe.batch_size, "epochs": self.recipe.epochs}
        operation = "reshuffled" if recipe.reshuffle else "batch_order"
        seed = {"seed": self.seed} if recipe.reshuffle else {}
        keep = {"keep": True} if recipe.last_batch == "keep" else {}

        def again(corners: Corners) -> np.ndarray:
            return _padded(in_batches(self.dataset(taught, corners, tuple(Band), trains=True)), recipe)

        value = _padded(training, recipe)
        self.tape.put("split/order", operation, ["split/training"], value, again=again, **attributes, **seed, **keep)
        return value

    def dataset(
        self, stack: BandStack, corners: Corners, bands: Sequence[Band], *, trains: bool = False
    ) -> SentinelPatchDataset:
        """Patches of the scene as the product cuts them."""
        return SentinelPatchDataset(
            stack, corners, bands=bands, recipe=self.recipe, border_px=BORDER_PX, seed=self.seed, trains=trains
        )

    def cut(self, stages: Sequence[str], corners: str, patches: Corners, stack: BandStack, taught: BandStack) -> None:
        """All patches of a list in stored units, with all nine bands, and their targets."""
        attributes = {"side": self.recipe.patch_side_px, "dtype": self.recipe.precision}
        for number, (stage, rasters, margin) in enumerate(
            zip(stages, (CHANNELS, [TARGET]), (0, BORDER_PX), strict=True)
        ):

            def again(*inputs: np.ndarray, number: int = number) -> np.ndarray:
                return self._stored(taught, inputs[-1])[number]

            value = self._stored(stack, patches)[number]
            self.tape.put(stage, "cut", [*rasters, corners], value, again=again, margin=margin, **attributes)

    def _stored(self, stack: BandStack, corners: Corners) -> tuple[np.ndarray, np.ndarray]:
        return self.dataset(stack, corners, tuple(Band)).stored(np.arange(len(corners)))


def _padded(dataset: SentinelPatchDataset | BlockDataset, recipe: Recipe) -> Int[np.ndarray, "step batch_size"]:
    batches = [indices for epoch in range(recipe.epochs) for indices in dataset.batch_indices(epoch)]
    padded = np.full((len(batches), max(map(len, batches), default=recipe.batch_size)), -1, dtype=np.int64)
    for row, indices in zip(padded, batches, strict=True):
        row[: len(indices)] = indices
    return padded


def listed(region: Region) -> list[int]:
    """[row0, row1, col0, col1]."""
    return [region.row_start, region.row_stop, region.col_start, region.col_stop]
