"""A run is six stages in one new folder: train, predict, evaluate, baseline, summary, figures.

The folder `<UTC time>-<variant>` appears when all six are done. What is stopped before can be resumed (`resume`).
"""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import torch

from port import checkpoints, run_record
from port.audit import check_scale
from port.baselines import missing_remark
from port.checkpoints import capture
from port.conditions import changed, conditions, threads_for
from port.evaluation import Comparison, Maps, accuracy, compare, read_maps
from port.files import replacing, write_text
from port.network import FusionCNN, make_network
from port.observer import Observer, Silent
from port.patches import clear_patches, excluding
from port.prediction import predictable, write_prediction
from port.processes import Processes, others_needed
from port.regions import TEST_FRACTION, Region
from port.run_folders import RunFolder, new_folder, resumed_folder, unfinished
from port.scenes import Scene
from port.settings import Settings
from port.splits import Split, split_patches
from port.summary import as_json, table_text
from port.synthetic import write_synthetic_scene
from port.training import EpochLosses
from port.training_stage import Trained, Training, check_training, train_network

STAGES = ("train", "predict", "evaluate", "baseline", "summary", "figures")


@dataclass(frozen=True)
class _Plan:
    """What the first process tells the others: what is asked, where the scene is, what is tested, who trains on what.

    And on how many threads.
    """

    settings: Settings
    scene: Path
    region: Region
    split: Split
    threads: int


@dataclass(frozen=True, kw_only=True)
class Run:
    """What came of it: the folder, and the accuracies by kind of pixel."""

    folder: Path
    comparisons: dict[str, Comparison]


def run(settings: Settings, observer: Observer | None = None, processes: Processes | None = None) -> Run:
    """All six stages; of several processes the others help to train (`help_training`).

    Where it is stopped, or fails after an epoch, it can be resumed; the error carries a note that says how.

    Raises:
        Sar2NdviError: a setting, scene, region or patch set that cannot be used, before anything is trained.
    """
    together = processes or Processes()
    check_training(_training(settings, Region(0, 1, 0, 1)))
    with new_folder(settings.out, settings.variant) as folder:
        record = run_record.asked(settings, conditions(together.count))
        run_record.write(folder.partial, record)
        return _six_stages(settings, folder, record, observer or Silent(), together)


def resume(
    name: Path,
    out: Path,
    given: Mapping[str, Any],
    observer: Observer | None = None,
    processes: Processes | None = None,
) -> Run:
    """Go on with the unfinished run of a name in `out`, or of a path, to what it would have been if never stopped.

    `given` is what it must have been begun with, by the names of its record. All else is taken from there, also the
    number of PyTorch's threads, which is set; other processes than those before share their threads out anew.

    Raises:
        SettingError: no such run, it is finished, another process works on it, or it was begun with something else.
        Sar2NdviError: see `run`.
    """
    together, told = processes or Processes(), observer or Silent()
    folder = unfinished(name, out)
    record = run_record.read(folder.partial)
    run_record.check_given(record, given, folder.path)
    settings = run_record.settings_of(record, folder.path.parent)
    torch.set_num_threads(threads_for(record, together.count))
    with resumed_folder(folder):
        if differences := changed(record, conditions(together.count)):
            told.remark(f"not the conditions it began in, so the last bits may differ: {'; '.join(differences)}")
            record = {**record, "resumed": [*record.get("resumed", []), differences]}
        return _six_stages(settings, folder, record, told, together)


def help_training(processes: Processes) -> None:
    """Train beside the first process, which runs all the rest; nothing is written.

    Raises:
        LostProcessError: another process ended before all was done; what that one says tells why.
    """
    with others_needed(processes):
        _help_training(processes)


def _help_training(processes: Processes) -> None:
    told = cast(_Plan, processes.told(None))
    torch.set_num_threads(told.threads)
    scene = Scene.open(told.scene, first_date=told.settings.first_date, nodata=told.settings.recipe.nodata)
    train_network(scene, told.split, _training(told.settings, told.region), Silent(), processes)


def _six_stages(
    settings: Settings, folder: RunFolder, record: Mapping[str, Any], observer: Observer, together: Processes
) -> Run:
    """From what was asked, and what is in the folder already, to a whole run."""
    scene = _scene(settings, folder.partial)
    record = run_record.of_scene(record, scene)
    remarks = check_scale(scene, variant=settings.variant, recipe=settings.recipe, force=settings.force)
    region, split = plan(settings, scene)
    record = run_record.planned(record, region, split)
    run_record.write(folder.partial, record)
    state = folder.state if settings.resumable else None
    if state is not None:
        remarks.append(f"the run is in {folder.partial} until it is whole; if it is stopped: {folder.resuming}")
    for remark in filter(None, (*remarks, split.note)):
        observer.remark(remark)
    together.told(_Plan(settings, scene.directory.absolute(), region, split, torch.get_num_threads()))
    trained = train_network(scene, split, _training(settings, region, state), observer, together)
    _keep(trained, settings, folder.partial)
    maps = _predict(trained.network, scene, region, settings, folder.partial, observer)
    if remark := missing_remark(maps.baselines):
        observer.remark(remark)
    comparisons = _compare(maps, observer)
    run_record.write(folder.partial, {**record, "engine": trained.engine})
    _write_summary(folder.partial, region, maps, comparisons)
    observer.step("summary", 1, 1, "summary.txt")
    _draw(folder.partial, trained.losses, maps, comparisons["all"], observer)
    return Run(folder=folder.path, comparisons=comparisons)


def _scene(settings: Settings, folder: Path) -> Scene:
    """The scene that is given, or a synthetic one in the run's folder, made if it is not there yet."""
    nodata = settings.recipe.nodata
    if settings.data is not None:
        return Scene.open(settings.data, first_date=settings.first_date, nodata=nodata)
    made = folder / run_record.SYNTHETIC
    return Scene.open(made if made.is_dir() else write_synthetic_scene(made, seed=settings.seed), nodata=nodata)


def plan(settings: Settings, scene: Scene) -> tuple[Region, Split]:
    """The test region and the patches of a run on a scene.

    Raises:
        Sar2NdviError: what `run` would raise of variant, recipe, region and patches before it trains.
    """
    make_network(settings.variant, settings.recipe)
    region = settings.test_region or Region.lower_rows(scene.shape, TEST_FRACTION)
    return region, _split(scene, region, settings)


def _split(scene: Scene, region: Region, settings: Settings) -> Split:
    """Training and validation patches; the test region is masked first, as the original does."""
    recipe = settings.recipe
    predictable(region, scene.shape, recipe, make_network(settings.variant, recipe).border_px)
    patches = clear_patches(excluding(scene.invalid(), region), recipe)
    return split_patches(patches, recipe, seed=settings.seed)


def _training(settings: Settings, region: Region, state: Path | None = None) -> Training:
    """The first stage's settings."""
    return Training(
        variant=settings.variant,
        recipe=settings.recipe,
        seed=settings.seed,
        engine=settings.engine,
        state=state,
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
    with replacing(path) as beside, beside.open("w", newline="", encoding="utf-8") as file:
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


def _write_summary(folder: Path, region: Region, maps: Maps, comparisons: dict[str, Comparison]) -> None:
    """Stage 5: metrics.json and summary.txt."""
    coefficients = {name: asdict(baseline) for name, baseline in maps.baselines.items()}
    content = {"test_region": str(region), "groups": as_json(comparisons), "baselines": coefficients}
    write_text(folder / "metrics.json", json.dumps(content, indent=2) + "\n")
    write_text(folder / "summary.txt", table_text(comparisons))


def _draw(folder: Path, losses: Sequence[EpochLosses], maps: Maps, accuracies: Comparison, observer: Observer) -> None:
    """Stage 6: loss.png and map.png."""
    from port.figures import loss_figure, map_figure  # what only predicts need not wait for matplotlib

    methods = {**accuracies.baselines, "prediction": accuracies.prediction}
    shown = dict.fromkeys(("interpolation", accuracies.best, "prediction"))
    loss_figure(folder / "loss.png", losses, mae={name: methods[name].mae for name in shown})
    observer.step("figures", 1, 2, "loss.png")
    map_figure(folder / "map.png", maps, best=accuracies.best)
    observer.step("figures", 2, 2, "map.png")
