"""What part of an epoch is spent in the data loader: `python -m benchmarks.loader` measures it on 15,200 patches.

The epoch is the product's own (`port.training.trained`); the time until each batch is there is the loader's.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from time import perf_counter
from typing import Any, TypeVar

import numpy as np
import torch

from port.bands import Band
from port.blocks import in_batches
from port.dataset import SentinelPatchDataset
from port.engines import DEFAULT, EngineName, forward_by
from port.heap import keep_freed
from port.network import BORDER_PX, FusionCNN
from port.recipes import Recipe, recipe
from port.stacks import BandStack
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
ENGINES: tuple[EngineName, ...] = (DEFAULT, "bfloat16")
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


class NoiseStack(BandStack):
    """A band stack of noise, of so many pixels each way; on disk, as a scene's is."""

    def __init__(self, side_px: int) -> None:
        shape = (len(Band) + 1, side_px, side_px)
        with tempfile.TemporaryFile() as file:
            file.write(np.random.default_rng(0).random(shape, dtype=np.float32).tobytes())
            file.flush()
            self.pixels = np.memmap(file, dtype=np.float32, mode="r", shape=shape)


def noise_dataset(chosen: Recipe, patches: int = PATCHES, grid: int = GRID) -> SentinelPatchDataset:
    """The first so many patches of a square scene of noise with `grid` patches each way, at the recipe's stride."""
    starts = np.arange(grid) * chosen.stride_px + chosen.patch_origin_px
    stack = NoiseStack(int(starts[-1]) + chosen.patch_side_px)
    corners = np.stack(np.meshgrid(starts, starts, indexing="ij"), axis=-1).reshape(-1, 2)[:patches]
    return SentinelPatchDataset(stack, corners, bands=tuple(Band), recipe=chosen, border_px=BORDER_PX)


def epoch(chosen: Recipe, engine: EngineName = DEFAULT, patches: int = PATCHES) -> dict[str, Any]:
    """One epoch's seconds in the loader and in all, and their ratio; the first batch warms up, and is not counted."""
    torch.manual_seed(0)
    network, watch = FusionCNN(len(Band)), Stopwatch()
    optimiser = make_optimiser(chosen, network.parameters())
    batches = watch.over(in_batches(noise_dataset(chosen, patches)).batches(0))
    steps = trained(network, optimiser, batches, forward=forward_by(network, engine))
    next(steps)
    started, before = perf_counter(), watch.seconds
    seen = sum(size for _, size in steps)
    whole, loading = perf_counter() - started, watch.seconds - before
    told = {"recipe": chosen.name, "batching": chosen.batching, "engine": engine, "patches": seen}
    return {**told, "loader_s": loading, "epoch_s": whole, "share": loading / whole}


def measure(patches: int = PATCHES) -> list[dict[str, Any]]:
    """An epoch of each of RECIPES by the default engine, and by bfloat16, whose steps are shorter."""
    return [epoch(chosen, engine, patches) for engine in ENGINES for chosen in RECIPES]


def main() -> None:
    """Print each epoch as a line of JSON."""
    keep_freed()  # as training does
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patches", type=int, default=PATCHES)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    for found in measure(given.patches):
        sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
