"""A sheet is one scene's estimate on disk; its tags tell all that it was made from, so none is made twice."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import rasterio
from rasterio.errors import RasterioError

from port.checkpoints import Checkpoint
from port.cluster_units import stamp
from port.digests import code_digest
from port.engines import EngineName
from port.errors import OutputError
from port.prediction import predictable, prediction_tags
from port.raster_writer import RasterWriter
from port.rasters import ungeoreferenced
from port.regions import Region
from port.scenes import Scene
from port.versions import versions

ORIGINS: Mapping[str, str] = {
    "CHECKPOINT": "weights",
    "VARIANT": "variant",
    "ENGINE": "engine",
    "SETTINGS": "recipe, region or tiles",
    "SCENE": "scene files (sizes or times)",
    "CODE": "code or libraries",
}
"""The tags that tell what a sheet was made from, and what each is called."""


@dataclass(frozen=True)
class Sheet:
    """Where an estimate goes, its scene, the pixels estimated (`inner`) and those written, and its tags."""

    path: Path
    scene: Scene
    inner: Region
    written: Region
    tags: Mapping[str, str]

    @classmethod
    def planned(
        cls,
        path: Path,
        scene: Scene,
        checkpoint: Checkpoint,
        *,
        region: Region | None,
        tile_px: int,
        engine: EngineName,
    ) -> "Sheet":
        """The sheet of a region, or of the whole scene.

        Raises:
            RegionError: the region leaves the scene, or holds no predictable pixel.
            WeightsError: tensors that are not the variant's.
        """
        region = scene.region if region is None else region
        recipe, network = checkpoint.recipe, checkpoint.network()
        inner = predictable(region, scene.shape, recipe, network.border_px)
        settings = [asdict(recipe), str(region), scene.first_date, tile_px]
        tags = prediction_tags(network, checkpoint.variant, recipe, engine) | {
            "SETTINGS": _digest(settings),
            "SCENE": stamp(scene),
            "CODE": _digest([code_digest(), versions()]),
        }
        return cls(path, scene, inner, inner if recipe.border == "crop" else region, tags)

    def writer(self, checkpoint: Checkpoint) -> RasterWriter:
        """What writes it."""
        georeference = checkpoint.recipe.georeference
        return RasterWriter(self.path, self.scene.grid, self.written, tags=dict(self.tags), georeference=georeference)

    def other(self) -> str:
        """In what a file that is there already differs from this sheet; empty if in nothing, or if there is no file."""
        if not self.path.exists():
            return ""
        try:
            with ungeoreferenced(), rasterio.open(self.path) as file:
                found = file.tags()
        except RasterioError:
            return "it is no GeoTIFF"
        if not ORIGINS.keys() <= found.keys():
            return "it does not tell what it was made from"
        return ", ".join(f"other {name}" for tag, name in ORIGINS.items() if found[tag] != self.tags[tag])


def _digest(content: object) -> str:
    """SHA-256 of something that JSON can hold."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def check_others(sheets: list[Sheet]) -> None:
    """See that no file stands where a sheet goes, but the sheet itself.

    Raises:
        OutputError: one does.
    """
    found = {sheet.path: other for sheet in sheets if (other := sheet.other())}
    for path, other in found.items():
        raise OutputError(
            f"{len(found)} of {len(sheets)} files exist already and are not what is asked for; first {path}: {other}; "
            "give --out another folder, or remove them first"
        )
