"""A block is a square of the patch grid that one dense pass computes: each pixel once, however many patches cover it.

Neighbouring patches overlap (stride 8, side 33), and one by one each pixel is computed about five times. The mean error
over a block's patches is a mean over its pixels, each weighted by the number of patches whose target covers it; so the
loss and its gradients are those of the patches, up to rounding. Patches that are masked are left out of the weights.
"""

from collections.abc import Iterator, Sequence
from math import isqrt

import numpy as np
import torch
from jaxtyping import Bool, Int

from port.dataset import SentinelPatchDataset, transformed
from port.normalisation import normalise, normalise_target
from port.training import WeightedBatch

MOST_PATCHES = 8
"""Side of the largest block, in patches: 64 patches in 89 x 89 px, where the patches alone are 5.4 times the work."""


def block_side(batch_size: int) -> int:
    """Side of a block in patches: as large as a batch allows, and at most `MOST_PATCHES`."""
    return min(MOST_PATCHES, isqrt(batch_size))


class BlockDataset:
    """The patches of a dataset in batches of whole blocks.

    A batch takes blocks, in the epoch's order, until it has at least the recipe's batch size in patches. Blocks are
    reshuffled and turned as patches are: each epoch anew, each block as a whole.
    """

    def __init__(self, dataset: SentinelPatchDataset) -> None:
        recipe = dataset.recipe
        self.dataset, self.side = dataset, block_side(recipe.batch_size)
        grid = (dataset.patches - recipe.patch_origin_px) // recipe.stride_px
        # blocks are numbered as they first appear in the list of patches
        corners, first, block = np.unique(grid // self.side, axis=0, return_index=True, return_inverse=True)
        order = np.argsort(first)
        self.corners: Int[np.ndarray, "block 2"] = (
            corners[order] * self.side * recipe.stride_px + recipe.patch_origin_px
        )
        of_patch = np.argsort(order)[block.reshape(-1)]
        ends = np.cumsum(np.bincount(of_patch, minlength=len(corners)))
        self._patches = np.split(np.argsort(of_patch, kind="stable"), ends[:-1])
        self._places = grid % self.side
        self.symmetry = dataset.drawn(0, len(self.corners))[1]
        self._seen_by = _cover(self.side, recipe.patch_side_px, recipe.stride_px)
        self._targets_of = _cover(self.side, recipe.patch_side_px - 2 * dataset.border_px, recipe.stride_px)
        self._complete = self._counts(np.ones((self.side, self.side), dtype=bool))

    def __len__(self) -> int:
        """The number of patches."""
        return len(self.dataset)

    def batches(self, epoch: int) -> Iterator[WeightedBatch]:
        """All batches of an epoch in its order."""
        for blocks in self.batch_items(epoch):
            yield self.batch(blocks)

    def batch_items(self, epoch: int) -> Iterator[Int[np.ndarray, "block"]]:
        """Which blocks each batch of an epoch holds; an incomplete last batch is kept or dropped as the recipe says."""
        order, self.symmetry = self.dataset.drawn(epoch, len(self.corners))
        recipe, taken = self.dataset.recipe, list[int]()
        for number in order.tolist():
            taken.append(number)
            if self.patch_count(taken) >= recipe.batch_size:
                yield np.array(taken)
                taken = []
        if taken and recipe.last_batch == "keep":
            yield np.array(taken)

    def batch_indices(self, epoch: int) -> Iterator[Int[np.ndarray, "patch"]]:
        """Which patches each batch of an epoch holds."""
        for blocks in self.batch_items(epoch):
            yield np.concatenate([self._patches[number] for number in blocks])

    def patch_count(self, blocks: Sequence[int] | Int[np.ndarray, "block"]) -> int:
        """How many patches some blocks hold."""
        return sum(len(self._patches[number]) for number in blocks)

    def batch(self, blocks: Sequence[int] | Int[np.ndarray, "block"]) -> WeightedBatch:
        """Inputs, targets and weights of several blocks, in the recipe's precision.

        What no patch sees is 0, so that nothing masked reaches the network.
        """
        inputs, targets, weights = self._stored(blocks)
        scaling, patches = self.dataset.recipe.scaling, self.patch_count(blocks)
        weights /= patches * (self.dataset.recipe.patch_side_px - 2 * self.dataset.border_px) ** 2
        return WeightedBatch(
            torch.from_numpy(normalise(inputs, self.dataset.bands, scaling)),
            torch.from_numpy(normalise_target(targets, scaling)),
            torch.from_numpy(weights),
            patches,
        )

    def _stored(self, blocks: Sequence[int] | Int[np.ndarray, "block"]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Inputs and targets in stored units, and how many patches' targets cover each pixel; turned."""
        length, border = self._seen_by.shape[1], self.dataset.border_px
        stacked, bands = np.asarray(self.dataset.stack.pixels), len(self.dataset.bands)
        cut = np.zeros((len(blocks), bands + 2, length, length), dtype=self.dataset.recipe.precision)
        for image, number in zip(cut, map(int, blocks), strict=True):
            row, col = self.corners[number]
            pixels = stacked[self.dataset.channels, row : row + length, col : col + length]
            there = self._there(number)
            seen, targets = self._complete if there.all() else self._counts(there)
            rows, cols = pixels.shape[1:]
            image[:-1, :rows, :cols] = pixels if seen.all() else np.where(seen[:rows, :cols] > 0, pixels, 0)
            image[-1, border:-border, border:-border] = targets
            if self.symmetry[number]:
                image[:] = transformed(image.copy(), int(self.symmetry[number]))
        inner = (..., slice(border, -border), slice(border, -border))
        return cut[:, :-2], cut[:, -2:-1][inner], cut[:, -1:][inner].copy()

    def _counts(self, there: Bool[np.ndarray, "side side"]) -> tuple[np.ndarray, np.ndarray]:
        """How many of those patches see each pixel, and how many have it in their target."""
        return _covering(there, self._seen_by), _covering(there, self._targets_of)

    def _there(self, number: int) -> Bool[np.ndarray, "side side"]:
        """Which patches of a block's grid are in the dataset."""
        there = np.zeros((self.side, self.side), dtype=bool)
        there[tuple(self._places[self._patches[number]].T)] = True
        return there


def in_batches(dataset: SentinelPatchDataset) -> SentinelPatchDataset | BlockDataset:
    """The dataset's patches in batches as its recipe makes them: one by one, or whole blocks."""
    return BlockDataset(dataset) if dataset.recipe.batching == "blocks" else dataset


def _cover(count: int, side_px: int, stride_px: int) -> Int[np.ndarray, "patch pixel"]:
    """Along one axis: 1 where a patch's pixels are, for patches `stride_px` apart."""
    pixel, start = np.arange(side_px + (count - 1) * stride_px), stride_px * np.arange(count)[:, None]
    return ((start <= pixel) & (pixel < start + side_px)).astype(int)


def _covering(there: Bool[np.ndarray, "side side"], cover: Int[np.ndarray, "side pixel"]) -> Int[np.ndarray, "row col"]:
    """How many of a block's patches cover each pixel."""
    counts: np.ndarray = cover.T @ there @ cover
    return counts
