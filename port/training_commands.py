"""The commands that train: one run, a run once more, an ablation."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from port import ablation, repetition, run_record, runs
from port.bands import VARIANTS
from port.cluster import WAIT_S
from port.command_options import (
    DaskOption,
    DaskWaitOption,
    FirstDateOption,
    JobsOption,
    SizeOption,
    ThreadsOption,
    cores,
    place_of,
    size_px,
    use_threads,
)
from port.engine_choice import AUTO
from port.engines import DEFAULT, ENGINES
from port.heap import keep_freed
from port.options import with_switches
from port.processes import end_helping, joined_processes
from port.recipes import RECIPES, recipe
from port.regions import Region
from port.settings import Settings
from port.terminal import StageProgress, last_line, remark, stoppable
from port.terminal_tables import print_ablation, print_accuracies


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
    use_threads(threads)
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
            with stoppable(), StageProgress() as progress:
                if resume is None:
                    done = runs.run(settings, progress, processes)
                else:
                    done = runs.resume(resume, out_folder, _given(settings, threads, named), progress, processes)
    if processes.rank:
        end_helping()
    print_accuracies(done.comparisons)
    names = ", ".join(sorted(path.name for path in done.folder.iterdir()))
    last_line(f"{done.folder}: {names}")


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
        remark(f"not the conditions of the run, so equality cannot be expected: {'; '.join(found.changed)}")
    if found.difference:
        last_line(f"{run}: not the same; first {found.difference}")
        raise typer.Exit(1)
    last_line(f"{run}: the same bit for bit: {found.compared}")


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
        size_px=size_px(size),
        threads=threads,
        force=force,
    )
    place = place_of(dask, jobs, dask_wait, threads)
    side_by_side = jobs or max(1, cores() // threads)
    with (
        stoppable(f"the runs that are done stay in {out_folder}, the same command does the others"),
        StageProgress(remaining=False) as progress,
    ):
        done = ablation.ablate(study, out_folder, jobs=side_by_side, place=place, observer=progress)
    print_ablation(done.rows)
    last_line(f"{out_folder}: {ablation.STEM}.csv, .json, .md, .png; {done.done} runs done now, {done.kept} before")


def _given(settings: Settings, threads: int | None, named: Sequence[str]) -> dict[str, Any]:
    """Of a run's settings those that the command line names, as its record does."""
    asked = {**run_record.asked(settings, {"threads": threads}), **asdict(settings.recipe)}
    asked["recipe_name"] = settings.recipe.name
    return {name.removesuffix("_name"): asked[name] for name in named if name in asked}
