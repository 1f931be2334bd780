"""Accuracy on the authors' own scene, for whoever has it: of the original trained there, and of the baselines."""

import os
import statistics
import tempfile
from functools import cache
from pathlib import Path

from parity_tests import paper
from parity_tests.paper import Cell, PaperError
from port.bands import VARIANTS, Band
from port.baselines import baselines
from port.metrics import Metrics, metrics
from port.network import BORDER_PX
from port.normalisation import normalise, normalise_target
from port.prediction import predictable
from port.recipes import recipe
from port.runs import run
from port.scenes import Scene
from port.settings import Settings

PLACE = "SAR2NDVI_PAPER_SCENE"
RECIPE = "original"


def accuracy_on_paper_scene(cell: Cell) -> float:
    """The mean of one method's metric over triples of the authors' scene, in its test region.

    Raises:
        PaperError: the scene is not at hand, or is another.
    """
    folder = _place(cell)
    measured = _trained if cell.method in VARIANTS else _baseline
    return statistics.mean(getattr(measured(folder, cell.method, triple), cell.metric) for triple in cell.triples)


def _place(cell: Cell) -> Path:
    """The folder named by $SAR2NDVI_PAPER_SCENE."""
    given = os.environ.get(PLACE)
    if not given or not Path(given).is_dir():
        raise PaperError(
            f"{cell.method} {cell.metric} is filled in, so it is gated on the authors' scene, which is not at hand: "
            f"{PLACE} is {given or 'not set'}; set it to the folder that holds the seven dates, or empty the cell"
        )
    return Path(given)


@cache
def _trained(folder: Path, variant: str, first_date: int) -> Metrics:
    """A variant trained and evaluated by the original's recipe, seed 0."""
    _opened(folder, first_date)
    with tempfile.TemporaryDirectory(prefix="sar2ndvi-") as out:
        settings = Settings(
            variant=variant,
            recipe=recipe(RECIPE),
            data=folder,
            test_region=paper.scene().test_region,
            first_date=first_date,
            out=Path(out),
        )
        return run(settings).comparisons["all"].prediction


@cache
def _baseline(folder: Path, name: str, first_date: int) -> Metrics:
    """A baseline on the same pixels."""
    scene, chosen, kept = _opened(folder, first_date), recipe(RECIPE), paper.scene().test_region
    region = predictable(kept, scene.shape, chosen, BORDER_PX)
    bands = (Band.NDVI_BEFORE, Band.NDVI_AFTER)
    before, after = normalise(scene.channels(region, bands), bands, chosen.scaling)
    return metrics(
        estimate=baselines(scene, chosen.scaling, kept=kept)[name](before, after),
        truth=normalise_target(scene.target(region), chosen.scaling),
        valid=~scene.masks(region).any(axis=0),
    )


def _opened(folder: Path, first_date: int) -> Scene:
    """A triple of the scene, once its size is known to be the paper's."""
    scene, expected = Scene.open(folder, first_date=first_date), paper.scene().shape_px
    if scene.shape != expected:
        raise PaperError(
            f"{folder} has {scene.shape[0]} x {scene.shape[1]} px, the authors' scene {expected[0]} x {expected[1]}; "
            f"point {PLACE} to the authors' scene"
        )
    return scene
