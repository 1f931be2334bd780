"""Rounding alone: how far two sound programs may differ on one input, carried through the layers of the network.

The formulas are those of docs/decisions/rounding-bounds.md.
"""

import copy
import math

import torch
from jaxtyping import Float, Float64
from torch import Tensor, nn
from torch.nn.functional import conv2d

from port.network import FusionCNN


@torch.no_grad()
def rounding_bound(
    network: FusionCNN, images: Float[Tensor, "batch channel row col"]
) -> Float64[Tensor, "batch 1 inner_row inner_col"]:
    """Per pixel of the estimate, what two programs that sum in the images' dtype may differ by, in the same units.

    A sum of n products in unit round-off u is allowed min(6 sqrt(n), n) u times its sum of magnitudes. Errors of
    different elements are independent, so their squares add on the way through a layer; a rectifier adds nothing.
    """
    unit = torch.finfo(images.dtype).eps / 2
    exact = copy.deepcopy(network).double()
    value = images.double()
    error = torch.zeros_like(value)
    for module in exact.children():
        if isinstance(module, nn.Conv2d):
            error = _through(module, value, error, unit)
        value = module(value)
    if network.interpolates is None:
        return error
    inner = slice(network.border_px, -network.border_px)
    magnitude = value.abs() + images.double()[:, network.interpolates, inner, inner].abs().mean(dim=1, keepdim=True)
    return torch.hypot(error, _sum_factor(len(network.interpolates) + 2) * unit * magnitude)


def _through(convolution: nn.Conv2d, value: Tensor, error: Tensor, unit: float) -> Tensor:
    """What errors of a convolution's input become, and what its own sums add."""
    W, b = convolution.weight.abs(), convolution.bias.abs()  # type: ignore[union-attr]
    carried = conv2d(error**2, W**2).sqrt()
    return torch.hypot(carried, _sum_factor(W[0].numel() + 1) * unit * conv2d(value.abs(), W, b))


def _sum_factor(length: int) -> float:
    """How many round-offs the sum of so many terms may err by."""
    return min(6 * math.sqrt(length), float(length))
