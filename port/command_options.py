"""Options that several commands share, and what is read from them."""

import os
import re
from pathlib import Path
from typing import Annotated

import torch
import typer

from port.bands import VARIANTS
from port.cluster import LOCAL, Place
from port.engines import ENGINES
from port.errors import SettingError
from port.processes import processes_here
from port.recipes import RECIPES

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


def use_threads(threads: int | None) -> None:
    """Let PyTorch use that many threads, or as many as cores may be used, shared with the processes beside it."""
    torch.set_num_threads(threads or max(1, cores() // processes_here()))


def cores() -> int:
    """The cores that may be used."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def place_of(address: str | None, jobs: int | None, wait_s: float, threads: int = 1) -> Place | None:
    """Where the cluster is, if one is asked for."""
    if address is None:
        return None
    if jobs is not None and address != LOCAL:
        raise SettingError(f"--jobs {jobs} is for this computer, but --dask is {address}, whose workers are its own")
    return Place(address=address, jobs=jobs or max(1, cores() // threads), wait_s=wait_s)


def size_px(text: str) -> tuple[int, int]:
    """Rows and columns written as ROWSxCOLS."""
    match = re.fullmatch(r"(\d{1,6})x(\d{1,6})", text)
    if match is None:
        raise SettingError(f"size {text!r:.60} is not of the form ROWSxCOLS, such as 256x256")
    return int(match[1]), int(match[2])


def tile_side(text: str) -> int:
    """A number of pixels above 0."""
    if not re.fullmatch(r"0*[1-9]\d{0,5}", text):
        raise SettingError(f"--tile-px is {text!r}; give a number of pixels from 1 up, or auto")
    return int(text)
