"""The dataset holds coordinates only: each patch is cut from the band stack and normalised when it is asked for."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.utils.data import Dataset

from port.bands import Band
from port.normalisation import normalise, normalise_target
from port.recipes import Recipe
from port.stacks import TARGET_INDEX, BandStack

_SYMMETRIES = 8  # of a square: four rotations, each with and without a flip


class SentinelPatchDataset(Dataset[tuple[Tensor, Tensor]]):
    """Patches of one scene: (channel, 33, 33) normalised bands and (1, 17, 17) normalised NDVI at t.

    Order and augmentation depend on `seed` and `epoch` alone, so a run is repeatable with any number of workers.
    Patches to validate with (`trains` False) keep their order and are never turned.
    """

    def __init__(
        self,
        stack: BandStack,
        patches: Int[np.ndarray, "patch 2"],
        *,
        bands: Sequence[Band],
        recipe: Recipe,
        border_px: int,
        seed: int = 0,
        trains: bool = True,
    ) -> None:
        self.stack = stack
        self.patches = patches
        self.bands = tuple(bands)
        self.recipe = recipe
        self.border_px = border_px
        self.seed = seed
        self._reshuffles = trains and recipe.reshuffle
        self._augments = trains and recipe.augmentation == "dihedral"
        self.set_epoch(0)

    def __len__(self) -> int:
        return len(self.patches)

    @property
    def channels(self) -> list[int] | slice:
        """Where the bands, and NDVI at t after them, stand in the stack; a slice, read without a copy, if together."""
        channels = [*map(int, self.bands), TARGET_INDEX]
        first, after = channels[0], channels[-1] + 1
        return slice(first, after) if channels == list(range(first, after)) else channels

    def __getitem__(
        self, index: int
    ) -> tuple[Float[Tensor, "channel row col"], Float[Tensor, "1 inner_row inner_col"]]:
        inputs, targets = self.batch([index])
        return inputs[0], targets[0]

    def set_epoch(self, epoch: int) -> None:
        """Draw the epoch's order and symmetries."""
        self.order, self.symmetry = self.drawn(epoch, len(self.patches))

    def drawn(self, epoch: int, count: int) -> tuple[Int[np.ndarray, "count"], Int[np.ndarray, "count"]]:
        """An epoch's order of so many things, and which of the square's symmetries each is turned by."""
        generator = np.random.default_rng((self.seed, epoch))
        order = generator.permutation(count) if self._reshuffles else np.arange(count)
        return order, generator.integers(_SYMMETRIES, size=count) if self._augments else np.zeros(count, dtype=int)

    def batch(
        self, indices: Sequence[int] | Int[np.ndarray, "batch"]
    ) -> tuple[Float[Tensor, "batch channel row col"], Float[Tensor, "batch 1 inner_row inner_col"]]:
        """Inputs and targets of several patches, in the recipe's precision."""
        inputs, targets = self.stored(indices)
        normalised = normalise(inputs, self.bands, self.recipe.scaling)
        return torch.from_numpy(normalised), torch.from_numpy(normalise_target(targets, self.recipe.scaling))

    def stored(
        self, indices: Sequence[int] | Int[np.ndarray, "batch"]
    ) -> tuple[Float[np.ndarray, "batch channel row col"], Float[np.ndarray, "batch 1 inner_row inner_col"]]:
        """Inputs and targets of several patches as cut from the scene and turned, in stored units."""
        index, side = np.asarray(indices, dtype=np.intp), self.recipe.patch_side_px
        pixels, channels = np.asarray(self.stack.pixels), self.channels
        cut = np.empty((len(index), len(self.bands) + 1, side, side), dtype=self.recipe.precision)
        corners, symmetries = self.patches[index].tolist(), self.symmetry[index].tolist()
        for image, (row, col), symmetry in zip(cut, corners, symmetries, strict=True):
            stored = pixels[channels, row : row + side, col : col + side]
            # turned where it lies close together: columns of a whole scene are far apart
            image[:] = transformed(stored.copy(), symmetry) if symmetry else stored
        inner = slice(self.border_px, side - self.border_px)
        return cut[:, :-1], cut[:, -1:, inner, inner]

    def batches(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """All batches of an epoch in its order."""
        for indices in self.batch_indices(epoch):
            yield self.batch(indices)

    def batch_items(self, epoch: int) -> Iterator[Int[np.ndarray, "batch"]]:
        """The patches of each batch of an epoch, to be shared out."""
        return self.batch_indices(epoch)

    def patch_count(self, indices: Sequence[int] | Int[np.ndarray, "batch"]) -> int:
        """How many patches those are."""
        return len(indices)

    def batch_indices(self, epoch: int) -> Iterator[Int[np.ndarray, "batch"]]:
        """Which patches each batch of an epoch holds; an incomplete last one is kept or dropped as the recipe says."""
        self.set_epoch(epoch)
        size = self.recipe.batch_size
        stop = len(self) if self.recipe.last_batch == "keep" else len(self) - len(self) % size
        for start in range(0, stop, size):
            yield self.order[start : min(start + size, stop)]


def transformed(
    image: Float[np.ndarray, "channel row col"], symmetry: int
) -> Float[np.ndarray, "channel new_row new_col"]:
    """One of the square's eight symmetries, by number: 0 leaves it; % 4 quarter turns, then a flip from 4 on."""
    turns = symmetry % 4  # as np.rot90, which takes as long as the copy
    rows, cols = (-1 if turns in (1, 2) else 1), (-1 if turns in (2, 3) else 1)
    turned = image.swapaxes(-2, -1) if turns % 2 else image
    return turned[..., ::rows, :: -cols if symmetry >= 4 else cols]
