"""The command line: `python -m port COMMAND`, also installed as `sar2ndvi`; the only file that prints or parses."""

import json
import os
import re
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any

import torch
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.table import Table

from port import ablation, ablation_table, audit_table, onnx_export, repetition, run_record, runs, weights
from port.ablation_table import Row
from port.audit import PREDICTION_SAMPLE_PX, Audit, scale_remarks, variant_sources
from port.audit import audit as audited
from port.bands import VARIANTS
from port.baselines import missing_remark
from port.cluster import LOCAL, WAIT_S, Place
from port.cluster_prediction import Order, predict_many
from port.engine_choice import AUTO
from port.engine_difference import EngineDifference, engine_difference
from port.engines import DEFAULT, ENGINES, check_engine
from port.errors import SettingError
from port.evaluation import Comparison, compared, read_maps
from port.failures import failure, quiet_gdal
from port.files import replacing
from port.findings import errors, told, warnings
from port.heap import keep_freed, share_freed
from port.interrupts import Stopped, heard
from port.network import FusionCNN
from port.options import PREDICTION_SWITCHES, with_switches
from port.outputs import check_free, check_place
from port.prediction import TILE_PX, write_prediction
from port.processes import end_helping, joined_processes, processes_here
from port.recipes import RECIPES, Recipe, recipe
from port.regions import Region
from port.remaining import Remaining
from port.scenes import Scene
from port.settings import Settings
from port.summary import COLUMNS, table_sections
from port.synthetic import write_synthetic_scene
from port.tile_timing import timed_tile

app = typer.Typer(
    help="NDVI under clouds from Sentinel-1 and Sentinel-2: the fusion network of Scarpa et al. (2018).",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
out = Console()
err = Console(stderr=True)

DataOption = Annotated[Path, typer.Option("--data", metavar="DIR", help="Folder of the scene's GeoTIFFs.")]
RegionOption = Annotated[
    str | None, typer.Option("--region", metavar="R0:R1,C0:C1", help="Rows and columns, in pixels; default: all.")
]
FirstDateOption = Annotated[int, typer.Option(min=1, help="Number of date t-1 in the file names; t and t+1 follow.")]
ThreadsOption = Annotated[int | None, typer.Option(min=1, help="Processor threads; default: as many as cores.")]
VariantOption = Annotated[str | None, typer.Option(metavar="|".join(VARIANTS), help="What the weights are for.")]
SizeOption = Annotated[str, typer.Option(metavar="ROWSxCOLS", help="Of a synthetic scene, in pixels of 10 m.")]
RecipeOption = Annotated[str | None, typer.Option("--recipe", metavar="|".join(RECIPES), help="How they were trained.")]
CheckpointOption = Annotated[
    Path, typer.Option("--checkpoint", metavar="F", help="A run's .safetensors, or the original's .npz.")
]
TileOption = Annotated[int, typer.Option(min=1, help="Side of the tiles predicted at once.")]
EngineOption = Annotated[str, typer.Option(metavar="|".join(ENGINES), help="How the network is computed.")]
DaskOption = Annotated[
    str | None, typer.Option("--dask", metavar="local|ADDRESS", help="A Dask scheduler, or one of this computer's own.")
]
JobsOption = Annotated[int | None, typer.Option(min=1, help="Processes side by side; default: cores / threads.")]
DaskWaitOption = Annotated[
    float, typer.Option("--dask-wait", min=0, help="Seconds a cluster may be without any worker, at first and later.")
]


@app.callback()
def options(debug: Annotated[bool, typer.Option(help="Show the traceback of an error.")] = False) -> None:
    """Options before the command."""
    Failure.debug = debug


@app.command()
@with_switches()
def train(
    *,
    resume: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="Go on with a run that was stopped; all else is taken from its folder."),
    ] = None,
    data: Annotated[str, typer.Option(metavar="DIR|synthetic", help="A scene's folder, or one made up.")] = "synthetic",
    variant: Annotated[str, typer.Option(metavar="|".join(VARIANTS), help="Which channels are used.")] = "SOPTIIp",
    recipe_name: Annotated[str, typer.Option("--recipe", metavar="|".join(RECIPES), help="Set of switches.")] = (
        "corrected"
    ),
    test_region: Annotated[
        str | None, typer.Option(metavar="R0:R1,C0:C1", help="Kept for testing; default: the lower 40 % of the rows.")
    ] = None,
    out_folder: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the run's folder is made.")] = Path(
        "runs"
    ),
    seed: Annotated[int, typer.Option(min=0, help="Of the synthetic scene, split, start and order.")] = 0,
    first_date: FirstDateOption = 1,
    force: Annotated[bool, typer.Option("--force", help="Train although the audit finds a sure error.")] = False,
    engine: Annotated[
        str, typer.Option(metavar="|".join((*ENGINES, AUTO)), help="How it is computed; auto: the fastest, measured.")
    ] = DEFAULT,
    threads: ThreadsOption = None,
    switches: Mapping[str, Any],
    named: Sequence[str],
) -> None:
    """Train, predict, evaluate, compare with the baselines, summarise and draw, into a new folder.

    Stopped or killed, the run goes on by --resume as if it had never been. Under torchrun all processes train together,
    and the first does the rest.
    """
    keep_freed()
    _use_threads(threads)
    settings = Settings(
        variant=variant,
        recipe=recipe(recipe_name, **switches),
        data=None if data == "synthetic" else Path(data),
        test_region=None if test_region is None else Region.parse(test_region),
        first_date=first_date,
        seed=seed,
        out=out_folder,
        force=force,
        engine=engine,
    )
    with joined_processes() as processes:
        if processes.rank:
            runs.help_training(processes)
        else:
            with _resumable(), StageProgress() as progress:
                if resume is None:
                    done = runs.run(settings, progress, processes)
                else:
                    done = runs.resume(resume, out_folder, _given(settings, threads, named), progress, processes)
    if processes.rank:
        end_helping()
    _print_table(done.comparisons)
    names = ", ".join(sorted(path.name for path in done.folder.iterdir()))
    _last_line(f"{done.folder}: {names}")


@app.command()
def repeat(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a whole run.")],
    *,
    out_folder: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Where the new run is kept; default: it is removed.")
    ] = None,
) -> None:
    """Do a run again from its own record, and see whether losses, weights, prediction and metrics are the same bits.

    Exit code 1 where they are not.
    """
    with StageProgress() as progress:
        found = repetition.repeat(run, out_folder, progress)
    if found.changed:
        _remark(f"not the conditions of the run, so equality cannot be expected: {'; '.join(found.changed)}")
    if found.difference:
        _last_line(f"{run}: not the same; first {found.difference}")
        raise typer.Exit(1)
    _last_line(f"{run}: the same bit for bit: {found.compared}")


@app.command()
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
    share_freed()
    _use_threads(threads)
    given = weights.read_weights(checkpoint, variant=variant, recipe_name=recipe_name, switches=dict(switches))
    scene = Scene.open(data, first_date=first_date, nodata=given.recipe.nodata)
    asked: dict[str, Any] = {
        "variant": given.variant,
        "recipe": given.recipe,
        "region": scene.region if region is None else Region.parse(region),
        "engine": check_engine(engine, given.recipe.precision),
    }
    side_px = None if tile_px == "auto" else _tile_side(tile_px)
    network = given.network()
    check_free(out_file)
    _remark_scale(scene, given.variant, given.recipe, limit_px=PREDICTION_SAMPLE_PX)
    if ENGINES[asked["engine"]].multiplies_in is not None:
        _remark_difference(engine_difference(network, scene, **asked), engine)
    with StageProgress() as progress:
        written = write_prediction(
            out_file,
            network,
            scene,
            tile_px=side_px or _timed_side(network, scene, asked),
            on_tile=lambda done, total: progress.step("predict", done, total, "px"),
            **asked,
        )
    _last_line(f"{out_file}: NDVI at t of {written} ({written.shape[0]} x {written.shape[1]} px)")


@app.command("predict-many")
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
    """Estimate NDVI at t of many scenes, or of one huge mosaic, over a Dask cluster: the same numbers as `predict`.

    Scenes that are done are not done again: the same command goes on where it was stopped.
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
    with _stopped(f"the scenes that are done stay in {out_folder}"), StageProgress(remaining=False) as progress:
        written = predict_many(order, out_folder, place=_place(dask, jobs, dask_wait), observer=progress)
    _last_line(f"{out_folder}: {len(written.done)} scenes predicted now, {len(written.kept)} before")


@app.command()
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
    _remark(missing_remark(maps.baselines))
    comparisons = compared(maps)
    _print_table(comparisons)
    _last_line(f"{prediction}: compared with {data} on {comparisons['all'].prediction.pixels} pixels of {maps.region}")


@app.command()
@with_switches("scaling")
def audit(
    *,
    data: DataOption,
    checkpoint: Annotated[
        Path | None, typer.Option(metavar="F", help="A trained network, whose use of each channel is measured.")
    ] = None,
    variant: VariantOption = None,
    recipe_name: RecipeOption = None,
    first_date: FirstDateOption = 1,
    test_region: Annotated[
        str | None,
        typer.Option(metavar="R0:R1,C0:C1", help="Where it is measured; default: the lower 40 % of the rows."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the shuffles.")] = 0,
    json_file: Annotated[Path | None, typer.Option("--json", metavar="F", help="All numbers, as JSON.")] = None,
    threads: ThreadsOption = None,
    switches: Mapping[str, Any],
) -> None:
    """Say of each channel whether its scale is sound, and what influence it has; exit code 1 on a sure error."""
    _use_threads(threads)
    given = None
    if json_file is not None:
        check_place(json_file)
    if checkpoint is not None:
        given = weights.read_weights(checkpoint, variant=variant, recipe_name=recipe_name, switches=dict(switches))
    chosen = given.recipe if given else recipe(recipe_name or "corrected", **switches)
    found = audited(
        Scene.open(data, first_date=first_date, nodata=chosen.nodata),
        variant=given.variant if given else variant or "SOPTIIp",
        recipe=chosen,
        network=given.network() if given else None,
        region=None if test_region is None else Region.parse(test_region),
        seed=seed,
    )
    _print_audit(found)
    if json_file is not None:
        with replacing(json_file) as beside:
            beside.write_text(json.dumps(audit_table.as_json(found), indent=2) + "\n", encoding="utf-8")
    sure, others = (
        len({finding.id for finding in kind}) for kind in (errors(found.findings), warnings(found.findings))
    )
    _last_line(f"{data}: {sure or 'no'} sure error{'s' * (sure != 1)}, {others or 'no'} warning{'s' * (others != 1)}")
    raise typer.Exit(1 if sure else 0)


@app.command()
@with_switches()
def ablate(
    *,
    data: Annotated[
        list[str] | None, typer.Option(metavar="DIR|synthetic", help="A scene; may be given several times.")
    ] = None,
    variants: Annotated[str, typer.Option(metavar="NAME,NAME,...", help="Which variants are run.")] = ",".join(
        VARIANTS
    ),
    seeds: Annotated[
        int, typer.Option(min=1, help="How many, from 0; on the synthetic scene the seed is the scene's too.")
    ] = 5,
    recipe_name: Annotated[str, typer.Option("--recipe", metavar="|".join(RECIPES), help="Set of switches.")] = (
        "corrected"
    ),
    test_region: Annotated[
        str | None, typer.Option(metavar="R0:R1,C0:C1", help="Kept for testing; default: each scene's lower 40 %.")
    ] = None,
    size: SizeOption = "256x256",
    jobs: JobsOption = None,
    dask: DaskOption = None,
    dask_wait: DaskWaitOption = WAIT_S,
    threads: Annotated[int, typer.Option(min=1, help="Of each run; the last digits of its numbers depend on it.")] = 1,
    out_folder: Annotated[Path, typer.Option("--out", metavar="DIR", help="For tables, figure, done runs.")] = Path(
        "ablation"
    ),
    first_date: FirstDateOption = 1,
    force: Annotated[bool, typer.Option("--force", help="Train although the audit finds a sure error.")] = False,
    switches: Mapping[str, Any],
) -> None:
    """What SAR, the DEM and the second optical date are worth: variants and baselines by scene, over several seeds.

    Runs that are done are not run again: the same command goes on where it was stopped.
    """
    study = ablation.Study(
        data=data or [ablation.SYNTHETIC],
        recipe=recipe(recipe_name, **switches),
        variants=variants.split(","),
        seeds=seeds,
        test_region=None if test_region is None else Region.parse(test_region),
        first_date=first_date,
        size_px=_size(size),
        threads=threads,
        force=force,
    )
    place = _place(dask, jobs, dask_wait, threads)
    side_by_side = jobs or max(1, _cores() // threads)
    with _stopped(f"the runs that are done stay in {out_folder}"), StageProgress(remaining=False) as progress:
        done = ablation.ablate(study, out_folder, jobs=side_by_side, place=place, observer=progress)
    _print_ablation(done.rows)
    _last_line(f"{out_folder}: {ablation.STEM}.csv, .json, .md, .png; {done.done} runs done now, {done.kept} before")


@app.command()
def synth(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to make.")],
    *,
    size: SizeOption = "256x256",
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same scene.")] = 0,
    looks: Annotated[float, typer.Option(help="Equivalent number of looks of the speckle.")] = 20.0,
) -> None:
    """Write a synthetic scene: fields, crop cycles, harvests between the dates, speckle, clouds, a DEM."""
    rows, cols = _size(size)
    folder = write_synthetic_scene(directory, size_px=(rows, cols), seed=seed, looks=looks)
    _last_line(f"{folder}: a synthetic scene of {rows} x {cols} px, {len(list(folder.iterdir()))} GeoTIFFs")


@app.command()
def convert(
    source: Annotated[Path, typer.Argument(metavar="IN", help="The original's .npz, or a run's .safetensors.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="A file of the other kind.")],
    *,
    variant: VariantOption = None,
    recipe_name: RecipeOption = None,
) -> None:
    """Turn the original's weight file into a checkpoint of ours, or the other way; filters are flipped."""
    check_place(target)
    found = weights.convert(source, target, variant=variant, recipe_name=recipe_name)
    _last_line(f"{target}: weights of variant {found}, from {source}")


@app.command()
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
    check_place(onnx_file)
    given = weights.read_weights(checkpoint, variant=variant, recipe_name=recipe_name, switches=dict(switches))
    found = onnx_export.export(onnx_file, given)
    _last_line(
        f"{onnx_file}: variant {given.variant}, ONNX opset {onnx_export.OPSET}; ONNX Runtime and the port differ by at "
        f"most {found.difference:.2g} on a probe, {found.share:.2g} of what rounding explains"
    )


@app.command()
@with_switches()
def record(
    files: Annotated[list[Path], typer.Argument(metavar="REQUEST TRACE ...", help="Pairs of .npz files.")],
    *,
    teacher: Annotated[
        list[Path] | None, typer.Option(metavar="LEGACY", help="The original's trace of each request, in order.")
    ] = None,
    seeded: Annotated[
        str | None, typer.Option(metavar="given|own", help="The shuffle of the request, or one drawn from its seed.")
    ] = None,
    engine: Annotated[
        str | None, typer.Option(metavar="|".join(ENGINES), help="What computes layers and steps of patches.")
    ] = None,
    threads: ThreadsOption = 1,
    switches: Mapping[str, Any],
) -> None:
    """Record what the port computes from requests, stage by stage, for the judge (`python -m parity compare`).

    Recipe original with each request's settings; a switch given replaces that one.
    """
    from port.record import record_all  # only this command needs the judge's file format

    _use_threads(threads)
    for trace in record_all(files, teacher or [], {**switches, "seeded": seeded}, engine=engine):
        _last_line(f"{trace}: what the port computes")


class Failure:
    """Whether errors show their traceback."""

    debug = False


class StageProgress:
    """A bar for each stage on a terminal; elsewhere, such as in a log, a line for each tenth of it, with the time left.

    The time left is that of what is still to be done, at the rate of what was done since the stage began.
    """

    def __init__(self, *, remaining: bool = True) -> None:
        columns = [TextColumn("{task.description:9}"), BarColumn(), MofNCompleteColumn()]
        columns += [TextColumn("{task.fields[left]}")] if remaining else []  # an ablation tells its own
        self._bars = Progress(*columns, TextColumn("{task.fields[word]}"), console=err, disable=not err.is_terminal)
        self._remaining = remaining
        self._tasks: dict[str, TaskID] = {}
        self._tenths: dict[str, int] = {}
        self._left: dict[str, Remaining] = {}

    def __enter__(self) -> "StageProgress":
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def remark(self, text: str) -> None:
        """Print a remark above the bars."""
        _remark(text)

    def step(self, stage: str, done: int, total: int, word: str) -> None:
        """Show that `done` of `total` steps of a stage are over."""
        if stage not in self._tasks:
            self._tasks[stage] = self._bars.add_task(stage, total=total, word=word, left="")
            self._left[stage] = Remaining(done)
        left = self._left[stage].told(done, total) if self._remaining else ""
        self._bars.update(self._tasks[stage], completed=done, total=total, word=word, left=left)
        tenth = 10 * done // total
        if not err.is_terminal and tenth > self._tenths.get(stage, 0):
            self._tenths[stage] = tenth
            _plain(err, f"{stage:9} {done}/{total} {word}" + (f", {left}" if left else ""))


def _use_threads(threads: int | None) -> None:
    """Let PyTorch use that many threads, or as many as cores may be used, shared with the processes beside it."""
    torch.set_num_threads(threads or max(1, _cores() // processes_here()))


def _cores() -> int:
    """The cores that may be used."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _place(address: str | None, jobs: int | None, wait_s: float, threads: int = 1) -> Place | None:
    """Where the cluster is, if one is asked for."""
    if address is None:
        return None
    if jobs is not None and address != LOCAL:
        raise SettingError(f"--jobs {jobs} is for this computer, but --dask is {address}, whose workers are its own")
    return Place(address=address, jobs=jobs or max(1, _cores() // threads), wait_s=wait_s)


@contextmanager
def _stopped(what: str) -> Iterator[None]:
    """Where Ctrl-C stops a command that can go on, say so; exit code 130."""
    try:
        yield
    except KeyboardInterrupt:
        _plain(err, f"stopped; {what}, the same command does the others")
        raise typer.Exit(130) from None


@contextmanager
def _resumable() -> Iterator[None]:
    """Where a signal stops a run, say what was kept, and how it goes on; exit code 130 or 143."""
    try:
        with heard():
            yield
    except Stopped as stop:
        _plain(err, "; ".join((f"stopped by {stop}", *getattr(stop, "__notes__", ()))))
        raise typer.Exit(stop.exit_code) from None


def _given(settings: Settings, threads: int | None, named: Sequence[str]) -> dict[str, Any]:
    """Of a run's settings those that the command line names, as its record does."""
    asked = {**run_record.asked(settings, {"threads": threads}), **asdict(settings.recipe)}
    asked["recipe_name"] = settings.recipe.name
    return {name.removesuffix("_name"): asked[name] for name in named if name in asked}


def _size(text: str) -> tuple[int, int]:
    """Rows and columns written as ROWSxCOLS."""
    match = re.fullmatch(r"(\d{1,6})x(\d{1,6})", text)
    if match is None:
        raise SettingError(f"size {text!r:.60} is not of the form ROWSxCOLS, such as 256x256")
    return int(match[1]), int(match[2])


def _print_table(comparisons: Mapping[str, Comparison]) -> None:
    """The accuracies, a section for each kind of pixel; 80 columns wide."""
    table = Table(
        title="Accuracy of NDVI at t in the test region",
        box=SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        collapse_padding=True,
    )
    for column in COLUMNS:
        table.add_column(column, justify="left" if column in COLUMNS[:2] else "right", no_wrap=True)
    for section in table_sections(comparisons):
        for row in section:
            table.add_row(*row)
        table.add_section()
    out.print(table)


def _print_audit(found: Audit) -> None:
    """What is stored, what the network makes of it, and a line for each finding."""
    fed = f"Fed to variant {found.variant}: scaling {found.recipe.scaling} (recipe {found.recipe.name})"
    _print_rows(f"Stored in {found.scene.name}", audit_table.STORED_COLUMNS, audit_table.stored_rows(found))
    _print_rows(fed, audit_table.FED_COLUMNS, audit_table.fed_rows(found))
    if found.mae is not None:
        heading = f"Channels shuffled one by one; MAE {found.mae:.5f} in {found.region}"
        _print_rows(heading, audit_table.INFLUENCE_COLUMNS, audit_table.influence_rows(found))
    for kind, style in ((errors(found.findings), "red"), (warnings(found.findings), "yellow")):
        for text in told(kind):
            _plain(out, f"{kind[0].severity} {text}", style=style)


def _print_rows(heading: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table whose first two columns are names."""
    table = Table(title=heading, box=SIMPLE_HEAD, pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number < 2 else "right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    out.print(table)


def _remark_scale(scene: Scene, variant: str, recipe: Recipe, *, limit_px: int | None = None) -> None:
    """What is surely wrong in the files that a variant uses; in a sample of them beyond a limit."""
    sources = variant_sources(variant)
    for text in scale_remarks(scene, variant=variant, recipe=recipe, sources=sources, limit_px=limit_px):
        _remark(text)


def _remark_difference(found: EngineDifference, engine: str) -> None:
    """What an engine's speed costs."""
    _remark(
        f"engine {engine} gives NDVI that differs from {DEFAULT}'s by {found.mean:.2g} on average and "
        f"{found.largest:.2g} at most on tile {found.tile}, at {found.speedup:.2g} times its speed"
    )


def _tile_side(text: str) -> int:
    """A number of pixels above 0."""
    if not re.fullmatch(r"0*[1-9]\d{0,5}", text):
        raise SettingError(f"--tile-px is {text!r}; give a number of pixels from 1 up, or auto")
    return int(text)


def _timed_side(network: FusionCNN, scene: Scene, asked: Mapping[str, Any]) -> int:
    """The side of the fastest tiles, said with their rate; the usual one where the region is too small for a trial."""
    found = timed_tile(network, scene, **asked)
    if found is None:
        return TILE_PX
    _remark(f"tiles of {found.side_px} px, the fastest tried here: {found.rate / 1e6:.2f} million pixels a second")
    return found.side_px


def _print_ablation(rows: Sequence[Row]) -> None:
    """Mean and spread of MAE, and of what is gained in it, a table for each scene."""
    for scene, lines in ablation_table.sections(rows).items():
        table = Table(title=f"{scene}: MAE of NDVI at t in the test region", box=SIMPLE_HEAD, pad_edge=False)
        for column in ablation_table.COLUMNS:
            table.add_column(column, justify="left" if column == ablation_table.COLUMNS[0] else "right", no_wrap=True)
        for cells in lines:
            table.add_row(*cells)
        out.print(table)


def _remark(text: str) -> None:
    """Something the user should know, if there is something."""
    if text:
        _plain(err, f"note: {text}", style="yellow")


def _last_line(text: str) -> None:
    """What was produced, and where."""
    _plain(out, text, style="bold")


def _plain(console: Console, text: str, style: str = "") -> None:
    """Print a text as it is: no markup, no line broken inside a path."""
    console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)


def main() -> None:
    """Run a command; an error is one red paragraph, after its traceback with --debug.

    Exit code 2 for what the user can mend, 70 (EX_SOFTWARE) for a mistake of the program.
    """
    try:
        with quiet_gdal():
            typer.main.get_command(app)()  # calling app itself would take Python's hook for errors from quiet_gdal
    except Exception as error:  # the last resort of every command
        if Failure.debug:
            traceback.print_exc()
        text, code = failure(error)
        _plain(err, f"error: {text}", style="red")
        sys.exit(code)


if __name__ == "__main__":
    main()
