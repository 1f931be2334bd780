"""Known mistakes of losses and gradients: squares for magnitudes, sums for means, filters not flipped back."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from parity.bounds import sum_factor, unit_roundoff
from parity.data_operations import transformed
from parity.fitting import factor, moved, order_of, told_order
from parity.mistakes import Call, Mistake, Outcome, Suspected
from parity.mistakes_precision import ANY
from parity.precision import ROUNDINGS, tf32
from parity.symmetries import symmetries

Turn = Callable[[np.ndarray], np.ndarray]
TURNED: Mapping[int, tuple[str, str]] = {
    1: ("gradient-filters-rotated", "filters turned in the gradient"),
    2: ("gradient-filters-not-flipped", "filters not flipped in the gradient"),
    3: ("gradient-filters-rotated", "filters turned back in the gradient"),
    4: ("gradient-filters-flipped-in-rows-only", "filters' columns not flipped in the gradient"),
    5: ("gradient-filters-transposed", "filters transposed instead of flipped in the gradient"),
    6: ("gradient-filters-flipped-in-cols-only", "filters' rows not flipped in the gradient"),
    7: ("gradient-filters-transposed-and-flipped", "filters flipped and transposed in the gradient"),
}
"""The mistake by the symmetry that filters show in a gradient beyond that of the forward pass."""


def other_loss(call: Call, _recorded: np.ndarray) -> Iterator[Mistake]:
    """Squares, or the root of their mean, in place of magnitudes; of a loss: scores have formulas of their own."""
    if "dtype" in call.node.attributes:
        return
    yield Mistake("squared-error", "squared error for absolute error", partial(_of_differences, np.square))
    yield Mistake("root-of-squared-error", "root of the mean squared error", _rooted)


def _of_differences(kind: np.ufunc, call: Call) -> Call:
    return replace(call, instead=partial(_mean_of, kind))


def _mean_of(kind: np.ufunc, call: Call) -> Outcome:
    prediction, target = (values.astype(np.float64) for values in call.inputs)
    result = np.asarray(kind(prediction - target).mean())
    return result, np.asarray(_bound(call, prediction.size + 4) * np.abs(result))


def _rooted(call: Call) -> Call:
    return _of_differences(np.square, call).then(
        lambda result, bound: (np.asarray(np.sqrt(result)), np.asarray(bound / np.sqrt(result)))
    )


def other_loss_gradient(_call: Call, _recorded: np.ndarray) -> Iterator[Mistake]:
    """The gradient of squares."""
    yield Mistake("squared-error", "squared error for absolute error", lambda call: replace(call, instead=_of_squares))


def _of_squares(call: Call) -> Outcome:
    prediction, target = (values.astype(np.float64) for values in call.inputs)
    result = 2 * (prediction - target) / prediction.size
    scale = 2 * (np.abs(prediction) + np.abs(target)) / prediction.size
    return result, np.asarray(_bound(call, 4) * scale)


def _bound(call: Call, terms: int) -> float:
    return sum_factor(terms) * unit_roundoff(call.dtype)


def other_mean(call: Call, _recorded: np.ndarray) -> Iterator[Mistake]:
    """A sum, or a mean over the batch or the pixels alone; of a loss, no score."""
    if "dtype" in call.node.attributes:
        return
    shape = call.inputs[0].shape
    batch, count = float(shape[0]), float(np.prod(shape))
    yield Mistake("sum-for-mean", "sum for mean", partial(times, count))
    if batch not in (1.0, count):
        yield Mistake("mean-over-batch-only", "mean over the batch only", partial(times, count / batch))
        yield Mistake("mean-over-pixels-only", "mean over the pixels only", partial(times, batch))


def times(by: float, call: Call) -> Call:
    """The same call with a result so many times as large: one more rounding."""
    eps = np.finfo(call.dtype).eps
    return call.then(lambda result, bound: (result * by, np.abs(bound * by) + 2 * eps * np.abs(result * by)))


def scaled(call: Call, recorded: np.ndarray) -> Iterator[Mistake]:
    """The whole gradient by a factor."""
    by = factor(call.outcome()[0], recorded)
    if by is not None:
        yield Mistake("gradient-scaled", f"gradient scaled by {by:.7g}", partial(times, by), by, fitted=1)


def mean_for_sum(call: Call, _recorded: np.ndarray) -> Iterator[Mistake]:
    """The mean of the gradient over batch and pixels, or over the batch, or the pixels, in place of the sum."""
    batch, _, *sides = call.inputs[0].shape
    pixels = int(np.prod(sides))
    for told, count in (("", batch * pixels), (" over the batch", batch), (" over the pixels", pixels)):
        yield Mistake("bias-gradient-mean", f"mean{told} for the sum", partial(times, 1 / count))


def weights_laid_otherwise(call: Call, _recorded: np.ndarray) -> Iterator[Mistake]:
    """The gradient of the filters in another symmetry: not flipped back, in one axis only, transposed."""
    for number in symmetries(*call.outcome()[0].shape[-2:]):
        yield Mistake(*TURNED[number], partial(_result_turned, partial(transformed, symmetry=number)))


def filters_read_otherwise(call: Call, _recorded: np.ndarray) -> Iterator[Mistake]:
    """The gradient of the input through filters in another symmetry: not flipped back, in one axis only, transposed."""
    for number in symmetries(*call.inputs[0].shape[-2:]):
        yield Mistake(*TURNED[number], partial(_filters_turned, partial(transformed, symmetry=number)))


def filters_in_fewer_bits(_call: Call, _recorded: np.ndarray) -> Iterator[Mistake]:
    """The gradient of the input through filters of fewer bits."""
    for name, rounding in {**ROUNDINGS, "tf32": tf32}.items():
        mistake = f"weights-{name}" if name in ROUNDINGS else name
        yield Mistake(mistake, f"filters rounded to {name} in the gradient", partial(_filters_turned, rounding))


def _result_turned(turn: Turn, call: Call) -> Call:
    return call.then(lambda result, bound: (turn(result), turn(bound)))


def _filters_turned(turn: Turn, call: Call) -> Call:
    return call.fed(0, turn(call.inputs[0]))


def maps_otherwise(call: Call, recorded: np.ndarray) -> Iterator[Mistake]:
    """The gradient's maps in another order, as each is found among the sound ones."""
    result, _ = call.outcome()
    if result.shape != recorded.shape:
        return
    for axis, name in enumerate(("filters-permuted", "input-maps-permuted")):
        if result.shape[axis] > 1:
            order = order_of(np.moveaxis(result, axis, 0), np.moveaxis(recorded, axis, 0))
            if moved(order) and len(set(order)) == len(order):
                told = f"gradient's {name.replace('-', ' ').replace(' permuted', '')} permuted ({told_order(order)})"
                yield Mistake(f"gradient-{name}", told, partial(_in_order, order, axis), fitted=moved(order))


def _in_order(order: list[int], axis: int, call: Call) -> Call:
    return _result_turned(partial(np.take, indices=order, axis=axis), call)


LOSS = (other_loss, other_mean, *ANY)
WEIGHTS = (weights_laid_otherwise, maps_otherwise, scaled, *ANY)
INPUT = (filters_read_otherwise, filters_in_fewer_bits, maps_otherwise, scaled, *ANY)
SUSPECTS: Suspected = {
    "mean_absolute_error": LOSS,
    "mean_absolute_error_gradient": (other_loss_gradient, other_mean, scaled, *ANY),
    "bias_gradient": (mean_for_sum, scaled, *ANY),
    "convolution_valid_gradient_weights": WEIGHTS,
    "correlation_valid_gradient_weights": WEIGHTS,
    "convolution_valid_gradient_input": INPUT,
    "correlation_valid_gradient_input": INPUT,
    "rectify_gradient": (scaled,),
}
