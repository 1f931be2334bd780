"""The network is the paper's: its sizes, its stages by name, its rectifier's gradient."""

from collections.abc import Sequence

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.functional import conv2d

from port.bands import VARIANTS
from port.errors import SettingError
from port.initialisation import initialise
from port.network import BORDER_PX, FusionCNN, Layer, Rectify, SingleFilter, border_px, make_network
from port.recipes import recipe

SMALL = (Layer(3, 5), Layer(2, 3), Layer(1, 3))


def generator(seed: int = 0) -> torch.Generator:
    """A seeded generator."""
    return torch.Generator().manual_seed(seed)


def started(channels: int, **choices: object) -> FusionCNN:
    """A small float64 network with the default start."""
    network = FusionCNN(channels, layers=SMALL, **choices).double()
    initialise(network, "pytorch", seed=0)
    return network


def test_border_is_eight_whole_pixels() -> None:
    """(8 + 4 + 4) // 2 is 8 and an int, under any version of Python."""
    assert BORDER_PX == 8
    assert isinstance(BORDER_PX, int)


@given(sides=st.lists(st.integers(0, 6).map(lambda half: 2 * half + 1), min_size=1, max_size=4))
def test_border_is_what_the_layers_lose(sides: list[int]) -> None:
    """An output is smaller than its input by the border on both sides."""
    layers = [Layer(1, side) for side in sides]
    length = sum(sides) + 3
    assert FusionCNN(1, layers=layers)(torch.zeros(1, 1, length, length)).shape[-1] == length - 2 * border_px(layers)


@pytest.mark.parametrize("variant", VARIANTS)
def test_stages_have_the_paper_s_sizes(variant: str) -> None:
    """33 x 33 pixels become 25, 21 and 17 on a side, in 48, 32 and 1 maps, for each variant's channels."""
    network = make_network(variant, recipe())
    shapes = {
        name: tuple(stage.shape) for name, stage in network.stages(torch.zeros(2, network.channels, 33, 33)).items()
    }
    assert shapes == {
        "conv1/pre": (2, 48, 25, 25),
        "conv1/out": (2, 48, 25, 25),
        "conv2/pre": (2, 32, 21, 21),
        "conv2/out": (2, 32, 21, 21),
        "conv3/pre": (2, 1, 17, 17),
        "output": (2, 1, 17, 17),
    }


@pytest.mark.parametrize(
    "choices", [{}, {"output": "rectify"}, {"interpolates": (0, 1)}], ids=["linear", "rectify", "change"]
)
def test_last_stage_is_the_output(choices: dict[str, object]) -> None:
    """The traced output is the computed one, bit for bit."""
    network = started(2, **choices)
    x = torch.randn(2, 2, 13, 12, dtype=torch.float64, generator=generator(1))
    assert torch.equal(network.stages(x)["output"], network(x))


@pytest.mark.parametrize("side", [(5, 5), (3, 4), (1, 2), (2, 1)], ids=lambda side: "x".join(map(str, side)))
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last], ids=["nchw", "nhwc"])
def test_single_filter_is_the_plain_convolution(side: tuple[int, int], memory_format: torch.memory_format) -> None:
    """Row by row: values, and gradients by input, filter and bias; of whole numbers, so that every sum is exact."""
    layer = SingleFilter(7, 1, side).double()
    for parameter in layer.parameters():
        parameter.data = _whole(parameter.shape)
    x = _whole((3, 7, 11, 9)).to(memory_format=memory_format).requires_grad_()
    by = [x, layer.weight, layer.bias]
    for found, expected in zip(_with_gradients(layer(x), by), _with_gradients(conv2d(*by), by), strict=True):
        assert torch.equal(found, expected)


def _whole(shape: Sequence[int]) -> Tensor:
    """Whole numbers from -9 to 9."""
    return torch.randint(-9, 10, tuple(shape), generator=generator(2)).double()


def _with_gradients(values: Tensor, by: list[Tensor]) -> list[Tensor]:
    """Values, and the gradients of the sum of their squares."""
    return [values, *torch.autograd.grad((values**2).sum(), by)]


def test_single_filter_rounds_once_in_bfloat16() -> None:
    """Its rows' sums are not rounded one by one: the result is the plain convolution's, bit for bit."""
    layer, x = SingleFilter(32, 1, 5), torch.randn(2, 32, 9, 8, generator=generator(3))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(layer(x), conv2d(x, layer.weight, layer.bias))


def test_linear_output_can_be_negative() -> None:
    """Recipe corrected's output passes what the last convolution gives; the published one's never is below 0."""
    x = torch.randn(8, 9, 33, 33, generator=generator(1))
    outputs = {}
    for name in ("corrected", "published"):
        network = make_network("SOPTIIp", recipe(name))
        initialise(network, "pytorch", seed=0)
        with torch.no_grad():
            outputs[name] = network(x)
    assert outputs["corrected"].min() < 0
    assert torch.equal(outputs["published"], outputs["corrected"].clamp(min=0))


def test_change_is_added_to_interpolation() -> None:
    """A network that computes no change gives the mean of F- and F+ of the inner pixels."""
    network = make_network("SOPTII", recipe("tuned"))
    for parameter in network.parameters():
        nn.init.zeros_(parameter)
    x = torch.randn(2, 8, 33, 30, generator=generator())
    with torch.no_grad():
        assert torch.equal(network(x)[:, 0], (x[:, 6, 8:-8, 8:-8] + x[:, 7, 8:-8, 8:-8]) / 2)


@pytest.mark.parametrize("variant", ["SAR", "SARp", "OPTI", "SOPTI", "SOPTIp"])
def test_change_needs_both_optical_dates(variant: str) -> None:
    """A variant without F+ cannot predict the change against interpolation."""
    with pytest.raises(SettingError, match=f"variant {variant} has no .*NDVI_AFTER; choose OPTII, SOPTII or SOPTIIp"):
        make_network(variant, recipe("tuned"))


@pytest.mark.parametrize("gradient", [0.0, 0.5])
def test_gradient_of_the_rectifier(gradient: float) -> None:
    """0 below 0, 1 above, and at exactly 0 what is asked for."""
    x = torch.tensor([-2.0, -0.0, 0.0, 3.0], requires_grad=True)
    y = Rectify(gradient)(x)
    y.sum().backward()
    assert y.tolist() == [0, 0, 0, 3]
    assert x.grad is not None
    assert x.grad.tolist() == [0, gradient, gradient, 1]


def test_other_gradients_are_refused() -> None:
    """No framework has a gradient of 0.3 at 0."""
    with pytest.raises(SettingError, match=r"rectify_gradient_at_zero is 0.3; choose 0 .* or 0.5"):
        Rectify(0.3)


@pytest.mark.parametrize("output", ["linear", "rectify"])
def test_change_stands_before_what_it_is_added_to(output: str) -> None:
    """Where the change is computed, conv3/out is that change, and the output adds the interpolation."""
    network = started(2, interpolates=(0, 1), output=output)
    x = torch.randn(2, 2, 13, 12, dtype=torch.float64, generator=generator(1))
    stages = network.stages(x)
    assert list(stages)[-3:] == ["conv3/pre", "conv3/out", "output"]
    change = stages["conv3/pre"].clamp(min=0) if output == "rectify" else stages["conv3/pre"]
    assert torch.equal(stages["conv3/out"], change)
    assert torch.equal(stages["output"], change + x[:, :, 4:-4, 4:-4].mean(dim=1, keepdim=True))
