"""What the port's network is, asked of the network itself as recipe `original` makes it."""

import torch
from torch import nn

from port.initialisation import initialise
from port.network import FusionCNN, make_network
from port.recipes import recipe

VARIANT = "SOPTIIp"


def filter_shapes(variant: str) -> list[list[int]]:
    """(out, in, row, col) of each convolution."""
    return [list(convolution.weight.shape) for convolution in _convolutions(_network(variant))]


def parameters(variant: str) -> int:
    """All weights and biases."""
    return sum(parameter.numel() for parameter in _network(variant).parameters())


def sides() -> list[int]:
    """The side of a patch and of each convolution's maps, in pixels."""
    network, side = _network(), recipe("original").patch_side_px
    stages = network.stages(torch.zeros(1, network.channels, side, side, dtype=next(network.parameters()).dtype))
    return [side, *(maps.shape[-1] for name, maps in stages.items() if name.endswith("/pre"))]


def padding() -> list[list[int]]:
    """What each convolution adds around its input, in pixels."""
    return [[int(pixels) for pixels in convolution.padding] for convolution in _convolutions(_network())]


def border() -> int:
    """The pixels lost on each side."""
    return _network().border_px


def rectifier() -> list[float]:
    """What the first rectifier makes of -2, 0 and 3."""
    values: list[float] = _network().rectify1(torch.tensor([-2.0, 0.0, 3.0])).tolist()
    return values


def rectifier_gradient() -> list[float]:
    """The first rectifier's gradient at -2, 0 and 3."""
    at = torch.tensor([-2.0, 0.0, 3.0], requires_grad=True)
    (gradient,) = torch.autograd.grad(_network().rectify1(at).sum(), at)
    return [float(value) for value in gradient]


@torch.no_grad()
def output_of_minus_one(recipe_name: str) -> float:
    """What the network gives where its last convolution gives -1."""
    network = _network(recipe_name=recipe_name)
    for parameter in network.parameters():
        parameter.zero_()
    network.conv3.bias.fill_(-1.0)
    return float(network(torch.zeros(1, network.channels, 17, 17, dtype=network.conv3.bias.dtype)))


def weight_mean() -> float:
    """The mean of all weights as first drawn."""
    return float(_drawn("weight").mean())


def weight_deviation() -> float:
    """Their standard deviation."""
    return float(_drawn("weight").std())


def weights_within_deviation() -> float:
    """Their share within one deviation of their mean."""
    drawn = _drawn("weight")
    return float(((drawn - drawn.mean()).abs() < drawn.std()).double().mean())


def largest_bias() -> float:
    """The largest bias as first drawn, either sign."""
    return float(_drawn("bias").abs().max())


def _network(variant: str = VARIANT, recipe_name: str = "original") -> FusionCNN:
    """A network of the recipe."""
    return make_network(variant, recipe(recipe_name))


def _convolutions(network: FusionCNN) -> list[nn.Conv2d]:
    """Its convolutions, in order."""
    return [module for module in network.children() if isinstance(module, nn.Conv2d)]


def _drawn(kind: str) -> torch.Tensor:
    """All weights, or all biases, as drawn by `original` from seed 0, in one row of float64."""
    network = _network()
    initialise(network, recipe("original").initialisation, seed=0)
    return torch.cat([getattr(convolution, kind).detach().double().ravel() for convolution in _convolutions(network)])
