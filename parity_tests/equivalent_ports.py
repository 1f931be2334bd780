"""Equivalent ports: other ways to compute the same, planted in the port, in which the judge must find no fault."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional

from parity_tests.mutation import Plant, replaced, together, wrapped
from parity_tests.zoo_network import CONVOLUTIONS
from port.network import FusionCNN

Convolve = Callable[[Tensor, Tensor, Tensor], Tensor]


def _convolving(convolve: Convolve) -> Plant:
    """Every convolution of the network computed by a function of images, filters and biases."""

    def forward(_: object, layer: nn.Conv2d, images: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return convolve(images, weight, bias)

    return together(*(wrapped(kind, "_conv_forward", forward) for kind in CONVOLUTIONS))


def _channels_last(images: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    images, weight = (value.contiguous(memory_format=torch.channels_last) for value in (images, weight))
    return functional.conv2d(images, weight, bias)


def _unfolded(images: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Every window a column, and one product of matrices."""
    rows, cols = (length - side + 1 for length, side in zip(images.shape[2:], weight.shape[2:], strict=True))
    columns = functional.unfold(images, weight.shape[2:])
    return (weight.flatten(1) @ columns + bias[:, None]).unflatten(2, (rows, cols))


def _shifted(images: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """The whole image shifted to each place of the kernel, and added up."""
    height, width = weight.shape[2:]
    rows, cols = images.shape[2] - height + 1, images.shape[3] - width + 1
    total = bias[:, None, None].expand(len(images), -1, rows, cols)
    for i in range(height):
        for j in range(width):
            total = total + torch.einsum("fc,ncyx->nfyx", weight[:, :, i, j], images[:, :, i : i + rows, j : j + cols])
    return total


def _one_by_one(images: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Each image of a batch alone."""
    return torch.cat([functional.conv2d(image[None], weight, bias) for image in images])


def _in_float64(images: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Summed in float64, and rounded once."""
    return functional.conv2d(images.double(), weight.double(), bias.double()).to(images.dtype)


def _threads(count: int) -> Plant:
    @contextmanager
    def plant() -> Iterator[None]:
        before = torch.get_num_threads()
        torch.set_num_threads(count)
        try:
            yield
        finally:
            torch.set_num_threads(before)

    return plant


@contextmanager
def _without_mkldnn() -> Iterator[None]:
    """PyTorch's own convolutions."""
    (before, *_) = torch.backends.mkldnn.set_flags(_enabled=False)
    try:
        yield
    finally:
        torch.backends.mkldnn.set_flags(_enabled=before)


@contextmanager
def _flushing() -> Iterator[None]:
    """Numbers too small for a full mantissa are 0."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


@contextmanager
def _deterministic() -> Iterator[None]:
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)


EQUIVALENT: Mapping[str, Plant] = {
    "channels-last": _convolving(_channels_last),
    "threads-2": _threads(2),
    "threads-4": _threads(4),
    # stage by stage where stages are recorded, as a whole in training
    "compiled": together(
        *(replaced(kind, "_conv_forward", torch.compile) for kind in CONVOLUTIONS),
        replaced(FusionCNN, "forward", torch.compile),
    ),
    "mkldnn-off": _without_mkldnn,
    "denormals-flushed": _flushing,
    "deterministic": _deterministic,
    "unfolded": _convolving(_unfolded),
    "shifted-and-added": _convolving(_shifted),
    "images-one-by-one": _convolving(_one_by_one),
    "sums-in-float64": _convolving(_in_float64),
}
"""By name; none changes what is computed, all change how its sums are rounded, or might."""
