"""An evaluation compares an estimate and the baselines with NDVI at t, on the same pixels of a region."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32, UInt8

from port.bands import TARGET_SOURCE, Band
from port.baselines import Baseline, baselines
from port.crops import Change
from port.errors import PatchError, RegionError, SceneError
from port.metrics import Metrics, metrics
from port.network import BORDER_PX
from port.normalisation import normalise, normalise_target
from port.rasters import Raster
from port.recipes import Scaling
from port.regions import Region
from port.scenes import Scene

_GROUPS: Mapping[str, tuple[Change, ...]] = {
    "harvested": (Change.HARVESTED_BEFORE_T, Change.HARVESTED_AFTER_T),
    "sown": (Change.EMERGED_BEFORE_T, Change.EMERGED_AFTER_T),
    "stable": (Change.STABLE,),
}


@dataclass(frozen=True, kw_only=True)
class Maps:
    """What was seen and what was estimated in a region: NDVI as the recipe scales it, and where it may be compared.

    `valid`: unmasked at all three dates, at least 8 px from the scene's edge, and estimated. `changes` is None where
    the scene does not know them. `baselines` by name, interpolation first.
    """

    region: Region
    before: Float32[np.ndarray, "row col"]
    after: Float32[np.ndarray, "row col"]
    truth: Float32[np.ndarray, "row col"]
    baselines: Mapping[str, Baseline]
    estimate: Float32[np.ndarray, "row col"]
    valid: Bool[np.ndarray, "row col"]
    changes: UInt8[np.ndarray, "row col"] | None

    def baseline(self, name: str) -> Float32[np.ndarray, "row col"]:
        """What a baseline estimates, computed when asked for."""
        return self.baselines[name](self.before, self.after)


@dataclass(frozen=True)
class Comparison:
    """The accuracy of all methods on the same pixels: the baselines by name, interpolation among them, and ours."""

    baselines: Mapping[str, Metrics]
    prediction: Metrics

    @property
    def interpolation(self) -> Metrics:
        """The paper's baseline."""
        return self.baselines["interpolation"]

    @property
    def best(self) -> str:
        """The name of the baseline with the smallest MAE on these pixels."""
        return min(self.baselines, key=lambda name: self.baselines[name].mae)

    def gain(self, over: str) -> dict[str, float]:
        """How much better the prediction is than a baseline: MAE, RMSE smaller, CC, SSIM larger, in %; PSNR in dB.

        NaN where the baseline's MAE or RMSE is 0, its CC or SSIM not above 0, or a number is not known.
        """
        base, ours = self.baselines[over], self.prediction
        return {
            "mae_percent": 100 * (1 - ours.mae / base.mae) if base.mae else float("nan"),
            "rmse_percent": 100 * (1 - ours.rmse / base.rmse) if base.rmse else float("nan"),
            "cc_percent": 100 * (ours.cc / base.cc - 1) if base.cc > 0 else float("nan"),
            "psnr_db": ours.psnr - base.psnr if base.rmse else float("nan"),
            "ssim_percent": 100 * (ours.ssim / base.ssim - 1) if base.ssim > 0 else float("nan"),
        }


def read_maps(
    scene: Scene, estimate: Path, scaling: Scaling, region: Region | None = None, *, kept: Region | None = None
) -> Maps:
    """The maps of a region, or of all that the estimate covers; a bare estimate is taken to cover just the region.

    The regressors are fitted outside the region `kept` from training; where that is None, outside all that the estimate
    covers, and not at all where it covers every valid pixel.

    Raises:
        SceneError: the estimate lies on another grid than the scene, cannot be read, or holds infinite numbers.
        RegionError: the region leaves the scene, or the estimate covers none of it.
    """
    named = None if region is None else scene.grid.of_region(region)
    raster = Raster.open(estimate, bare=named, unplaced=", or name with --region where a bare prediction lies")
    covered = _place(raster, scene)
    for each in (raster, scene.rasters[TARGET_SOURCE]):
        each.check_blocks()
    region = covered if region is None else _covered(region, covered, raster, scene)
    bands = (Band.NDVI_BEFORE, Band.NDVI_AFTER)
    before, after = normalise(scene.channels(region, bands), bands, scaling)
    estimated = _estimated(raster, region.relative_to(covered))
    return Maps(
        region=region,
        before=before,
        after=after,
        truth=normalise_target(scene.target(region), scaling),
        baselines=baselines(scene, scaling, kept=kept or covered),
        estimate=estimated,
        valid=comparable(region, scene, estimated),
        changes=scene.changes(region),
    )


def _covered(region: Region, covered: Region, raster: Raster, scene: Scene) -> Region:
    """The part of a region of the scene that a prediction covers.

    Raises:
        RegionError: the region leaves the scene, or the prediction covers none of it.
    """
    region.within(scene.shape)
    try:
        return region.intersection(covered)
    except RegionError as error:
        raise RegionError(
            f"{raster.path} covers {covered} of the scene, no pixel of region {region}; choose a region it covers"
        ) from error


def _estimated(raster: Raster, region: Region) -> Float32[np.ndarray, "row col"]:
    """A region of a prediction, NaN where the file says that nothing was estimated.

    Raises:
        SceneError: it cannot be read, or holds infinite numbers.
    """
    stored = raster.read(region)
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and an error below
        estimated = np.where(raster.missing(region, stored), np.float32(np.nan), stored.astype(np.float32))
    endless = np.argwhere(np.isinf(estimated))
    if len(endless):
        row, col = endless[0]
        raise SceneError(
            f"{raster.path} has {len(endless)} infinite or too large pixels, expected NDVI, or NaN where nothing is "
            f"estimated; the first is {stored[row, col]} at row {row + region.row_start}, column "
            f"{col + region.col_start}; declare that value as the file's no-data value, or predict again"
        )
    return np.asarray(estimated)


def comparable(region: Region, scene: Scene, estimate: Float32[np.ndarray, "row col"]) -> Bool[np.ndarray, "row col"]:
    """Which pixels of a region may be compared: unmasked at all dates, 8 px from the scene's edge, and estimated."""
    may: np.ndarray = _inner(region, scene) & ~scene.masks(region).any(axis=0) & np.isfinite(estimate)
    return may


def accuracy(maps: Maps, estimate: Float32[np.ndarray, "row col"]) -> dict[str, Metrics]:
    """An estimate's accuracy on all valid pixels and, where the scene knows them, on each kind of field that has any.

    Kinds of field have no SSIM: whole windows of one kind lie only in the middle of large fields.

    Raises:
        PatchError: no pixel is valid.
    """
    if not maps.valid.any():
        empty = np.count_nonzero(np.isnan(maps.estimate))
        raise PatchError(
            f"none of {maps.valid.size} pixels in {maps.region} is valid, so nothing can be compared: {empty} are not "
            f"estimated, the others masked at one of the dates or less than {BORDER_PX} px from the scene's edge; "
            f"choose a region with unmasked pixels"
        )
    groups = {"all": maps.valid}
    if maps.changes is not None:
        groups |= {name: maps.valid & np.isin(maps.changes, codes) for name, codes in _GROUPS.items()}
    return {
        name: metrics(estimate=estimate, truth=maps.truth, valid=valid, structure=name == "all")
        for name, valid in groups.items()
        if name == "all" or valid.any()
    }


def compare(
    *, baselines: Mapping[str, Mapping[str, Metrics]], prediction: Mapping[str, Metrics]
) -> dict[str, Comparison]:
    """All methods' accuracies, side by side for each kind of pixel; `baselines` by name, each by kind."""
    return {
        kind: Comparison({name: accuracies[kind] for name, accuracies in baselines.items()}, found)
        for kind, found in prediction.items()
    }


def compared(maps: Maps) -> dict[str, Comparison]:
    """The prediction's and every baseline's accuracies for each kind of pixel.

    Raises:
        PatchError: no pixel is valid.
    """
    prediction = accuracy(maps, maps.estimate)
    return compare(
        baselines={name: accuracy(maps, maps.baseline(name)) for name in maps.baselines}, prediction=prediction
    )


def _inner(region: Region, scene: Scene) -> Bool[np.ndarray, "row col"]:
    """Which pixels of a region the network could estimate: those 8 px or more from the scene's edge."""
    rows = np.arange(region.row_start, region.row_stop)[:, None]
    cols = np.arange(region.col_start, region.col_stop)[None, :]
    height, width = scene.shape
    inner: np.ndarray = (np.minimum(rows, height - 1 - rows) >= BORDER_PX) & (
        np.minimum(cols, width - 1 - cols) >= BORDER_PX
    )
    return inner


def _place(raster: Raster, scene: Scene) -> Region:
    """Where in the scene a raster lies, told by its georeference.

    Raises:
        SceneError: another CRS or pixel size, not on whole pixels, or partly outside.
    """
    mine, theirs = raster.grid, scene.grid
    a, b, c, d, e, f = tuple(~theirs.transform)[:6]
    x, y = mine.transform.c, mine.transform.f
    row, col = round(d * x + e * y + f), round(a * x + b * y + c)
    rows, cols = mine.shape
    place = Region(row, row + rows, col, col + cols)
    inside = min(row, col) >= 0 and place.row_stop <= theirs.shape[0] and place.col_stop <= theirs.shape[1]
    if mine.crs != theirs.crs or not inside or not mine.same_transform(theirs.of_region(place)):
        raise SceneError(
            f"{raster.path} ({rows} x {cols} px, {mine.crs.to_string()}, {tuple(mine.transform)[:6]}) does not lie on "
            f"the grid of {scene.directory} ({theirs.shape[0]} x {theirs.shape[1]} px, {theirs.crs.to_string()}, "
            f"{tuple(theirs.transform)[:6]}); give a prediction of this scene"
        )
    return place
