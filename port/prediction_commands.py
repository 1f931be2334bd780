"""The commands that predict, compare a prediction, and export the network that does."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from port import onnx_export, weights
from port.audit import PREDICTION_SAMPLE_PX, scale_remarks, variant_sources
from port.baselines import missing_remark
from port.cluster import LOCAL, WAIT_S
from port.cluster_prediction import Order, predict_many
from port.command_options import (
    CheckpointOption,
    DaskOption,
    DaskWaitOption,
    DataOption,
    EngineOption,
    FirstDateOption,
    JobsOption,
    RecipeOption,
    RegionOption,
    ThreadsOption,
    TileOption,
    VariantOption,
    place_of,
    tile_side,
    use_threads,
)
from port.engine_difference import EngineDifference, engine_difference
from port.engines import DEFAULT, ENGINES, check_engine
from port.evaluation import compared, read_maps
from port.heap import keep_freed, share_freed
from port.network import FusionCNN
from port.options import PREDICTION_SWITCHES, with_switches
from port.outputs import check_free
from port.prediction import TILE_PX, write_prediction
from port.recipes import Recipe, recipe
from port.regions import Region
from port.scenes import Scene
from port.terminal import StageProgress, last_line, remark, stoppable
from port.terminal_tables import print_accuracies
from port.tile_timing import timed_tile


@with_switches(*PREDICTION_SWITCHES)
def predict(
    *,
    checkpoint: CheckpointOption,
    data: DataOption,
    out_file: Annotated[Path, typer.Option("--out", metavar="F.tif", help="GeoTIFF to write.")],
    variant: VariantOption = None,
    recipe_name: RecipeOption = None,
    region: RegionOption = None,
    first_date: FirstDateOption = 1,
    tile_px: Annotated[
        str, typer.Option(metavar="N|auto", help="Side of the tiles predicted at once; auto: the fastest, by trial.")
    ] = "auto",
    engine: EngineOption = DEFAULT,
    threads: ThreadsOption = None,
    switches: Mapping[str, Any],
) -> None:
    """Estimate NDVI at t of a region, as a georeferenced GeoTIFF."""
    keep_freed()
    share_freed()
    use_threads(threads)
    given = weights.read_weights(checkpoint, variant=variant, recipe_name=recipe_name, switches=dict(switches))
    scene = Scene.open(data, first_date=first_date, nodata=given.recipe.nodata)
    asked: dict[str, Any] = {
        "variant": given.variant,
        "recipe": given.recipe,
        "region": scene.region if region is None else Region.parse(region),
        "engine": check_engine(engine, given.recipe.precision),
    }
    side_px = None if tile_px == "auto" else tile_side(tile_px)
    network = given.network()
    check_free(out_file)
    _remark_scale(scene, given.variant, given.recipe, limit_px=PREDICTION_SAMPLE_PX)
    if ENGINES[asked["engine"]].multiplies_in is not None:
        _remark_difference(engine_difference(network, scene, **asked), engine)
    with stoppable(f"nothing is kept of {out_file}"), StageProgress() as progress:
        written = write_prediction(
            out_file,
            network,
            scene,
            tile_px=side_px or _timed_side(network, scene, asked),
            on_tile=lambda done, total: progress.step("predict", done, total, "px"),
            **asked,
        )
    last_line(f"{out_file}: NDVI at t of {written} ({written.shape[0]} x {written.shape[1]} px)")


@with_switches(*PREDICTION_SWITCHES)
def predict_scenes(
    *,
    checkpoint: CheckpointOption,
    data: Annotated[
        list[Path], typer.Option("--data", metavar="DIR", help="A scene or mosaic; may be given several times.")
    ],
    out_folder: Annotated[Path, typer.Option("--out", metavar="DIR", help="For a GeoTIFF a scene, named as it is.")],
    dask: DaskOption = LOCAL,
    jobs: JobsOption = None,
    dask_wait: DaskWaitOption = WAIT_S,
    variant: VariantOption = None,
    recipe_name: RecipeOption = None,
    region: RegionOption = None,
    first_date: FirstDateOption = 1,
    tile_px: TileOption = TILE_PX,
    engine: EngineOption = DEFAULT,
    switches: Mapping[str, Any],
) -> None:
    """Estimate NDVI at t of many scenes, or of one huge mosaic, over a Dask cluster.

    The numbers are those of `predict` by the same --tile-px. Scenes that are done are not done again: the same command
    goes on where it was stopped.
    """
    given = weights.read_weights(checkpoint, variant=variant, recipe_name=recipe_name, switches=dict(switches))
    order = Order(
        checkpoint=given,
        data=data,
        first_date=first_date,
        region=None if region is None else Region.parse(region),
        tile_px=tile_px,
        engine=check_engine(engine, given.recipe.precision),
    )
    with (
        stoppable(f"the scenes that are done stay in {out_folder}, the same command does the others"),
        StageProgress(remaining=False) as progress,
    ):
        written = predict_many(order, out_folder, place=place_of(dask, jobs, dask_wait), observer=progress)
    last_line(f"{out_folder}: {len(written.done)} scenes predicted now, {len(written.kept)} before")


def evaluate(
    *,
    prediction: Annotated[Path, typer.Option(metavar="F.tif", help="A prediction of the scene.")],
    data: DataOption,
    region: RegionOption = None,
    first_date: FirstDateOption = 1,
    scaling: Annotated[
        str | None, typer.Option(metavar="per-channel|none", help="none: the scene stores NDVI in [-1, 1].")
    ] = None,
) -> None:
    """Compare a prediction, and every baseline, with NDVI at t; regressors are fitted outside the prediction."""
    scene = Scene.open(data, first_date=first_date)
    chosen = recipe(scaling=scaling)
    _remark_scale(scene, "OPTII", chosen)
    maps = read_maps(scene, prediction, chosen.scaling, None if region is None else Region.parse(region))
    remark(missing_remark(maps.baselines))
    comparisons = compared(maps)
    print_accuracies(comparisons)
    last_line(f"{prediction}: compared with {data} on {comparisons['all'].prediction.pixels} pixels of {maps.region}")


@with_switches(*PREDICTION_SWITCHES)
def export(
    *,
    checkpoint: Annotated[
        Path, typer.Option("--checkpoint", metavar="F", help="A run's .safetensors, or the original's .npz.")
    ],
    onnx_file: Annotated[Path, typer.Option("--onnx", metavar="F.onnx", help="File to write.")],
    variant: VariantOption = None,
    recipe_name: RecipeOption = None,
    switches: Mapping[str, Any],
) -> None:
    """Write a trained network as ONNX, for programs without PyTorch; checked against the port by ONNX Runtime."""
    check_free(onnx_file)
    given = weights.read_weights(checkpoint, variant=variant, recipe_name=recipe_name, switches=dict(switches))
    found = onnx_export.export(onnx_file, given)
    last_line(
        f"{onnx_file}: variant {given.variant}, ONNX opset {onnx_export.OPSET}; ONNX Runtime and the port differ by at "
        f"most {found.difference:.2g} on a probe, {found.share:.2g} of what rounding explains"
    )


def _remark_scale(scene: Scene, variant: str, recipe: Recipe, *, limit_px: int | None = None) -> None:
    """What is surely wrong in the files that a variant uses; in a sample of them beyond a limit."""
    sources = variant_sources(variant)
    for text in scale_remarks(scene, variant=variant, recipe=recipe, sources=sources, limit_px=limit_px):
        remark(text)


def _remark_difference(found: EngineDifference, engine: str) -> None:
    """What an engine's speed costs."""
    remark(
        f"engine {engine} gives NDVI that differs from {DEFAULT}'s by {found.mean:.2g} on average and "
        f"{found.largest:.2g} at most on tile {found.tile}, at {found.speedup:.2g} times its speed"
    )


def _timed_side(network: FusionCNN, scene: Scene, asked: Mapping[str, Any]) -> int:
    """The side of the fastest tiles, said with their rate; the usual one where the region is too small for a trial."""
    found = timed_tile(network, scene, **asked)
    if found is None:
        return TILE_PX
    remark(f"tiles of {found.side_px} px, the fastest tried here: {found.rate / 1e6:.2f} million pixels a second")
    return found.side_px
