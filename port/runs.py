"""A run is six stages in one new folder: train, predict, evaluate, baseline, summary, figures.

The folder `<UTC time>-<variant>` appears when all six are done; a run that fails or is stopped leaves nothing.
"""

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from port import checkpoints
from port.audit import check_scale
from port.bands import variant_bands
from port.baselines import missing_remark
from port.checkpoints import capture
from port.dataset import SentinelPatchDataset
from port.evaluation import Comparison, Maps, accuracy, compare, read_maps
from port.figures import loss_figure, map_figure
from port.initialisation import initialise
from port.network import FusionCNN, make_network
from port.observer import Observer, Silent
from port.patches import clear_patches, excluding
from port.prediction import predictable, write_prediction
from port.recipes import Recipe
from port.regions import TEST_FRACTION, Region
from port.run_folders import new_folder
from port.scenes import Scene
from port.splits import Split, split_patches
from port.stacks import BandStack
from port.summary import as_json, table_text
from port.synthetic import write_synthetic_scene
from port.training import EpochLosses, make_optimiser, train
from port.versions import versions

STAGES = ("train", "predict", "evaluate", "baseline", "summary", "figures")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a run is asked for; `data` None makes a synthetic scene in the run's folder."""

    variant: str
    recipe: Recipe
    data: Path | None = None
    test_region: Region | None = None
    first_date: int = 1
    seed: int = 0
    out: Path = Path("runs")
    force: bool = False  # train although the audit finds a sure error


@dataclass(frozen=True, kw_only=True)
class Run:
    """What came of it: the folder, and the accuracies by kind of pixel."""

    folder: Path
    comparisons: dict[str, Comparison]


def run(settings: Settings, observer: Observer | None = None) -> Run:
    """All six stages.

    Raises:
        Sar2NdviError: a setting, scene, region or patch set that cannot be used, before anything is trained.
    """
    make_network(settings.variant, settings.recipe)
    observer = observer or Silent()
    nodata = settings.recipe.nodata
    given = None
    if settings.data is not None:
        given = Scene.open(settings.data, first_date=settings.first_date, nodata=nodata)
    remarks = [] if given is None else _check_scale(given, settings)
    with new_folder(settings.out, settings.variant) as folder:
        scene = given or Scene.open(write_synthetic_scene(folder.partial / "scene", seed=settings.seed), nodata=nodata)
        region, split = plan(settings, scene)
        remarks += _check_scale(scene, settings) if given is None else []
        for remark in filter(None, (*remarks, split.note)):
            observer.remark(remark)
        network, losses = _train(scene, split, settings, folder.partial, observer)
        maps = _predict(network, scene, region, settings, folder.partial, observer)
        if remark := missing_remark(maps.baselines):
            observer.remark(remark)
        comparisons = _compare(maps, observer)
        _write_summary(folder.partial, _config(settings, scene, region, split), maps, comparisons)
        observer.step("summary", 1, 1, "summary.txt")
        _draw(folder.partial, losses, maps, comparisons["all"], observer)
    return Run(folder=folder.path, comparisons=comparisons)


def plan(settings: Settings, scene: Scene) -> tuple[Region, Split]:
    """The test region and the patches of a run on a scene.

    Raises:
        Sar2NdviError: what `run` would raise of variant, recipe, region and patches before it trains.
    """
    make_network(settings.variant, settings.recipe)
    region = settings.test_region or Region.lower_rows(scene.shape, TEST_FRACTION)
    return region, _split(scene, region, settings)


def _check_scale(scene: Scene, settings: Settings) -> list[str]:
    """The audit's remarks on a scene's scale; a sure error is raised unless forced."""
    return check_scale(scene, variant=settings.variant, recipe=settings.recipe, force=settings.force)


def _split(scene: Scene, region: Region, settings: Settings) -> Split:
    """Training and validation patches; the test region is masked first, as the original does."""
    recipe = settings.recipe
    predictable(region, scene.shape, recipe, make_network(settings.variant, recipe).border_px)
    patches = clear_patches(excluding(scene.invalid(), region), recipe)
    return split_patches(patches, recipe, seed=settings.seed)


def _train(
    scene: Scene, split: Split, settings: Settings, folder: Path, observer: Observer
) -> tuple[FusionCNN, list[EpochLosses]]:
    """Stage 1: the trained network and its losses; loss.csv and the checkpoint are written."""
    recipe = settings.recipe
    network = make_network(settings.variant, recipe)
    initialise(network, recipe.initialisation, seed=settings.seed, filters=recipe.filters)
    optimiser = make_optimiser(recipe, network.parameters())
    losses = []
    with BandStack(scene) as stack:
        training, validation = (
            SentinelPatchDataset(
                stack,
                patches,
                bands=variant_bands(settings.variant),
                recipe=recipe,
                border_px=network.border_px,
                seed=settings.seed,
                trains=trains,
            )
            for patches, trains in ((split.training, True), (split.validation, False))
        )
        observer.step("train", 0, recipe.epochs, "")
        for row in train(network, training, validation, recipe, optimiser=optimiser):
            losses.append(row)
            observer.step("train", row.epoch, recipe.epochs, f"loss {row.training:.4f}")
    _write_losses(folder / "loss.csv", losses)
    state = capture(network, optimiser, variant=settings.variant, recipe=recipe, epoch=recipe.epochs)
    checkpoints.save(folder / "checkpoint.safetensors", state)
    return network, losses


def _write_losses(path: Path, losses: Sequence[EpochLosses]) -> None:
    """The loss curve as CSV: epoch, training, validation."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("epoch", "training", "validation"))
        writer.writerows((row.epoch, row.training, row.validation) for row in losses)


def _predict(
    network: FusionCNN, scene: Scene, region: Region, settings: Settings, folder: Path, observer: Observer
) -> Maps:
    """Stage 2: prediction.tif, read back beside what was seen."""
    path = folder / "prediction.tif"
    written = write_prediction(
        path,
        network,
        scene,
        variant=settings.variant,
        recipe=settings.recipe,
        region=region,
        on_tile=lambda done, total: observer.step("predict", done, total, path.name),
    )
    return read_maps(scene, path, settings.recipe.scaling, written, kept=region)


def _compare(maps: Maps, observer: Observer) -> dict[str, Comparison]:
    """Stages 3 and 4: the accuracies of the prediction and of every baseline on the valid pixels."""
    prediction = accuracy(maps, maps.estimate)
    observer.step("evaluate", 1, 1, f"MAE {prediction['all'].mae:.4f}")
    found = {}
    for done, name in enumerate(maps.baselines, start=1):
        found[name] = accuracy(maps, maps.baseline(name))
        observer.step("baseline", done, len(maps.baselines), f"{name}: MAE {found[name]['all'].mae:.4f}")
    return compare(baselines=found, prediction=prediction)


def _config(settings: Settings, scene: Scene, region: Region, split: Split) -> dict[str, Any]:
    """All that the run's numbers depend on."""
    return {
        "variant": settings.variant,
        "seed": settings.seed,
        "data": "scene" if settings.data is None else str(settings.data.absolute()),
        "first_date": settings.first_date,
        "dates": [day.isoformat() if day else None for day in scene.dates],
        "scene_shape_px": scene.shape,
        "test_region": str(region),
        "patches": {"training": len(split.training), "validation": len(split.validation), "note": split.note},
        "threads": torch.get_num_threads(),
        "recipe": asdict(settings.recipe),
        "versions": versions(),
    }


def _write_summary(folder: Path, config: dict[str, Any], maps: Maps, comparisons: dict[str, Comparison]) -> None:
    """Stage 5: config.json, metrics.json and summary.txt."""
    _write_json(folder / "config.json", config)
    coefficients = {name: asdict(baseline) for name, baseline in maps.baselines.items()}
    content = {"test_region": config["test_region"], "groups": as_json(comparisons), "baselines": coefficients}
    _write_json(folder / "metrics.json", content)
    (folder / "summary.txt").write_text(table_text(comparisons), encoding="utf-8")


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _draw(folder: Path, losses: Sequence[EpochLosses], maps: Maps, accuracies: Comparison, observer: Observer) -> None:
    """Stage 6: loss.png and map.png."""
    methods = {**accuracies.baselines, "prediction": accuracies.prediction}
    shown = dict.fromkeys(("interpolation", accuracies.best, "prediction"))
    loss_figure(folder / "loss.png", losses, mae={name: methods[name].mae for name in shown})
    observer.step("figures", 1, 2, "loss.png")
    map_figure(folder / "map.png", maps, best=accuracies.best)
    observer.step("figures", 2, 2, "map.png")
