"""A weights digest names a network's weights by their content: equal weights, equal name, whatever their file."""

import hashlib

from torch import nn

from port.checkpoints import clean_name

_HEX_DIGITS = 16


def weights_digest(network: nn.Module) -> str:
    """The first 16 hexadecimal digits of SHA-256 over each parameter's name, dtype, shape and values, by name.

    The layout in memory and a wrapper by `torch.compile` change nothing.
    """
    content = hashlib.sha256()
    parameters = {clean_name(name): value.detach() for name, value in network.named_parameters()}
    for name, value in sorted(parameters.items()):
        content.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        content.update(value.contiguous().numpy().tobytes())
    return content.hexdigest()[:_HEX_DIGITS]
