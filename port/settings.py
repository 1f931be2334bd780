"""Settings are what a run is asked for, by a user or by the record of a run that is done again."""

from dataclasses import dataclass
from pathlib import Path

from port.engines import DEFAULT
from port.recipes import Recipe
from port.regions import Region


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
    resumable: bool = True  # keep the training's state after each epoch
