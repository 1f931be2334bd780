"""A run is six stages in one new folder: train, predict, evaluate, baseline, summary, figures.

The folder `<UTC time>-<variant>` appears when all six are done; a run that fails or is stopped leaves nothing.
"""

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import torch

from port import checkpoints
from port.audit import check_scale
from port.baselines import missing_remark
from port.checkpoints import capture
from port.engines import DEFAULT
from port.evaluation import Comparison, Maps, accuracy, compare, read_maps
from port.network import FusionCNN, make_network
from port.observer import Observer, Silent
from port.patches import clear_patches, excluding
from port.prediction import predictable, write_prediction
from port.processes import Processes
from port.recipes import Recipe
from port.regions import TEST_FRACTION, Region
from port.run_folders import new_folder
from port.scenes import Scene
from port.splits import Split, split_patches
from port.summary import as_json, table_text
from port.synthetic import write_synthetic_scene
from port.training import EpochLosses
from port.training_stage import Trained, Training, check_training, train_network
from port.versions import versions

STAGES = ("train", "predict", "evaluate", "baseline", "summary", "figures")


_Plan = tuple[Path, Region, Split]
"""What the first process tells the others: where the scene is, the test region, and who trains on what."""


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
    engine: str = DEFAULT
    """An engine's name, or "auto" for the fastest, measured."""
    state: Path | None = None
    """A file from which training goes on if it is there, replaced after each epoch."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """What came of it: the folder, and the accuracies by kind of pixel."""

    folder: Path
    comparisons: dict[str, Comparison]


def run(settings: Settings, observer: Observer | None = None, processes: Processes | None = None) -> Run:
    """All six stages; of several processes the others help to train (`help_training`).

    Raises:
        Sar2NdviError: a setting, scene, region or patch set that cannot be used, before anything is trained.
    """
    together = processes or Processes()
    check_training(_training(settings, Region(0, 1, 0, 1)))
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
        together.told((scene.directory.absolute(), region, split))
        trained = train_network(scene, split, _training(settings, region), observer, together)
        _keep(trained, settings, folder.partial)
        maps = _predict(trained.network, scene, region, settings, folder.partial, observer)
        if remark := missing_remark(maps.baselines):
            observer.remark(remark)
        comparisons = _compare(maps, observer)
        config = _config(settings, scene, region, split) | {"engine": trained.engine, "processes": together.count}
        _write_summary(folder.partial, config, maps, comparisons)
        observer.step("summary", 1, 1, "summary.txt")
        _draw(folder.partial, trained.losses, maps, comparisons["all"], observer)
    return Run(folder=folder.path, comparisons=comparisons)


def help_training(settings: Settings, processes: Processes) -> None:
    """Train beside the first process, which runs all the rest; nothing is written."""
    directory, region, split = cast(_Plan, processes.told(None))
    scene = Scene.open(directory, first_date=settings.first_date, nodata=settings.recipe.nodata)
    train_network(scene, split, _training(settings, region), Silent(), processes)


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


def _training(settings: Settings, region: Region) -> Training:
    """The first stage's settings."""
    return Training(
        variant=settings.variant,
        recipe=settings.recipe,
        seed=settings.seed,
        engine=settings.engine,
        state=settings.state,
        belonging={"test region": str(region), "first date": str(settings.first_date)},
    )


def _keep(trained: Trained, settings: Settings, folder: Path) -> None:
    """loss.csv and the checkpoint."""
    _write_losses(folder / "loss.csv", trained.losses)
    recipe = settings.recipe
    state = capture(trained.network, trained.optimiser, variant=settings.variant, recipe=recipe, epoch=recipe.epochs)
    checkpoints.save(folder / "checkpoint.safetensors", state)


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
    from port.figures import loss_figure, map_figure  # what only predicts need not wait for matplotlib

    methods = {**accuracies.baselines, "prediction": accuracies.prediction}
    shown = dict.fromkeys(("interpolation", accuracies.best, "prediction"))
    loss_figure(folder / "loss.png", losses, mae={name: methods[name].mae for name in shown})
    observer.step("figures", 1, 2, "loss.png")
    map_figure(folder / "map.png", maps, best=accuracies.best)
    observer.step("figures", 2, 2, "map.png")
