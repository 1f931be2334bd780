"""The commands about files: audit a scene, make one up, convert weights, record traces."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from port import audit_table, weights
from port.audit import audit as audited
from port.command_options import (
    DataOption,
    FirstDateOption,
    RecipeOption,
    SizeOption,
    ThreadsOption,
    VariantOption,
    size_px,
    use_threads,
)
from port.engines import ENGINES
from port.files import replacing
from port.findings import errors, warnings
from port.options import with_switches
from port.outputs import check_place
from port.recipes import recipe
from port.regions import Region
from port.scenes import Scene
from port.synthetic import write_synthetic_scene
from port.terminal import last_line
from port.terminal_tables import print_audit


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
    use_threads(threads)
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
    print_audit(found)
    if json_file is not None:
        with replacing(json_file) as beside:
            beside.write_text(json.dumps(audit_table.as_json(found), indent=2) + "\n", encoding="utf-8")
    sure, others = (
        len({finding.id for finding in kind}) for kind in (errors(found.findings), warnings(found.findings))
    )
    last_line(f"{data}: {sure or 'no'} sure error{'s' * (sure != 1)}, {others or 'no'} warning{'s' * (others != 1)}")
    raise typer.Exit(1 if sure else 0)


def synth(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to make.")],
    *,
    size: SizeOption = "256x256",
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same scene.")] = 0,
    looks: Annotated[float, typer.Option(help="Equivalent number of looks of the speckle.")] = 20.0,
) -> None:
    """Write a synthetic scene: fields, crop cycles, harvests between the dates, speckle, clouds, a DEM."""
    rows, cols = size_px(size)
    folder = write_synthetic_scene(directory, size_px=(rows, cols), seed=seed, looks=looks)
    last_line(f"{folder}: a synthetic scene of {rows} x {cols} px, {len(list(folder.iterdir()))} GeoTIFFs")


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
    last_line(f"{target}: weights of variant {found}, from {source}")


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

    use_threads(threads)
    for trace in record_all(files, teacher or [], {**switches, "seeded": seeded}, engine=engine):
        last_line(f"{trace}: what the port computes")
