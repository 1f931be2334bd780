"""What the machine can do: its matrix products and its memory, in the same run as what is held against them."""

import os
import platform
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

GEMM_SIDES = (512, 1024, 2048)
"""Sides of the square matrices multiplied; the rate of a dtype is that of the side with the best median."""
GEMM_DTYPES = ("float32", "bfloat16")
MEMORY_FLOATS = 64 * 2**20
"""Length of each array that is read, copied and added: 256 MiB, many times a cache."""
FLAGS = ("avx2", "fma", "avx512f", "avx512_bf16", "amx_bf16")
"""What decides the rates, among the CPU's instructions."""
PACKAGES = ("torch", "numpy", "onnxruntime")


def seconds_a_call(call: Callable[[], object], minimum_s: float) -> float:
    """Seconds that a call takes, the mean of as many as fill `minimum_s`."""
    calls, elapsed, started = 0, 0.0, perf_counter()
    while not calls or elapsed < minimum_s:
        call()
        calls += 1
        elapsed = perf_counter() - started
    return elapsed / calls


def facts(threads: int) -> dict[str, Any]:
    """CPU, its instructions among FLAGS, cores, threads used, and the versions of what computes."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if Path("/proc/cpuinfo").is_file() else []
    told = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    return {
        "cpu": told.get("model name") or platform.processor() or platform.machine(),
        "flags": [flag for flag in FLAGS if flag in told.get("flags", "").split()],
        "cores": len(os.sched_getaffinity(0)),
        "threads": threads,
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {"python": platform.python_version(), **{package: version(package) for package in PACKAGES}},
    }


class Rates:
    """The machine's rates by name: `gemm float32 1024` in GFLOP/s; `memory read`, `copy` and `triad` in GB/s."""

    def __init__(self, memory_floats: int = MEMORY_FLOATS) -> None:
        generator = torch.Generator().manual_seed(0)
        self._matrices = {
            (dtype, side): torch.randn(side, side, generator=generator).to(getattr(torch, dtype))
            for dtype in GEMM_DTYPES
            for side in GEMM_SIDES
        }
        self._a, self._b, self._c = (torch.ones(memory_floats) for _ in range(3))

    def round(self, minimum_s: float) -> dict[str, float]:
        """Every rate, measured once."""
        return {name: work / seconds_a_call(call, minimum_s) / 1e9 for name, work, call in self._measurements()}

    def _measurements(self) -> Iterator[tuple[str, float, Callable[[], Tensor]]]:
        """Of each rate its name, the operations or bytes of a call, and the call."""
        for (dtype, side), matrix in self._matrices.items():
            out = torch.empty_like(matrix)
            yield f"gemm {dtype} {side}", 2.0 * side**3, lambda m=matrix, out=out: torch.mm(m, m, out=out)
        a, b, c = self._a, self._b, self._c
        size = a.numel() * a.element_size()
        yield "memory read", size, b.max
        yield "memory copy", 2 * size, lambda: a.copy_(b)
        yield "memory triad", 3 * size, lambda: torch.add(b, c, alpha=3.0, out=a)
