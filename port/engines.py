"""An engine is a way to compute the same network: how its memory lies, whether it is compiled, in what it multiplies.

Weights keep their dtype and their names; only the forward pass, and the backward pass that follows from it, differ.
"""

import getpass
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn

from port.errors import SettingError
from port.recipes import Precision

EngineName = Literal["eager", "channels-last", "compiled", "bfloat16"]
Forward = Callable[[Float[Tensor, "batch channel row col"]], Float[Tensor, "batch 1 inner_row inner_col"]]
DEFAULT: EngineName = "channels-last"
AT_ONCE = 16
"""Images computed at once where no gradient is wanted: their layers fit in a cache, those of 128 patches do not."""


@dataclass(frozen=True)
class _Engine:
    """The layout of images and filters, whether `torch.compile` makes one program of it, what is multiplied in."""

    memory_format: torch.memory_format = torch.channels_last
    compiles: bool = False
    multiplies_in: torch.dtype | None = None


ENGINES: Mapping[EngineName, _Engine] = MappingProxyType(
    {
        "eager": _Engine(memory_format=torch.contiguous_format),
        "channels-last": _Engine(),
        "compiled": _Engine(compiles=True),
        "bfloat16": _Engine(multiplies_in=torch.bfloat16),
    }
)


def check_engine(name: str, precision: Precision, besides: Sequence[str] = ()) -> EngineName:
    """The engine's name, once it is known and computes in the recipe's precision; `besides` may be given in its place.

    Raises:
        SettingError: no such engine, or bfloat16 where float64 is asked for.
    """
    if name not in get_args(EngineName):
        raise SettingError(f"unknown engine {name!r}; choose one of {', '.join((*besides, *ENGINES))}")
    if name == "bfloat16" and precision != "float32":
        raise SettingError(
            f"engine bfloat16 multiplies in 8 bits of mantissa, but precision is {precision}; choose another engine, "
            "or precision float32"
        )
    return name  # type: ignore[return-value]


def uncompiled(engine: EngineName) -> EngineName:
    """The engine of the same layout that computes in the network's own dtype, and is ready at once."""
    return "eager" if engine == "eager" else "channels-last"


def lay_out(network: nn.Module, engine: EngineName) -> None:
    """Lay the network's weights out in memory as the engine wants them, in place."""
    network.to(memory_format=ENGINES[engine].memory_format)  # type: ignore[call-overload]


def forward_by(
    network: nn.Module,
    engine: EngineName = DEFAULT,
    joined: Callable[[nn.Module], nn.Module] = lambda network: network,
) -> Forward:
    """The network's forward pass by an engine: input and output in the dtype of its weights.

    The network is laid out in memory as the engine wants it, in place; its parameters stay its own, under their own
    names, whatever wraps them here. bfloat16 rounds what is multiplied to 8 bits of mantissa and adds up in float32.
    `joined` wraps it first, where several processes train one network.
    """
    chosen = ENGINES[engine]
    lay_out(network, engine)
    whole = joined(network)
    run: Callable[[Tensor], Tensor] = _compiled(whole) if chosen.compiles else whole

    def forward(images: Tensor) -> Tensor:
        if not torch.is_grad_enabled() and len(images) > AT_ONCE:
            return torch.cat([forward(part) for part in torch.split(images, AT_ONCE)])
        laid_out = images.contiguous(memory_format=chosen.memory_format)
        if chosen.multiplies_in is None:
            return run(laid_out)
        with torch.autocast(images.device.type, chosen.multiplies_in):
            return run(laid_out).to(images.dtype)

    return forward


def _compiled(network: nn.Module) -> Callable[[Tensor], Tensor]:
    """The network as one program, taken from a folder of this kind of processor's own, if no other is asked for.

    PyTorch keeps what it compiled under /tmp, and takes what is for AVX-512 where ATEN_CPU_CAPABILITY asks for AVX2:
    the numbers are wrong by two thousand times their rounding (torch 2.13).
    """
    user = getattr(os, "getuid", getpass.getuser)()
    folder = f"torchinductor_{user}_{torch.backends.cpu.get_cpu_capability()}"
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(Path(tempfile.gettempdir()) / folder))
    compiled: Callable[[Tensor], Tensor] = torch.compile(network)
    return compiled
