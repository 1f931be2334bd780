"""Fewer bits: what a number becomes in float16, bfloat16 and TF32, in numpy."""

from collections.abc import Callable, Mapping

import numpy as np

Rounding = Callable[[np.ndarray], np.ndarray]


def float16(values: np.ndarray) -> np.ndarray:
    """The nearest number of 11 significant bits, as PyTorch's `half`; infinity above 65504."""
    with np.errstate(over="ignore"):
        return np.asarray(values, np.float64).astype(np.float16).astype(np.float64)


def bfloat16(values: np.ndarray) -> np.ndarray:
    """The nearest number of 8 significant bits, by way of float32."""
    return _kept(values, 8)


def tf32(values: np.ndarray) -> np.ndarray:
    """The nearest number of 11 significant bits, by way of float32: what a tensor core multiplies."""
    return _kept(values, 11)


def float32(values: np.ndarray) -> np.ndarray:
    """The nearest float32."""
    return np.asarray(values, np.float64).astype(np.float32).astype(np.float64)


def _kept(values: np.ndarray, bits: int) -> np.ndarray:
    """Float32 values rounded to so many significant bits, the even one of two that are as near."""
    held = np.ascontiguousarray(values, np.float32).view(np.uint32).astype(np.uint64)
    dropped = np.uint64(24 - bits)
    half = (np.uint64(1) << (dropped - np.uint64(1))) - np.uint64(1)
    even = (held >> dropped) & np.uint64(1)
    rounded = ((held + half + even) >> dropped) << dropped
    return rounded.astype(np.uint32).view(np.float32).reshape(np.shape(values)).astype(np.float64)


ROUNDINGS: Mapping[str, Rounding] = {"float16": float16, "bfloat16": bfloat16}
"""Types that a framework computes in instead, by name."""
