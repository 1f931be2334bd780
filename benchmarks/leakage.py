"""What a validation loss is worth: `python -m benchmarks.leakage` trains with a random split and with blocks.

Patches overlap by 25 of 33 pixels, so a random split validates on ground it has trained on. Each run's validation loss
of the last epoch stands beside its error on the test region, which no run has seen; results go to
benchmarks/results/leakage.json, and a run that is there is not done again.
"""

import csv
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch

from port.recipes import recipe
from port.runs import run
from port.settings import Settings

RESULTS = Path(__file__).parent / "results" / "leakage.json"
SPLITS = ("random", "blocks")
SEEDS = (0, 1, 2)
VARIANT = "SOPTIIp"


def measure(split: str, seed: int) -> dict[str, Any]:
    """One run on the synthetic scene of that seed: losses of its last epoch, error in its test region."""
    with tempfile.TemporaryDirectory() as folder:
        done = run(Settings(variant=VARIANT, recipe=recipe(split=split), seed=seed, out=Path(folder)))
        with (done.folder / "loss.csv").open(encoding="utf-8", newline="") as file:
            last = list(csv.DictReader(file))[-1]
        test = json.loads((done.folder / "metrics.json").read_text(encoding="utf-8"))["groups"]["all"]
        return {
            "split": split,
            "seed": seed,
            "training": float(last["training"]),
            "validation": float(last["validation"]),
            "test": test["prediction"]["mae"],
        }


def main() -> None:
    """Do what is missing, one after the other, saving after each."""
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    done = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else []
    known = {(entry["split"], entry["seed"]) for entry in done}
    for split, seed in ((split, seed) for seed in SEEDS for split in SPLITS):
        if (split, seed) not in known:
            done.append(measure(split, seed))
            RESULTS.write_text(json.dumps(done, indent=1) + "\n", encoding="utf-8")
            sys.stderr.write(f"{done[-1]}\n")


if __name__ == "__main__":
    main()
