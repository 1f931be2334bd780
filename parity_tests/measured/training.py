"""How the port trains by recipe `original`: told by its batches, its steps and its loss, not by its settings."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor, nn

from parity_tests.measured.small_scene import small_scene
from port.bands import variant_bands
from port.dataset import SentinelPatchDataset
from port.network import BORDER_PX
from port.patches import patch_grid
from port.recipes import recipe
from port.splits import split_patches
from port.stacks import BandStack
from port.training import Batch, learning_rate, make_optimiser, train, trained

VARIANT = "SOPTIIp"
_MANY = 100_000  # patches, of a scene that has more than the limit


class _Counted(SentinelPatchDataset):
    """Batches whose patches are told by number, not cut: `sizes` and `order` of an epoch."""

    def batch(self, indices: Sequence[int] | Int[np.ndarray, "batch"]) -> Batch:
        """The patches' numbers, twice."""
        numbers = torch.as_tensor(np.asarray(indices), dtype=torch.float64).reshape(-1, 1, 1, 1)
        return numbers, numbers

    def told(self, epoch: int) -> list[list[int]]:
        """The numbers of each batch's patches."""
        return [[int(number) for number in inputs.ravel()] for inputs, _ in self.batches(epoch)]


class _OnePatch:
    """The least that can be trained on: one number, always 0, as input and target."""

    def __len__(self) -> int:
        return 1

    def batches(self, epoch: int) -> Iterator[Batch]:
        """One batch."""
        zero = torch.zeros(1, 1, 1, 1)
        yield zero, zero


def patch_shape() -> list[int]:
    """(channels, rows, columns) of what the network is trained on."""
    return list(_first_pair()[0].shape)


def target_shape() -> list[int]:
    """(1, rows, columns) of what it is to give."""
    return list(_first_pair()[1].shape)


def batch_size() -> int:
    """The patches of the first batch."""
    with _counted("training") as patches:
        return len(patches.told(0)[0])


def batches_an_epoch(part: str) -> int:
    """The batches of an epoch in training or validation."""
    with _counted(part) as patches:
        return len(patches.told(0))


def order_of_later_epochs() -> str:
    """Whether the second and the last epoch have the first one's order."""
    with _counted("training") as patches:
        first, *later = (patches.told(epoch) for epoch in (0, 1, recipe("original").epochs - 1))
    in_a_row = [number for batch in first for number in batch] == list(range(sum(map(len, first))))
    return "as the first" if in_a_row and all(order == first for order in later) else "another"


def epochs() -> int:
    """How many epochs a training runs to its end."""
    original = recipe("original")
    network = nn.Conv2d(1, 1, 1)
    optimiser = make_optimiser(original, network.parameters())
    return sum(1 for _ in train(network, _OnePatch(), _OnePatch(), original, optimiser=optimiser))


def learning_rates() -> list[float]:
    """The rate in the first, the middle and the last epoch."""
    original = recipe("original")
    return [learning_rate(original, epoch) for epoch in (0, original.epochs // 2, original.epochs - 1)]


def momentum() -> float:
    """The share of the first step that the second repeats."""
    first, second, _ = momentum_path()
    return (second - 2 * first) / first


def momentum_path() -> list[float]:
    """Where a weight from 0 stands after three steps along a gradient of 1, the third at half the rate."""
    original = recipe("original")
    weight = nn.Parameter(torch.zeros((), dtype=torch.float64))
    optimiser = make_optimiser(original, [weight])
    path = []
    for share in (1.0, 1.0, 0.5):
        optimiser.param_groups[0]["lr"] = original.learning_rate * share
        weight.grad = torch.ones_like(weight)
        optimiser.step()
        path.append(weight.item())
    return path


def loss() -> float:
    """What a training step minimises, of estimates that are 1 too high and 3 too low."""
    network = nn.Conv2d(1, 1, 1, bias=False)
    nn.init.ones_(network.weight)
    optimiser = make_optimiser(recipe("original"), network.parameters())
    estimate, truth = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 3.0])
    ((value, _),) = trained(network, optimiser, [(estimate.reshape(1, 1, 1, 2), truth.reshape(1, 1, 1, 2))])
    return value


def _first_pair() -> tuple[Tensor, Tensor]:
    """The first patch of a small scene and its target, as `original` cuts them."""
    original = recipe("original")
    with small_scene() as scene, BandStack(scene) as stack:
        corners = patch_grid(scene.shape, side_px=original.patch_side_px, stride_px=original.stride_px, origin_px=1)
        bands = variant_bands(VARIANT)
        return SentinelPatchDataset(stack, corners, bands=bands, recipe=original, border_px=BORDER_PX)[0]


@contextmanager
def _counted(part: str) -> Iterator[_Counted]:
    """The original's training or validation patches of a scene with more than its limit; they are counted, not cut."""
    original = recipe("original")
    corners = np.stack([np.arange(_MANY), np.arange(_MANY)], axis=1)
    split = split_patches(corners, original, seed=0)
    with small_scene() as scene, BandStack(scene) as stack:
        yield _Counted(stack, getattr(split, part), bands=variant_bands(VARIANT), recipe=original, border_px=BORDER_PX)
