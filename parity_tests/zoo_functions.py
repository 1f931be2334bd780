"""Wrong functions with gradients of their own, for the zoo: each is right in all but one thing."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional


class PassedOn(Function):
    """max(x, 0) whose gradient is 1 everywhere."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """The rectified tensor."""
        return torch.relu(x)

    @staticmethod
    def backward(ctx: Any, delta: Tensor) -> Tensor:
        """All of it, whatever was rectified."""
        return delta


class TiesAbove(Function):
    """|x| whose gradient at exactly 0 is 1."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """The absolute values."""
        ctx.save_for_backward(x)
        return x.abs()

    @staticmethod
    def backward(ctx: Any, delta: Tensor) -> Tensor:
        """The sign, of 0 as of what is above."""
        (x,) = ctx.saved_tensors
        return torch.where(x >= 0, delta, -delta)


class MeanBias(Function):
    """A bias at every pixel of a valid convolution, whose gradient is a mean."""

    @staticmethod
    def forward(ctx: Any, bias: Tensor, x: Tensor, weight: Tensor) -> Tensor:
        """(batch, out, row, col) of the biases."""
        rows, cols = (length - side + 1 for length, side in zip(x.shape[2:], weight.shape[2:], strict=True))
        return bias[None, :, None, None].expand(len(x), -1, rows, cols).clone()

    @staticmethod
    def backward(ctx: Any, delta: Tensor) -> tuple[Tensor, None, None]:
        """The mean over batch, rows and columns."""
        return delta.mean(dim=(0, 2, 3)), None, None


class FlippedGradient(Function):
    """A valid correlation whose gradient by its input is taken with filters the wrong way round."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """The correlation, as it should be."""
        ctx.save_for_backward(x, weight)
        return functional.conv2d(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, delta: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """By the input wrong, by filters and biases right."""
        x, weight = ctx.saved_tensors
        by_input = torch.nn.grad.conv2d_input(x.shape, weight.flip(2, 3), delta)
        return by_input, torch.nn.grad.conv2d_weight(x, weight.shape, delta), delta.sum(dim=(0, 2, 3))


class AsTf32(Function):
    """float32 numbers to the nearest of 10 bits of mantissa, ties away from 0; the gradient passes through."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """The rounded numbers."""
        return ((x.contiguous().view(torch.int32) + 0x1000) & ~0x1FFF).view(torch.float32)

    @staticmethod
    def backward(ctx: Any, delta: Tensor) -> Tensor:
        """Unchanged."""
        return delta


def as_tf32(x: Tensor) -> Tensor:
    """Of 10 bits of mantissa, as the tensor cores of a GPU read float32."""
    rounded: Tensor = AsTf32.apply(x)
    return rounded
