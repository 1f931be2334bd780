"""Known mistakes of precision that any stage can show: another dtype, a result of fewer bits, a detour by float32."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from parity.mistakes import Afterwards, Call, Mistake, Outcome
from parity.precision import ROUNDINGS, Rounding, float32


def other_dtype(call: Call, recorded: np.ndarray) -> Iterator[Mistake]:
    """Of an entry of another dtype: all is computed in it, or in fewer bits and written in more."""
    if recorded.dtype.kind != "f" or call.entry.kind != "f":
        return
    if recorded.dtype != call.entry:
        told = f"computed as {recorded.dtype}, not {call.entry}"
        yield Mistake("other-dtype", told, lambda call: computed_in(call, recorded.dtype, recorded.dtype))
    elif call.entry == np.float64 and _is_float32(recorded):
        wider = np.dtype(np.float64)
        yield Mistake(
            "computed-in-float32",
            "computed in float32 and written as float64",
            lambda call: computed_in(call, np.dtype(np.float32), wider).then(after(float32)),
        )


def computed_in(call: Call, dtype: np.dtype[np.generic], entry: np.dtype[np.generic]) -> Call:
    """The same call in a dtype, its entry in perhaps another."""
    return replace(call, dtype=dtype if dtype.kind == "f" else call.dtype, entry=entry)


def _is_float32(recorded: np.ndarray) -> bool:
    """Whether every number is one of float32: what has more bits was not computed with so few."""
    return bool(np.array_equal(float32(recorded), recorded, equal_nan=True))


def rounded_result(call: Call, recorded: np.ndarray) -> Iterator[Mistake]:
    """The result in fewer bits; tried where what is recorded has no more."""
    for name, rounding in ROUNDINGS.items():
        if recorded.dtype.kind == "f" and np.array_equal(rounding(recorded), recorded, equal_nan=True):
            yield Mistake(f"rounded-{name}", f"result rounded to {name}", partial(_then, after(rounding)))


def _then(step: Afterwards, call: Call) -> Call:
    return call.then(step)


def after(rounding: Rounding) -> Afterwards:
    """A step that rounds a result; what is near the middle of two may become either."""

    def step(result: np.ndarray, bound: np.ndarray) -> Outcome:
        near = [rounding(result + sign * bound) for sign in (-1, 1)]
        rounded = rounding(result).astype(result.dtype)
        return rounded, np.maximum(bound, np.maximum(*(np.abs(one - rounded) for one in near)))

    return step


ANY = (other_dtype, rounded_result)
"""Families for every operation."""
