"""The start is Lasagne's to the last bit, or PyTorch's, and follows from its seed alone."""

import numpy as np
import pytest
import torch

from port.errors import SettingError
from port.initialisation import initialise
from port.lasagne_weights import from_state
from port.network import LAYERS, make_network
from port.recipes import recipe


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("filters", ["flipped", "as-stored"])
def test_normal_start_is_numpy_s_stream(filters: str, precision: str) -> None:
    """In Lasagne's orientation: what one RandomState draws for W of conv1, conv2, conv3 in turn, cast; biases 0."""
    network = make_network("SOPTIIp", recipe("original", precision=precision))
    initialise(network, "normal-0.001", seed=11, filters=filters)
    W1, b1, W2, b2, W3, b3 = from_state(network.state_dict(), filters)
    random = np.random.RandomState(11)
    for W, shape in ((W1, (48, 9, 9, 9)), (W2, (32, 48, 5, 5)), (W3, (1, 32, 5, 5))):
        assert W.dtype == precision
        assert np.array_equal(W, random.normal(0, 0.001, size=shape).astype(precision))
    assert not any(b.any() for b in (b1, b2, b3))


def test_normal_start_is_the_paper_s() -> None:
    """Weights N(0, 0.001): the standard deviation of 93 thousand draws is within 4 of its own deviations."""
    network = make_network("SOPTIIp", recipe("original"))
    initialise(network, "normal-0.001", seed=0)
    weights = torch.cat([value.ravel() for name, value in network.named_parameters() if name.endswith("weight")])
    assert abs(weights.std() / 0.001 - 1) < 4 / (2 * len(weights)) ** 0.5
    assert abs(weights.mean() / 0.001) < 4 / len(weights) ** 0.5


def test_default_start_is_pytorch_s() -> None:
    """Weights and biases are within 1 / sqrt(fan in), and reach close to it."""
    network = make_network("SOPTIIp", recipe())
    initialise(network, "pytorch", seed=0)
    for layer, convolution in zip(LAYERS, (network.conv1, network.conv2, network.conv3), strict=True):
        bound = (convolution.in_channels * layer.side_px**2) ** -0.5
        assert 0.98 * bound < convolution.weight.abs().max() <= bound
        assert convolution.bias.abs().max() <= bound


@pytest.mark.parametrize("how", ["pytorch", "normal-0.001"])
def test_a_seed_gives_one_network_in_both_precisions(how: str) -> None:
    """The float32 start is the float64 start, rounded; another seed gives another."""
    single, double, other = (
        make_network("SAR", recipe(precision=precision)) for precision in ("float32", "float64", "float32")
    )
    for network, seed in ((single, 3), (double, 3), (other, 4)):
        initialise(network, how, seed=seed)
    for mine, exact in zip(single.parameters(), double.parameters(), strict=True):
        assert torch.equal(mine, exact.float())
    assert not torch.equal(single.conv1.weight, other.conv1.weight)


def test_seed_that_numpy_does_not_take_is_refused() -> None:
    """The error holds the seed and the largest one."""
    with pytest.raises(SettingError, match=r"seed 4294967296 cannot start .* choose one from 0 to 4294967295"):
        initialise(make_network("SAR", recipe()), "normal-0.001", seed=2**32)
