"""What dense blocks cost in accuracy: `python -m benchmarks.batching` trains by patches and by blocks, seed by seed.

A batch of whole blocks holds patches that lie together, which a batch of patches does not, so that each is another
training, though every gradient is its patches' own; and a faster one, which can afford more epochs. Results go to
benchmarks/results/batching.json, and a run that is there is not done again.
"""

import json
import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

from benchmarks.accuracy import DATA, REAL
from port.recipes import recipe
from port.regions import Region
from port.runs import run
from port.settings import Settings
from port.synthetic import write_synthetic_scene

RESULTS = Path(__file__).parent / "results" / "batching.json"
LONGER = "blocks, twice the epochs"
BATCHINGS: Mapping[str, dict[str, Any]] = {
    "patches": {"batching": "patches"},
    "blocks": {"batching": "blocks"},
    LONGER: {"batching": "blocks", "epochs": 2 * recipe().epochs},
}
"""The ways to train that are compared: what is replaced in the recipe."""


@dataclass(frozen=True)
class Row:
    """A scene (its side where it is synthetic), a variant and a batch size."""

    scene: str
    variant: str
    batch_size: int
    seeds: tuple[int, ...]
    side_px: int = 0


ROWS = (
    Row(REAL, "SOPTII", 8, (0, 1, 2, 3, 4)),
    Row("synthetic", "SOPTIIp", 8, (0, 1), 256),
    Row("synthetic", "SOPTIIp", 128, (0, 1, 2), 512),
)


def measure(row: Row, batching: str, seed: int) -> dict[str, Any]:
    """One run: its error in the test region, that of interpolation, and how long all of it took."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        size = (row.side_px, row.side_px)
        data = write_synthetic_scene(folder / "scene", size_px=size, seed=seed) if row.side_px else DATA / row.scene
        settings = Settings(
            variant=row.variant,
            recipe=recipe(**BATCHINGS[batching], batch_size=row.batch_size),
            data=data,
            test_region=None if row.side_px else Region.parse("60:100,0:100"),
            seed=seed,
            out=folder,
        )
        began = perf_counter()
        found = run(settings).comparisons["all"]
    return {
        "scene": f"synthetic {row.side_px}x{row.side_px}" if row.side_px else row.scene,
        "variant": row.variant,
        "batch_size": row.batch_size,
        "batching": batching,
        "seed": seed,
        "mae": found.prediction.mae,
        "interpolation": found.interpolation.mae,
        "seconds": round(perf_counter() - began, 1),
    }


def main() -> None:
    """Do what is missing, one after the other, saving after each."""
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", len(os.sched_getaffinity(0)))))
    done = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else []
    names = ("scene", "batch_size", "batching", "seed")
    known = {tuple(entry[name] for name in names) for entry in done}
    for row in ROWS:
        scene = f"synthetic {row.side_px}x{row.side_px}" if row.side_px else row.scene
        for seed in row.seeds:
            for batching in BATCHINGS:
                if (scene, row.batch_size, batching, seed) not in known:
                    done.append(measure(row, batching, seed))
                    RESULTS.write_text(json.dumps(done, indent=1) + "\n", encoding="utf-8")
                    sys.stderr.write(f"{done[-1]}\n")


if __name__ == "__main__":
    main()
