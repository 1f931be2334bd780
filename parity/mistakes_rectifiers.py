"""Known mistakes of rectifiers and of the lack of one, forward and backward."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from parity.fitting import factor
from parity.mistakes import Call, Mistake, Outcome, Suspected
from parity.mistakes_precision import ANY

AT_ZERO = (0.0, 0.5, 1.0)
"""What programs pass of a gradient where the pre-activation is exactly 0."""


def other_nonlinearity(call: Call, recorded: np.ndarray) -> Iterator[Mistake]:
    """None, one that leaks, or the bias added behind it."""
    yield Mistake("rectifier-missing", "rectifier missing", partial(_applied, slope=1.0))
    before = call.inputs[0]
    slope = factor(np.where(before < 0, before, 0), recorded) if recorded.shape == before.shape else None
    if slope not in (None, 0.0, 1.0):
        told = f"rectifier leaks {slope:.7g} of what is below 0"
        yield Mistake("rectifier-leaky", told, partial(_applied, slope=slope), slope, fitted=1)
    yield from bias_afterwards(call)


def rectifier_added(_call: Call, _recorded: np.ndarray) -> Iterator[Mistake]:
    """A rectifier where there is none."""
    yield Mistake("rectifier-added", "rectifier added", partial(_applied, slope=0.0))


def _applied(call: Call, slope: float) -> Call:
    return replace(call, instead=partial(_leaky, slope=slope))


def _leaky(call: Call, slope: float) -> Outcome:
    """The input where it is above 0, else a part of it; one rounding of the product where there is one."""
    before = call.inputs[0].astype(np.float64)
    result = np.where(before > 0, before, slope * before)
    bound = np.zeros(before.shape) if slope in (0.0, 1.0) else _one_rounding(call, result) * (before < 0)
    return result, bound


def _one_rounding(call: Call, result: np.ndarray) -> np.ndarray:
    """What a program that multiplied by a number rounded otherwise may differ by."""
    return np.asarray(2 * np.finfo(call.dtype).eps * np.abs(result))


def bias_afterwards(call: Call) -> Iterator[Mistake]:
    """The bias of the layer before added behind the rectifier: a second time, or there only."""
    before = next((node for node in call.graph if node.stage == call.node.inputs[0] and len(node.inputs) == 3), None)
    if before is None or not call.values[before.inputs[2]].any():
        return
    name = before.inputs[2]
    told = "bias added after the rectifier"
    yield Mistake("bias-after-rectifier", told, partial(_with_bias, name, False))
    yield Mistake("bias-after-rectifier", told, partial(_with_bias, name, True), detail="and not before it")


def _with_bias(name: str, alone: bool, call: Call) -> Call:
    return replace(call, instead=partial(_rectified_and_biased, name, alone))


def _rectified_and_biased(name: str, alone: bool, call: Call) -> Outcome:
    """max(x, 0) + b, or max(x - b, 0) + b; a rounding of each sum."""
    before = call.inputs[0].astype(np.float64)
    b = call.values[name].astype(np.float64).reshape(-1, *[1] * (before.ndim - 2))
    result = np.maximum(before - b, 0) + b if alone else np.maximum(before, 0) + b
    return result, np.asarray(2 * np.finfo(call.dtype).eps * (np.abs(before) + 2 * np.abs(b)))


def gradient_at_zero(call: Call, recorded: np.ndarray) -> Iterator[Mistake]:
    """Another part of the gradient where the pre-activation is exactly 0."""
    before, delta = call.inputs
    told = call.node.attributes.get("at_zero")
    for part in AT_ZERO:
        if part != told:
            yield _at_zero(part, fitted=0)
    if before.shape == recorded.shape == delta.shape:
        found = factor(np.where(before == 0, delta, 0), recorded)
        if found is not None and found not in (told, *AT_ZERO):
            yield _at_zero(found, fitted=1)


def _at_zero(part: float, fitted: int) -> Mistake:
    words = f"gradient of the rectifier at exactly 0 is {part:.7g}"
    return Mistake("rectifier-gradient-at-zero", words, lambda call: call.telling(at_zero=part), part, fitted)


def gradient_passed(_call: Call, _recorded: np.ndarray) -> Iterator[Mistake]:
    """The gradient passed where the rectifier held its input back."""
    yield Mistake("rectifier-missing", "gradient passed as if there were no rectifier", _passed)


def _passed(call: Call) -> Call:
    return replace(call, instead=lambda call: (call.inputs[1], np.zeros(call.inputs[1].shape)))


def gradient_of_identity(call: Call, _recorded: np.ndarray) -> Iterator[Mistake]:
    """A gradient held back as if the stage before it had been rectified."""
    stage = call.node.stage.removeprefix("grad/")
    if stage != call.node.stage and stage in call.values and call.values[stage].shape == call.inputs[0].shape:
        yield Mistake("rectifier-added", "gradient held back as by a rectifier", partial(_gated, stage))


def _gated(stage: str, call: Call) -> Call:
    gate = call.values[stage] > 0
    return call.then(lambda result, bound: (result * gate, bound))


SUSPECTS: Suspected = {
    "rectify": (other_nonlinearity, *ANY),
    "identity": (rectifier_added, gradient_of_identity, *ANY),
    "rectify_gradient": (gradient_at_zero, gradient_passed, *ANY),
}
