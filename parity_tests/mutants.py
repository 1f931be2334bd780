"""Wrong ports: `python -m parity_tests.mutants NAME REQUEST TRACE --teacher=LEGACY` records one with a mistake planted.

Each mutation names the stage where the mistake must first show.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from port import __main__ as command_line
from port import lasagne_weights, recording


@dataclass(frozen=True)
class Mutant:
    """A mistake: how it is planted, and the first stage to show it."""

    plant: Callable[[], None]
    stage: str


def _filters_not_flipped() -> None:
    """Filters are copied as they are, in both directions: the port does not know that Lasagne flips them."""

    def to_torch(W: np.ndarray) -> Tensor:
        return torch.from_numpy(W.copy())

    def from_torch(weight: Tensor) -> np.ndarray:
        return weight.detach().numpy().copy()

    lasagne_weights.to_torch = to_torch
    lasagne_weights.from_torch = from_torch


def _second_filters_flipped_again() -> None:
    """The layer conv2 convolves with weights that were flipped so that it could correlate."""
    correlate = torch.nn.Conv2d._conv_forward

    def mutated(self: torch.nn.Conv2d, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return correlate(self, x, weight.flip(2, 3) if self.in_channels == 48 else weight, bias)

    torch.nn.Conv2d._conv_forward = mutated


def _channels_4_and_5_exchanged() -> None:
    """VV and VH at t+1 are read in the other order."""
    in_order = recording.normalise

    def mutated(raw: np.ndarray, *arguments: object) -> np.ndarray:
        return in_order(raw[:, [0, 1, 2, 3, 5, 4, 6, 7, 8]], *arguments)

    recording.normalise = mutated


MUTANTS: Mapping[str, Mutant] = {
    "filters-not-flipped": Mutant(_filters_not_flipped, "conv1/pre"),
    "conv2-filters-flipped-again": Mutant(_second_filters_flipped_again, "conv2/pre"),
    "channels-4-and-5-exchanged": Mutant(_channels_4_and_5_exchanged, "batch/normalised"),
}


if __name__ == "__main__":
    name, *arguments = sys.argv[1:]
    MUTANTS[name].plant()
    sys.argv = ["port", "record", *arguments]
    command_line.main()
