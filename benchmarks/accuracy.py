"""Accuracy by scene, variant, recipe and seed: `python -m benchmarks.accuracy` measures the rows of the README's table.

Each row is the product's own run (`port.runs`); results go to benchmarks/results/accuracy.json, one entry a run, and a
run that is there is not done again.
"""

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from port.evaluation import Comparison
from port.recipes import recipe
from port.regions import Region
from port.runs import run
from port.settings import Settings
from port.synthetic import write_synthetic_scene

RESULTS = Path(__file__).parent / "results" / "accuracy.json"
DATA = Path(os.environ.get("SAR2NDVI_DATA", "../shared/data"))
REAL = "hesbaye_s_2021-06_2021-08"
SYNTHETIC = "synthetic"
"""A scene made anew from each seed."""
ONE_SYNTHETIC = "synthetic, scene 0"
"""One and the same scene for all seeds."""
METRICS = ("mae", "rmse", "cc", "psnr", "ssim")


@dataclass(frozen=True)
class Row:
    """A line of the table: one way of running, with several seeds."""

    scene: str
    variant: str
    recipe: str
    seeds: tuple[int, ...]
    switches: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What the table calls it."""
        changed = ", ".join(f"{switch} {value}" for switch, value in self.switches.items())
        return self.recipe + (f", {changed}" if changed else "")


FIVE, THREE, TWO = (0, 1, 2, 3, 4), (0, 1, 2), (0, 1)
BY_1000 = {"scaling": "all-by-1000"}
ROWS = (
    Row(REAL, "OPTII", "corrected", FIVE),
    Row(REAL, "SOPTII", "corrected", FIVE),
    Row(REAL, "SOPTII", "corrected", FIVE, BY_1000),
    Row(REAL, "SOPTII", "tuned", FIVE),
    Row(REAL, "SOPTIIp", "corrected", FIVE),
    Row(SYNTHETIC, "OPTII", "corrected", TWO),
    Row(SYNTHETIC, "SOPTIIp", "corrected", THREE),
    Row(SYNTHETIC, "SOPTIIp", "corrected", TWO, BY_1000),
    Row(SYNTHETIC, "SOPTIIp", "tuned", TWO),
    Row(ONE_SYNTHETIC, "SOPTIIp", "corrected", FIVE),
)


def compared(row: Row, seed: int) -> dict[str, Comparison]:
    """One run's accuracies, by kind of pixel; on a synthetic scene made anew the seed is the scene's too."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            variant=row.variant,
            recipe=recipe(row.recipe, **row.switches),
            data=_data(row.scene, Path(folder)),
            test_region=Region.parse("60:100,0:100") if row.scene == REAL else None,
            seed=seed,
            out=Path(folder),
        )
        return run(settings).comparisons


def _data(scene: str, folder: Path) -> Path | None:
    """Where a scene lies; the one synthetic scene is written into the folder."""
    if scene == ONE_SYNTHETIC:
        return write_synthetic_scene(folder / "scene", seed=0)
    return None if scene == SYNTHETIC else DATA / scene


def measure(row: Row, seed: int) -> dict[str, Any]:
    """One run's MAE by kind of pixel, and every method's accuracies on all pixels."""
    found = compared(row, seed)
    groups = {
        kind: {"interpolation": comparison.interpolation.mae, "prediction": comparison.prediction.mae}
        for kind, comparison in found.items()
    }
    return {
        "scene": row.scene,
        "variant": row.variant,
        "run": row.name,
        "seed": seed,
        "mae": groups,
        "methods": methods(found["all"]),
    }


def methods(comparison: Comparison) -> dict[str, dict[str, float]]:
    """Each method's metrics by name: the prediction's, then the baselines'."""
    found = {"prediction": comparison.prediction, **comparison.baselines}
    return {name: {metric: getattr(metrics, metric) for metric in METRICS} for name, metrics in found.items()}


def missing(done: list[dict[str, Any]]) -> Iterator[tuple[Row, int]]:
    """The runs of ROWS that are not among those done."""
    keys = {(entry["scene"], entry["variant"], entry["run"], entry["seed"]) for entry in done}
    for row in ROWS:
        for seed in row.seeds:
            if (row.scene, row.variant, row.name, seed) not in keys:
                yield row, seed


def main() -> None:
    """Do what is missing, one after the other, saving after each."""
    torch.set_num_threads(1)  # as the gate: each number of threads rounds otherwise, and is another run in the end
    done = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else []
    for row, seed in missing(done):
        entry = measure(row, seed)
        done.append(entry)
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(done, indent=1) + "\n", encoding="utf-8")
        mae = entry["mae"]["all"]
        sys.stderr.write(
            f"{row.scene} {row.variant} {row.name} seed {seed}: MAE {mae['prediction']:.4f}, "
            f"interpolation {mae['interpolation']:.4f}\n"
        )


if __name__ == "__main__":
    main()
