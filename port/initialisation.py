"""An initialisation draws a network's start from a seed: as Lasagne draws it, or as PyTorch does."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import nn

from port.errors import SettingError
from port.lasagne_weights import as_weight
from port.network import FusionCNN
from port.recipes import Filters, Initialisation

DEVIATION = 0.001  # paper: weights N(0, 0.001), biases 0


@torch.no_grad()
def initialise(network: FusionCNN, how: Initialisation, *, seed: int, filters: Filters = "flipped") -> None:
    """Set all weights and biases, drawn in float64, so a seed gives the same network in every precision.

    "normal-0.001": the numbers that Lasagne's `init.Normal(0.001)` draws after
    `lasagne.random.set_rng(numpy.random.RandomState(seed))`, filters from the first layer to the last, biases 0.
    "pytorch": both uniform within 1 / sqrt(inputs of a filter), what `Conv2d` draws for itself.

    Raises:
        SettingError: a seed that numpy's RandomState does not take.
    """
    if how == "pytorch":
        _draw_uniform(network, torch.Generator().manual_seed(seed))
    else:
        _draw_normal(network, seed, filters)


def _convolutions(network: FusionCNN) -> Iterator[nn.Conv2d]:
    return (module for module in network.children() if isinstance(module, nn.Conv2d))


def _draw_normal(network: FusionCNN, seed: int, filters: Filters) -> None:
    if not 0 <= seed < 2**32:
        raise SettingError(f"seed {seed} cannot start numpy's RandomState; choose one from 0 to {2**32 - 1}")
    random = np.random.RandomState(seed)
    for convolution in _convolutions(network):
        drawn = random.normal(0, DEVIATION, size=tuple(convolution.weight.shape))
        convolution.weight.copy_(as_weight(drawn, filters))
        nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]


def _draw_uniform(network: FusionCNN, generator: torch.Generator) -> None:
    for convolution in _convolutions(network):
        bound = convolution.weight[0].numel() ** -0.5
        for parameter in convolution.parameters():
            parameter.copy_(
                torch.zeros(parameter.shape, dtype=torch.float64).uniform_(-bound, bound, generator=generator)
            )
