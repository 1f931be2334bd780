"""Prediction of many scenes, or of one huge mosaic, by a cluster: the same numbers as alone, a file a scene.

A scene is cut into units, each made of whole tiles of the very grid that a prediction alone lays. Workers read the
scenes themselves, from a file system that all share, and send the pixels of a unit back; this process writes.
"""

import math
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from port.checkpoints import Checkpoint
from port.cluster import Cluster, Place, connected
from port.cluster_units import ScaleCheck, SharedScene, Unit, unit_regions
from port.engines import DEFAULT, EngineName
from port.errors import ClusterError, Sar2NdviError, SettingError
from port.files import folder_name, made_folder
from port.observer import Observer, Silent
from port.pace import Pace
from port.prediction import TILE_PX
from port.raster_writer import RasterWriter
from port.rasters import modest_cache
from port.regions import Region
from port.scenes import Scene
from port.sheets import Sheet, check_others

UNIT_PX = 2**21
"""Pixels of a unit: 8 MiB of float32, about two seconds of work."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is asked for: an estimate of each scene, or of one region in each, by tiles of `tile_px`.

    A unit of work holds as many whole tiles as fit into `unit_px` pixels, but at least one.
    """

    checkpoint: Checkpoint
    data: Sequence[Path]
    first_date: int = 1
    region: Region | None = None
    tile_px: int = TILE_PX
    engine: EngineName = DEFAULT
    unit_px: int = UNIT_PX


@dataclass(frozen=True)
class Written:
    """What came of it: the files written now, and those that had been before."""

    done: list[Path]
    kept: list[Path]


def predict_many(order: Order, out: Path, *, place: Place | None = None, observer: Observer | None = None) -> Written:
    """Write the estimate of each scene to `out`/NAME.tif, NAME being its folder's; each file appears when whole.

    A file that the same order wrote before is kept, so an order goes on where it was stopped.

    Raises:
        SettingError, SceneError, RegionError, WeightsError: an order that cannot be done, before anything is.
        OutputError: a file that another order wrote is there, before anything is done; or one cannot be written.
        ClusterError: see `port.cluster`; or a worker does not see a scene. Files that are whole stay.
        Sar2NdviError: a scene failed, after all others are written.
    """
    observer = observer or Silent()
    if order.checkpoint.recipe.georeference == "bare":
        raise SettingError(
            "georeference bare leaves out the tags by which an order goes on where it was stopped; "
            "give --georeference scene, or predict scene by scene"
        )
    sheets = _planned(order, out)
    check_others(sheets)
    kept = [sheet.path for sheet in sheets if sheet.path.exists()]
    missing = [sheet for sheet in sheets if sheet.path not in kept]
    if missing:
        made_folder(out)
        with connected(place or Place(), observer) as cluster:
            _write(missing, order, cluster, observer)
    return Written([sheet.path for sheet in missing], kept)


def _planned(order: Order, out: Path) -> list[Sheet]:
    """A sheet for each scene, each opened here."""
    names = [folder_name(folder) for folder in order.data]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice or not names:
        raise SettingError(
            f"{f'scene {twice[0]!r} is given twice' if twice else 'no scene is given'}; give at least one, and none "
            "twice (a file is named by its scene's folder)"
        )
    return [
        Sheet.planned(
            out / f"{name}.tif",
            Scene.open(folder.absolute(), first_date=order.first_date, nodata=order.checkpoint.recipe.nodata),
            order.checkpoint,
            region=order.region,
            tile_px=order.tile_px,
            engine=order.engine,
        )
        for name, folder in zip(names, order.data, strict=True)
    ]


def _write(sheets: Sequence[Sheet], order: Order, cluster: Cluster, observer: Observer) -> None:
    """Give out all units, scene by scene, and write what comes back; scenes that fail are told at the end."""
    regions = {sheet.scene.directory: unit_regions(sheet.inner, order.tile_px, order.unit_px) for sheet in sheets}
    total = sum(math.prod(sheet.inner.shape) for sheet in sheets)
    pace = Pace("predict", sum(map(len, regions.values())), total, observer)
    checkpoint = replace(order.checkpoint, optimiser={})
    with ExitStack() as stack, modest_cache(), cluster.sharing(checkpoint) as name:
        desk = _Desk(sheets, regions, checkpoint, stack)
        for task, result in cluster.each(_tasks(sheets, regions, order, name, desk.failed)):
            folder = task.scene.folder
            if isinstance(result, ClusterError):
                raise result
            if isinstance(result, Sar2NdviError):
                desk.fail(folder, result)
            elif isinstance(task, ScaleCheck):
                for text in result:
                    observer.remark(f"{folder.name}: {text}")
            elif folder not in desk.failed:
                desk.put(folder, task.region, result)
                pace.tell(folder.name, math.prod(task.region.shape))
    if desk.failed:
        folder, first = next(iter(desk.failed.items()))
        count = f"{len(desk.failed)} of {len(sheets)} scenes failed, the others are written"
        raise type(first)(f"{count}; first {folder}: {first}")


def _tasks(
    sheets: Sequence[Sheet],
    regions: Mapping[Path, list[Region]],
    order: Order,
    checkpoint: str,
    failed: Container[Path],
) -> Iterator[ScaleCheck | Unit]:
    """Each scene's check of scale, then its units; none any more of a scene that failed."""
    for sheet in sheets:
        scene = SharedScene.of(sheet.scene)
        yield ScaleCheck(scene, checkpoint)
        for region in regions[scene.folder]:
            if scene.folder not in failed:
                yield Unit(scene, region, order.tile_px, order.engine, checkpoint)


class _Desk:
    """Where units are put on their scene's sheet: a file is open from its first unit to its last."""

    def __init__(
        self, sheets: Sequence[Sheet], regions: Mapping[Path, list[Region]], checkpoint: Checkpoint, stack: ExitStack
    ) -> None:
        self.failed: dict[Path, Sar2NdviError] = {}
        self._sheets = {sheet.scene.directory: sheet for sheet in sheets}
        self._left = {folder: len(found) for folder, found in regions.items()}
        self._checkpoint, self._stack = checkpoint, stack
        self._open: dict[Path, tuple[ExitStack, RasterWriter]] = {}

    def put(self, folder: Path, region: Region, pixels: Float32[np.ndarray, "row col"]) -> None:
        """Write a unit; the last one makes the file appear."""
        if folder not in self._open:
            own = self._stack.enter_context(ExitStack())  # told if anything is raised before it is closed
            self._open[folder] = own, own.enter_context(self._sheets[folder].writer(self._checkpoint))
        own, writer = self._open[folder]
        writer.write(region, pixels)
        self._left[folder] -= 1
        if not self._left[folder]:
            del self._open[folder]
            own.close()

    def fail(self, folder: Path, error: Sar2NdviError) -> None:
        """Give a scene up; nothing is left of its file."""
        self.failed.setdefault(folder, error)
        if folder in self._open:
            own, _ = self._open.pop(folder)
            own.__exit__(type(error), error, error.__traceback__)
