"""What workers of a cluster do for a prediction: with a scene that they open themselves and a checkpoint they hold."""

import hashlib
from contextlib import closing
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from port.audit import PREDICTION_SAMPLE_PX, scale_remarks, variant_sources
from port.checkpoints import Checkpoint
from port.engines import EngineName
from port.errors import ClusterError, SceneError
from port.prediction import fed_bands, predict
from port.rasters import modest_cache
from port.recipes import Nodata
from port.regions import Region
from port.scenes import Scene


@dataclass(frozen=True)
class SharedScene:
    """A scene as its client sees it: where it lies, and the digest of its files' names, sizes and times."""

    folder: Path
    first_date: int
    nodata: Nodata
    stamp: str

    @classmethod
    def of(cls, scene: Scene) -> "SharedScene":
        """The scene, to be opened elsewhere under the same path."""
        return cls(scene.directory.absolute(), scene.first_date, scene.nodata, stamp(scene))

    def opened(self) -> Scene:
        """The scene, in a task.

        Raises:
            ClusterError: this worker does not see it, or sees another.
        """
        from port.cluster_worker import address

        try:
            scene = Scene.open(self.folder, first_date=self.first_date, nodata=self.nodata)
            problem = "" if stamp(scene) == self.stamp else "its files have other sizes or times there"
        except (SceneError, OSError) as error:
            problem = str(error)
        if problem:
            raise ClusterError(
                f"worker {address()} does not see the scene {self.folder} as this process does ({problem}); put scenes "
                "where every worker finds them under the same path, on a file system that all share"
            )
        return scene


def stamp(scene: Scene) -> str:
    """SHA-256 of the names, sizes and times of change of a scene's 13 files; none of them is read."""
    found = sorted((raster.path.name, raster.path.stat()) for raster in scene.rasters.values())
    lines = (f"{name} {status.st_size} {int(status.st_mtime)}\n" for name, status in found)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


@dataclass(frozen=True)
class Unit:
    """Whole tiles of a scene, of the grid that begins at the region's corner; `checkpoint` is shared by that name."""

    scene: SharedScene
    region: Region
    tile_px: int
    engine: EngineName
    checkpoint: str

    def __call__(self) -> Float32[np.ndarray, "row col"]:
        """Their estimate, in the units of the recipe's scaling."""
        from port.cluster_worker import shared

        checkpoint: Checkpoint = shared(self.checkpoint)
        recipe = replace(checkpoint.recipe, border="halo")  # the region is predictable already
        pixels = np.empty(self.region.shape, dtype=np.float32)
        tiles = predict(
            checkpoint.network(),
            self.scene.opened(),
            bands=fed_bands(checkpoint.variant, recipe),
            recipe=recipe,
            region=self.region,
            tile_px=self.tile_px,
            engine=self.engine,
            workers=1,
        )
        with modest_cache(), closing(tiles):
            for tile, estimate in tiles:
                rows, cols = tile.relative_to(self.region).slices
                pixels[rows, cols] = estimate.numpy()
        return pixels

    def __str__(self) -> str:
        return f"unit {self.region} of scene {self.scene.folder}"


@dataclass(frozen=True)
class ScaleCheck:
    """Asks whether the scale of the files that the checkpoint's variant is fed is sound."""

    scene: SharedScene
    checkpoint: str

    def __call__(self) -> list[str]:
        """The sure errors, one sentence each."""
        from port.cluster_worker import shared

        given: Checkpoint = shared(self.checkpoint)
        sources = variant_sources(given.variant)
        return scale_remarks(
            self.scene.opened(),
            variant=given.variant,
            recipe=given.recipe,
            sources=sources,
            limit_px=PREDICTION_SAMPLE_PX,
        )

    def __str__(self) -> str:
        return f"the scale check of scene {self.scene.folder}"


def unit_regions(region: Region, tile_px: int, unit_px: int) -> list[Region]:
    """Regions of whole tiles that together hold each tile of the region's grid once, row by row.

    Each is as wide as it can be, then as high, within `unit_px` pixels, but at least one tile: files are mostly stored
    by rows.
    """
    in_all = max(1, unit_px // tile_px**2)
    across = ceil(region.shape[1] / tile_px)
    cols = ceil(across / ceil(across / in_all))  # units of about one width
    rows = in_all // cols
    return [
        Region(row, row + rows * tile_px, col, col + cols * tile_px).intersection(region)
        for row in range(region.row_start, region.row_stop, rows * tile_px)
        for col in range(region.col_start, region.col_stop, cols * tile_px)
    ]
