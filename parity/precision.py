"""Fewer bits: what a number becomes in float16, bfloat16 and TF32, in numpy."""

from collections.abc import Callable, Mapping

import numpy as np

Rounding = Callable[[np.ndarray], np.ndarray]


def float16(values: np.ndarray) -> np.ndarray:
    """The nearest number of 11 significant bits, as PyTorch's `half`; infinity above 65504."""
    with np.errstate(over="ignore"):
        return np.asarray(values, np.float64).astype(np.float16).astype(np.float64)


def bfloat16(values: np.ndarray) -> np.ndarray:
    """The nearest number of 8 significant bits, by way of float32; of two as near the even one."""
    held = np.ascontiguousarray(values, np.float32).view(np.uint32).astype(np.uint64)
    even = (held >> np.uint64(16)) & np.uint64(1)
    rounded = ((held + np.uint64(0x7FFF) + even) & np.uint64(0xFFFF0000)).astype(np.uint32)
    return rounded.view(np.float32).reshape(np.shape(values)).astype(np.float64)


def tf32(values: np.ndarray) -> np.ndarray:
    """The nearest number of 11 significant bits, away from 0 of two that are as near: what a tensor core multiplies."""
    held = np.ascontiguousarray(values, np.float32).view(np.uint32) + np.uint32(1 << 12)
    return _cut(held, np.shape(values))


def tf32_cut(values: np.ndarray) -> np.ndarray:
    """The first 11 significant bits: what a tensor core reads of a float32 that was not rounded for it."""
    return _cut(np.ascontiguousarray(values, np.float32).view(np.uint32), np.shape(values))


def _cut(held: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Float32 values, given as their bits, without the last 13 of these."""
    return (held & np.uint32(0xFFFFE000)).view(np.float32).reshape(shape).astype(np.float64)


def float32(values: np.ndarray) -> np.ndarray:
    """The nearest float32."""
    return np.asarray(values, np.float64).astype(np.float32).astype(np.float64)


ROUNDINGS: Mapping[str, Rounding] = {"float16": float16, "bfloat16": bfloat16}
"""Types that a framework computes in instead, by name."""
