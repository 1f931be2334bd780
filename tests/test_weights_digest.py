"""Equal weights have equal digests, however they lie in memory; others do not."""

import torch
from torch import nn

from port.initialisation import initialise
from port.network import FusionCNN, make_network
from port.recipes import recipe
from port.weights_digest import weights_digest


def _network(seed: int = 0) -> FusionCNN:
    network = make_network("OPTII", recipe())
    initialise(network, "pytorch", seed=seed)
    return network


def test_layout_and_compilation_change_nothing() -> None:
    """16 hexadecimal digits, the same for channels_last and under torch.compile."""
    expected = weights_digest(_network())
    assert len(expected) == 16
    assert weights_digest(_network().to(memory_format=torch.channels_last)) == expected
    assert weights_digest(nn.ModuleDict({"_orig_mod": _network()})) == expected  # the names that torch.compile gives


def test_one_bit_changes_it() -> None:
    """The smallest change of one bias is another digest."""
    network = _network()
    with torch.no_grad():
        bias = network.conv3.bias
        bias.copy_(torch.nextafter(bias, torch.ones_like(bias)))
    assert weights_digest(network) != weights_digest(_network())
