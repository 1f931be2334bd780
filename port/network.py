"""The fusion network: three valid convolutions with a rectifier between them, 33 x 33 pixels in, 17 x 17 out.

Conv 48 @ 9x9, rectify, conv 32 @ 5x5, rectify, conv 1 @ 5x5 (Scarpa et al. 2018, section 3); nothing is padded, so an
8-pixel border of the input is lost. `Conv2d` correlates: weights of a true convolution pass `port.lasagne_weights`.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from port.bands import Band, variant_bands
from port.errors import SettingError
from port.recipes import Output, Recipe


class Layer(NamedTuple):
    """A convolution: how many filters, of which side."""

    filters: int
    side_px: int


LAYERS = (Layer(48, 9), Layer(32, 5), Layer(1, 5))


def border_px(layers: Iterable[Layer] = LAYERS) -> int:
    """The pixels lost on each side; half the total, by integer division (deviation 14 of the method's notes)."""
    return sum(layer.side_px - 1 for layer in layers) // 2


BORDER_PX = border_px()


class Rectify(nn.Module):
    """max(x, 0), with the gradient at exactly 0 that is asked for.

    Args:
        gradient_at_zero: 0 (PyTorch's relu) or 0.5 (Lasagne's 0.5 (x + |x|)).

    Raises:
        SettingError: another gradient is asked for.
    """

    def __init__(self, gradient_at_zero: float = 0.0) -> None:
        super().__init__()
        if gradient_at_zero not in (0.0, 0.5):
            raise SettingError(
                f"rectify_gradient_at_zero is {gradient_at_zero}; choose 0 (PyTorch's relu) or 0.5 (Lasagne's rectify)"
            )
        self.gradient_at_zero = gradient_at_zero

    def forward(self, x: Tensor) -> Tensor:
        """The rectified tensor, same shape and dtype."""
        return torch.relu(x) if self.gradient_at_zero == 0 else 0.5 * (x + x.abs())

    def extra_repr(self) -> str:
        """What `print(network)` shows."""
        return f"gradient_at_zero={self.gradient_at_zero}"


class SingleFilter(nn.Conv2d):
    """A convolution with one filter, by its rows: they are filters of one row each, side by side, and their sums added.

    Values and gradients are those of `nn.Conv2d` to rounding, in less time: one filter leaves a processor's vectors
    nearly empty. Where products are rounded (autocast), and in what is exported, it is the plain convolution.
    """

    def _conv_forward(
        self, input: Float[Tensor, "batch channel row col"], weight: Tensor, bias: Tensor | None
    ) -> Float[Tensor, "batch 1 inner_row inner_col"]:
        if torch.is_autocast_enabled(input.device.type) or torch.compiler.is_exporting():
            return functional.conv2d(input, weight, bias)
        sums = functional.conv2d(input, weight[0].transpose(0, 1).unsqueeze(2))
        height, inner = len(weight[0, 0]), input.shape[2] - len(weight[0, 0]) + 1
        first, *others = (sums[:, row : row + 1, row : row + inner] for row in range(height))
        total = sum(others, start=first)
        return total if bias is None else total + bias


class FusionCNN(nn.Sequential):
    """Modules conv1, rectify1, conv2, rectify2, conv3, output; input and output in the scaled units of the recipe.

    Args:
        channels: channels of the input.
        output: "linear" (the paper) or "rectify" (the public program, whose output is never negative).
        rectify_gradient_at_zero: see `Rectify`.
        interpolates: the positions of F- and F+ among the channels if what the layers compute is the change to be
            added to the interpolation (F- + F+) / 2; None if they compute NDVI itself.
        layers: the convolutions; the paper's unless a test needs small ones.
    """

    def __init__(
        self,
        channels: int,
        *,
        output: Output = "linear",
        rectify_gradient_at_zero: float = 0.0,
        interpolates: tuple[int, int] | None = None,
        layers: Sequence[Layer] = LAYERS,
    ) -> None:
        modules: OrderedDict[str, nn.Module] = OrderedDict()
        inputs = channels
        for number, layer in enumerate(layers, start=1):
            convolution = SingleFilter if layer.filters == 1 else nn.Conv2d
            modules[f"conv{number}"] = convolution(inputs, layer.filters, layer.side_px)
            modules[f"rectify{number}"] = Rectify(rectify_gradient_at_zero)
            inputs = layer.filters
        modules.popitem()
        modules["output"] = Rectify(rectify_gradient_at_zero) if output == "rectify" else nn.Identity()
        super().__init__(modules)
        self.channels = channels
        self.border_px = border_px(layers)
        self.interpolates = interpolates

    def forward(self, x: Float[Tensor, "batch channel row col"]) -> Float[Tensor, "batch 1 inner_row inner_col"]:
        """The estimate of the pixels at least `border_px` from the input's edge."""
        value = x
        for module in self.children():
            value = module(value)
        return self._completed(value, x)

    def stages(
        self, x: Float[Tensor, "batch channel row col"], by: Mapping[str, Callable[[Tensor], Tensor]] | None = None
    ) -> dict[str, Float[Tensor, "batch _ _ _"]]:
        """Every stage in the order computed: conv1/pre, conv1/out, conv2/pre, conv2/out, conv3/pre, output.

        Where the change is computed, conv3/out stands before the output: what the layers compute, not yet added. `by`
        names what computes a module in its place, such as an engine.
        """
        stages: dict[str, Tensor] = {}
        value = x
        for name, module in self.named_children():
            value = (by or {}).get(name, module)(value)
            stages[name + "/pre" if name.startswith("conv") else name.replace("rectify", "conv") + "/out"] = value
        computed = stages.pop("output/out")
        if self.interpolates is not None:
            stages[list(stages)[-1].replace("/pre", "/out")] = computed
        stages["output"] = self._completed(computed, x)
        return stages

    def _completed(self, computed: Tensor, x: Tensor) -> Tensor:
        """What the layers computed, plus the interpolation of the same pixels where they compute the change only."""
        if self.interpolates is None:
            return computed
        inner = slice(self.border_px, -self.border_px)
        return computed + x[:, self.interpolates, inner, inner].mean(dim=1, keepdim=True)


def make_network(variant: str, recipe: Recipe) -> FusionCNN:
    """The network a recipe asks for, for the variant's channels and in the recipe's precision; its weights are not set.

    Raises:
        SettingError: an unknown variant, or one without F- and F+ where the change against interpolation is predicted.
    """
    bands = variant_bands(variant)
    network = FusionCNN(
        len(bands),
        output=recipe.output,
        rectify_gradient_at_zero=recipe.rectify_gradient_at_zero,
        interpolates=_interpolated(variant) if recipe.predicts == "change" else None,
    )
    return network.to(dtype=getattr(torch, recipe.precision))


def _interpolated(variant: str) -> tuple[int, int]:
    """The positions of F- and F+ among a variant's channels."""
    bands = variant_bands(variant)
    missing = [band.name for band in (Band.NDVI_BEFORE, Band.NDVI_AFTER) if band not in bands]
    if missing:
        raise SettingError(
            f"predicts is 'change', against the interpolation of NDVI_BEFORE and NDVI_AFTER, but variant {variant} has "
            f"no {' and no '.join(missing)}; choose OPTII, SOPTII or SOPTIIp, or predicts 'ndvi'"
        )
    return bands.index(Band.NDVI_BEFORE), bands.index(Band.NDVI_AFTER)
