"""A share is what one process trains on: of each batch its own part, none of another's."""

from collections.abc import Iterator

import numpy as np
from torch import Tensor

from port.blocks import BlockDataset
from port.dataset import SentinelPatchDataset
from port.processes import Processes
from port.training import Batch, WeightedBatch


class Shares:
    """One process's share of a dataset's batches: consecutive parts, as equal as may be.

    A process for which a batch has nothing left computes its first item without weight, for all must take part.
    """

    def __init__(self, dataset: SentinelPatchDataset | BlockDataset, processes: Processes) -> None:
        self.dataset, self.processes = dataset, processes

    def __len__(self) -> int:
        """The number of patches, of all processes together."""
        return len(self.dataset)

    def batches(self, epoch: int) -> Iterator[WeightedBatch]:
        """The process's own part of each batch of an epoch, in its order."""
        for items in self.dataset.batch_items(epoch):
            mine = np.array_split(items, self.processes.count)[self.processes.rank]
            whole = self.dataset.patch_count(items)
            part = self.processes.count * self.dataset.patch_count(mine) / whole
            inputs, targets, weights = _weighted(self.dataset.batch(mine if len(mine) else items[:1]))
            device = self.processes.device
            yield WeightedBatch(inputs.to(device), targets.to(device), (weights * part).to(device), whole)


def _weighted(batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    """A batch's inputs, targets and weights, which add up to 1."""
    if isinstance(batch, WeightedBatch):
        return batch.inputs, batch.targets, batch.weights
    inputs, targets = batch
    return inputs, targets, targets.new_full(targets.shape, 1 / targets.numel())
