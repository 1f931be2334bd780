"""What part of an epoch is spent in the data loader: `python -m benchmarks.loader` measures it on 15,200 patches.

The epoch is the product's own (`port.training.trained`); the time until each batch is there is the loader's.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator
from time import perf_counter
from types import SimpleNamespace
from typing import Any, TypeVar

import numpy as np
import torch

from port.bands import Band
from port.blocks import in_batches
from port.dataset import SentinelPatchDataset
from port.engines import DEFAULT, EngineName, forward_by
from port.network import BORDER_PX, FusionCNN
from port.recipes import Recipe, recipe
from port.training import make_optimiser, trained

PATCHES, BATCH = 15_200, 128
GRID = 125
"""Patches along each side of the scene: the smallest square that holds so many, 1025 px at stride 8."""
RECIPES = (
    recipe("original"),
    recipe("corrected", batch_size=BATCH),
    recipe("tuned", batch_size=BATCH),
    recipe("corrected", batch_size=BATCH, batching="blocks"),
)
Item = TypeVar("Item")


class Stopwatch:
    """Adds up the time that something takes to give its items."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def over(self, items: Iterable[Item]) -> Iterator[Item]:
        """The items, each one's waiting time taken."""
        waiting = iter(items)
        while True:
            started = perf_counter()
            try:
                item = next(waiting)
            except StopIteration:
                return
            finally:
                self.seconds += perf_counter() - started
            yield item


def synthetic_dataset(chosen: Recipe, patches: int = PATCHES) -> SentinelPatchDataset:
    """So many patches of noise at the recipe's stride."""
    starts = np.arange(GRID) * chosen.stride_px + chosen.patch_origin_px
    side = int(starts[-1]) + chosen.patch_side_px
    random = np.random.default_rng(0)
    stack: Any = SimpleNamespace(pixels=random.random((len(Band) + 1, side, side), dtype=np.float32))
    corners = np.stack(np.meshgrid(starts, starts, indexing="ij"), axis=-1).reshape(-1, 2)[:patches]
    return SentinelPatchDataset(stack, corners, bands=tuple(Band), recipe=chosen, border_px=BORDER_PX)


def epoch(chosen: Recipe, engine: EngineName = DEFAULT, patches: int = PATCHES) -> dict[str, Any]:
    """One epoch's seconds in the loader and in all, and their ratio; the first batch, which warms up, is not counted."""
    torch.manual_seed(0)
    network, watch = FusionCNN(len(Band)), Stopwatch()
    optimiser = make_optimiser(chosen, network.parameters())
    batches = watch.over(in_batches(synthetic_dataset(chosen, patches)).batches(0))
    steps = trained(network, optimiser, batches, forward=forward_by(network, engine))
    next(steps)
    started, before = perf_counter(), watch.seconds
    seen = sum(size for _, size in steps)
    whole, loading = perf_counter() - started, watch.seconds - before
    told = {"recipe": chosen.name, "batching": chosen.batching, "engine": engine, "patches": seen}
    return {**told, "loader_s": loading, "epoch_s": whole, "share": loading / whole}


def measure(patches: int = PATCHES) -> list[dict[str, Any]]:
    """An epoch of each of RECIPES."""
    return [epoch(chosen, patches=patches) for chosen in RECIPES]


def main() -> None:
    """Print each epoch as a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patches", type=int, default=PATCHES)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    for found in measure(given.patches):
        sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
